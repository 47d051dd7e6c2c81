/**
 * Every command of xl 4.17, in the order of its help. One without `load` is not modelled yet: xl's own word for a command
 * that is not there is what it answers, and a prefix means the same command as on the real machine.
 */
import type { Command } from "../command.ts";

export interface CommandRow {
  readonly name: string;
  /** Loads the command alone: `xl list` reads no other. */
  readonly load?: () => Promise<Command>;
}

export const XL_COMMANDS: readonly CommandRow[] = [
  { name: "create", load: async () => (await import("./create.ts")).create },
  { name: "config-update", load: async () => (await import("./config-update.ts")).configUpdate },
  { name: "list", load: async () => (await import("./list.ts")).list },
  { name: "destroy", load: async () => (await import("./destroy.ts")).destroy },
  { name: "shutdown", load: async () => (await import("./shutdown.ts")).shutdown },
  { name: "reboot", load: async () => (await import("./reboot.ts")).reboot },
  { name: "pci-attach" },
  { name: "pci-detach" },
  { name: "pci-list" },
  { name: "pci-assignable-add" },
  { name: "pci-assignable-remove" },
  { name: "pci-assignable-list" },
  { name: "pause", load: async () => (await import("./pause.ts")).pause },
  { name: "unpause", load: async () => (await import("./unpause.ts")).unpause },
  { name: "console", load: async () => (await import("./console.ts")).consoleCommand },
  { name: "vncviewer" },
  { name: "save", load: async () => (await import("./save.ts")).save },
  { name: "migrate", load: async () => (await import("./migrate.ts")).migrate },
  { name: "restore", load: async () => (await import("./restore.ts")).restore },
  { name: "migrate-receive", load: async () => (await import("./migrate-receive.ts")).migrateReceive },
  { name: "dump-core", load: async () => (await import("./dump-core.ts")).dumpCore },
  { name: "cd-insert", load: async () => (await import("./cd-insert.ts")).cdInsert },
  { name: "cd-eject", load: async () => (await import("./cd-eject.ts")).cdEject },
  { name: "mem-max", load: async () => (await import("./mem-max.ts")).memMax },
  { name: "mem-set", load: async () => (await import("./mem-set.ts")).memSet },
  { name: "button-press", load: async () => (await import("./button-press.ts")).buttonPress },
  { name: "vcpu-list", load: async () => (await import("./vcpu-list.ts")).vcpuList },
  { name: "vcpu-pin", load: async () => (await import("./vcpu-pin.ts")).vcpuPin },
  { name: "vcpu-set", load: async () => (await import("./vcpu-set.ts")).vcpuSet },
  { name: "vm-list", load: async () => (await import("./vm-list.ts")).vmList },
  { name: "info", load: async () => (await import("./info.ts")).info },
  { name: "sharing" },
  { name: "sched-credit", load: async () => (await import("./sched-credit.ts")).schedCredit },
  { name: "sched-credit2", load: async () => (await import("./sched-credit2.ts")).schedCredit2 },
  { name: "sched-rtds", load: async () => (await import("./sched-rtds.ts")).schedRtds },
  { name: "domid", load: async () => (await import("./domid.ts")).domid },
  { name: "domname", load: async () => (await import("./domname.ts")).domname },
  { name: "rename", load: async () => (await import("./rename.ts")).rename },
  { name: "trigger", load: async () => (await import("./trigger.ts")).trigger },
  { name: "sysrq", load: async () => (await import("./sysrq.ts")).sysrq },
  { name: "debug-keys", load: async () => (await import("./debug-keys.ts")).debugKeys },
  { name: "set-parameters", load: async () => (await import("./set-parameters.ts")).setParameters },
  { name: "dmesg", load: async () => (await import("./dmesg.ts")).dmesg },
  { name: "top" },
  { name: "network-attach" },
  { name: "network-list" },
  { name: "network-detach" },
  { name: "channel-list" },
  { name: "block-attach", load: async () => (await import("./block-attach.ts")).blockAttach },
  { name: "block-list", load: async () => (await import("./block-list.ts")).blockList },
  { name: "block-detach", load: async () => (await import("./block-detach.ts")).blockDetach },
  { name: "vtpm-attach" },
  { name: "vtpm-list" },
  { name: "vtpm-detach" },
  { name: "vkb-attach" },
  { name: "vkb-list" },
  { name: "vkb-detach" },
  { name: "vdispl-attach" },
  { name: "vdispl-list" },
  { name: "vdispl-detach" },
  { name: "vsnd-attach" },
  { name: "vsnd-list" },
  { name: "vsnd-detach" },
  { name: "uptime", load: async () => (await import("./uptime.ts")).uptime },
  { name: "claims", load: async () => (await import("./claims.ts")).claims },
  { name: "cpupool-create" },
  { name: "cpupool-list" },
  { name: "cpupool-destroy" },
  { name: "cpupool-rename" },
  { name: "cpupool-cpu-add" },
  { name: "cpupool-cpu-remove" },
  { name: "cpupool-migrate" },
  { name: "cpupool-numa-split" },
  { name: "getenforce" },
  { name: "setenforce" },
  { name: "loadpolicy" },
  { name: "remus" },
  { name: "devd" },
  { name: "psr-hwinfo" },
  { name: "psr-cmt-attach" },
  { name: "psr-cmt-detach" },
  { name: "psr-cmt-show" },
  { name: "psr-cat-set" },
  { name: "psr-cat-show" },
  { name: "psr-mba-set" },
  { name: "psr-mba-show" },
  { name: "usbctrl-attach" },
  { name: "usbctrl-detach" },
  { name: "usbdev-attach" },
  { name: "usbdev-detach" },
  { name: "usb-list" },
  { name: "qemu-monitor-command" },
];

/** The command of that name, or the only one whose name begins so. */
export function findCommand(name: string, rows: readonly CommandRow[]): CommandRow | undefined {
  const exact = rows.find((row) => row.name === name);
  if (exact !== undefined) return exact;
  const candidates = rows.filter((row) => row.name.startsWith(name));
  return candidates.length === 1 ? candidates[0] : undefined;
}
