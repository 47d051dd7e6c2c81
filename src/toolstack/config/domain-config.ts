/**
 * A domain's configuration as the toolstack builds from it: what xl.cfg's keys mean once parsed and defaulted.
 * Keys that the model does not use yet are kept in `rest`, so that nothing a user wrote is lost.
 */
import { type DiskConfig, toDiskConfig } from "./disk-config.ts";
import type { CfgSetting } from "./grammar.ts";
import type { ActionOnShutdown, LibxlDomainConfig } from "./libxl-types.ts";
import type { Settings } from "./parser.ts";

export type ShutdownAction =
  | "destroy"
  | "restart"
  | "rename-restart"
  | "preserve"
  | "coredump-destroy"
  | "coredump-restart"
  | "soft-reset";

export interface DomainConfig {
  readonly name: string;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  readonly type: "pv" | "pvh" | "hvm";
  /** Path as written; resolved by the client's working directory. */
  readonly kernel: string | undefined;
  readonly ramdisk: string | undefined;
  readonly cmdline: string;
  /** A program in dom0 that finds kernel and ramdisk in the first disk; `kernel` and `ramdisk` are then for it to use. */
  readonly bootloader?: { readonly program: string; readonly args: readonly string[] };
  readonly memory: { readonly targetKib: number; readonly maxKib: number };
  readonly vcpus: number;
  readonly maxVcpus: number;
  readonly maxEventChannels: number;
  readonly maxGrantFrames: number | undefined;
  readonly disks: readonly DiskConfig[];
  readonly cpuWeight: number | undefined;
  readonly cap: number | undefined;
  /** pCPUs that each vCPU may run on, and would rather; a vCPU beyond a list's end has no say. Absent: none was given. */
  readonly affinity?: { readonly hard: readonly number[][]; readonly soft: readonly number[][] };
  readonly on: {
    readonly poweroff: ShutdownAction;
    readonly reboot: ShutdownAction;
    readonly watchdog: ShutdownAction;
    readonly crash: ShutdownAction;
    readonly softReset: ShutdownAction;
  };
  /** Every other setting of the file, as parsed. */
  readonly rest: ReadonlyMap<string, CfgSetting>;
}

/** libxl's defaults. */
const DEFAULT_MEMORY_KIB = 32 * 1024;
const DEFAULT_EVENT_CHANNELS = 1023;

const ACTIONS: Readonly<Record<ActionOnShutdown, ShutdownAction>> = {
  destroy: "destroy",
  restart: "restart",
  restart_rename: "rename-restart",
  preserve: "preserve",
  coredump_destroy: "coredump-destroy",
  coredump_restart: "coredump-restart",
  soft_reset: "soft-reset",
};

/** The settings that a {@link DomainConfig} has a field for. */
const USED: ReadonlySet<string> = new Set([
  "name",
  "uuid",
  "type",
  "builder",
  "kernel",
  "firmware",
  "bootloader",
  "bootloader_args",
  "ramdisk",
  "cmdline",
  "root",
  "extra",
  "memory",
  "maxmem",
  "vcpus",
  "maxvcpus",
  "max_event_channels",
  "max_grant_frames",
  "disk",
  "cpu_weight",
  "cap",
  "cpus",
  "cpus_soft",
  "on_poweroff",
  "on_reboot",
  "on_watchdog",
  "on_crash",
  "on_soft_reset",
]);

/** What libxl makes of what xl read: defaults filled in. */
export function toDomainConfig(libxl: LibxlDomainConfig, settings: Settings): DomainConfig {
  const { c_info, b_info } = libxl;
  const maxKib = Number(b_info.max_memkb ?? DEFAULT_MEMORY_KIB);
  const maxVcpus = Number(b_info.max_vcpus ?? 1n);
  return {
    name: c_info.name ?? "",
    uuid: uuidBytes(c_info.uuid ?? ""),
    type: c_info.type ?? "pv",
    kernel: b_info.kernel,
    ramdisk: b_info.ramdisk,
    cmdline: b_info.cmdline ?? "",
    ...(b_info.bootloader === undefined
      ? {}
      : { bootloader: { program: b_info.bootloader, args: b_info.bootloader_args ?? [] } }),
    memory: { targetKib: Number(b_info.target_memkb ?? maxKib), maxKib },
    vcpus: b_info.avail_vcpus?.length ?? 1,
    maxVcpus,
    maxEventChannels: Number(b_info.event_channels || DEFAULT_EVENT_CHANNELS),
    maxGrantFrames: optional(b_info.max_grant_frames),
    disks: (libxl.disks ?? []).map(toDiskConfig),
    cpuWeight: optional(b_info.sched_params.weight),
    cap: optional(b_info.sched_params.cap),
    ...affinityOf(b_info),
    on: {
      poweroff: ACTIONS[libxl.on_poweroff ?? "destroy"],
      reboot: ACTIONS[libxl.on_reboot ?? "restart"],
      watchdog: ACTIONS[libxl.on_watchdog ?? "destroy"],
      crash: ACTIONS[libxl.on_crash ?? "destroy"],
      softReset: ACTIONS[libxl.on_soft_reset ?? "soft_reset"],
    },
    rest: new Map([...settings].filter(([name]) => !USED.has(name))),
  };
}

function affinityOf(info: LibxlDomainConfig["b_info"]): Pick<DomainConfig, "affinity"> {
  const { vcpu_hard_affinity: hard, vcpu_soft_affinity: soft } = info;
  if (hard === undefined && soft === undefined) return {};
  const numbers = (lists: readonly (readonly bigint[])[] = []): number[][] =>
    lists.map((list) => list.map(Number));
  return { affinity: { hard: numbers(hard), soft: numbers(soft) } };
}

/** undefined where libxl's "nobody has said" stands: absent, or -1 for a scheduler's parameter. */
const optional = (value: bigint | undefined): number | undefined =>
  value === undefined || value === -1n ? undefined : Number(value);

/** The 16 bytes of a uuid's text, and back. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) || 0);
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
