/**
 * What `xl create -n` prints: libxl_domain_config of Xen 4.17, fields in the order of libxl_types.idl.
 *
 * A key that xl.cfg knows and no file of {@link ./keys/} reads yet has no field here: its row is added with its reader.
 */
import {
  bool,
  defbool,
  int,
  list,
  oneOf,
  type RecordOf,
  string,
  struct,
  union,
  type ValueOf,
} from "./idl.ts";

/** LIBXL_MEMKB_DEFAULT: nobody has said. */
const memkb = int((1n << 64n) - 1n);
/** A scheduler's parameter that nobody has set is -1. */
const schedParam = int(-1n);
const maxGrant = int(0xffff_ffffn);

export const DOMAIN_TYPES = ["hvm", "pv", "pvh"] as const;
export type DomainType = (typeof DOMAIN_TYPES)[number];

/** LIBXL_ACTION_ON_SHUTDOWN_*, as JSON names them. */
export const actionOnShutdown = oneOf(
  ["destroy", "restart", "restart_rename", "preserve", "coredump_destroy", "coredump_restart", "soft_reset"],
  "destroy",
);
export type ActionOnShutdown = ValueOf<typeof actionOnShutdown>;

export const tscMode = oneOf(["default", "always_emulate", "native", "native_paravirt"], "default");
export const timerMode = oneOf([
  "delay_for_missed_ticks",
  "no_delay_for_missed_ticks",
  "no_missed_ticks_pending",
  "one_missed_tick_pending",
]);
export const passthrough = oneOf(["default", "disabled", "enabled", "sync_pt", "share_pt"], "default");
export const teeType = oneOf(["none", "optee"], "none");
export const gicVersion = oneOf(["DEFAULT", "v2", "v3"], "DEFAULT");
export const vuartType = oneOf(["unknown", "sbsa_uart"], "unknown");
export const altp2mMode = oneOf(["disabled", "mixed", "external", "limited"], "disabled");
export const deviceModelVersion = oneOf(["qemu_xen_traditional", "qemu_xen"]);

/** LIBXL_SCHEDULER_* */
export const SCHEDULERS = ["unknown", "sedf", "credit", "credit2", "arinc653", "rtds", "null"] as const;

const createInfo = struct({
  type: oneOf(DOMAIN_TYPES),
  hap: defbool,
  oos: defbool,
  ssid_label: string,
  name: string,
  domid: int(),
  uuid: string,
  pool_name: string,
  run_hotplug_scripts: defbool,
  driver_domain: defbool,
  passthrough,
  xend_suspend_evtchn_compat: defbool,
});

const schedParams = struct({
  sched: oneOf(SCHEDULERS, "unknown"),
  weight: schedParam,
  cap: schedParam,
  period: schedParam,
  extratime: schedParam,
  slice: schedParam,
  latency: schedParam,
});

const vnc = struct({
  enable: defbool,
  listen: string,
  passwd: string,
  display: int(),
  findunused: defbool,
});

const sdl = struct({
  enable: defbool,
  opengl: defbool,
  display: string,
  xauthority: string,
});

const buildInfo = struct({
  max_vcpus: int(),
  avail_vcpus: list(int(undefined)),
  vcpu_hard_affinity: list(list(int(undefined))),
  vcpu_soft_affinity: list(list(int(undefined))),
  numa_placement: defbool,
  tsc_mode: tscMode,
  max_memkb: memkb,
  target_memkb: memkb,
  video_memkb: memkb,
  shadow_memkb: memkb,
  rtc_timeoffset: int(),
  exec_ssid_label: string,
  localtime: defbool,
  disable_migrate: defbool,
  max_grant_frames: maxGrant,
  max_maptrack_frames: maxGrant,
  max_grant_version: int(-1n),
  device_model_version: deviceModelVersion,
  device_model_stubdomain: defbool,
  stubdomain_memkb: memkb,
  stubdomain_kernel: string,
  stubdomain_cmdline: string,
  stubdomain_ramdisk: string,
  device_model: string,
  device_model_ssid_label: string,
  device_model_user: string,
  extra: list(string),
  extra_pv: list(string),
  extra_hvm: list(string),
  sched_params: schedParams,
  claim_mode: defbool,
  event_channels: int(),
  kernel: string,
  cmdline: string,
  ramdisk: string,
  device_tree: string,
  acpi: defbool,
  bootloader: string,
  bootloader_args: list(string),
  timer_mode: timerMode,
  nested_hvm: defbool,
  dm_restrict: defbool,
  tee: teeType,
  type: union({
    hvm: struct({
      vga: struct({}),
      vnc,
      sdl,
      spice: struct({}),
      rdm: struct({}),
    }),
    pv: struct({ e820_host: defbool }),
    pvh: struct({
      pvshim: defbool,
      pvshim_path: string,
      pvshim_cmdline: string,
      pvshim_extra: string,
    }),
  }),
  arch_arm: struct({ gic_version: gicVersion, vuart: vuartType }),
  arch_x86: struct({ msr_relaxed: defbool }),
  altp2m: altp2mMode,
  vmtrace_buf_kb: int(),
  vpmu: defbool,
});

export const diskType = struct({
  backend_domname: string,
  pdev_path: string,
  vdev: string,
  backend: oneOf(["unknown", "phy", "tap", "qdisk", "standalone"], "unknown"),
  format: oneOf(["unknown", "qcow", "qcow2", "vhd", "raw", "empty", "qed"], "unknown"),
  script: string,
  removable: int(),
  readwrite: int(),
  is_cdrom: int(),
  direct_io_safe: bool,
  discard_enable: defbool,
  specification: oneOf(["unknown", "xen", "virtio"], "unknown"),
  colo_enable: defbool,
  colo_restore_enable: defbool,
  colo_host: string,
  colo_port: int(),
  colo_export: string,
  active_disk: string,
  hidden_disk: string,
  trusted: defbool,
});
export type Disk = ValueOf<typeof diskType>;

const nic = struct({
  backend_domname: string,
  devid: int(-1n),
  mtu: int(),
  model: string,
  mac: string,
  ip: string,
  bridge: string,
  ifname: string,
  script: string,
  nictype: oneOf(["unknown", "vif_ioemu", "vif"], "unknown"),
  rate_bytes_per_interval: int(),
  rate_interval_usecs: int(),
  gatewaydev: string,
  coloft_forwarddev: string,
  trusted: defbool,
});
export type Nic = ValueOf<typeof nic>;

const vfb = struct({
  devid: int(-1n),
  vnc,
  sdl,
  keymap: string,
});
export type Vfb = ValueOf<typeof vfb>;

const vkb = struct({ devid: int(-1n) });

export const domainConfigType = struct({
  c_info: createInfo,
  b_info: buildInfo,
  disks: list(diskType),
  nics: list(nic),
  vfbs: list(vfb),
  vkbs: list(vkb),
  on_poweroff: actionOnShutdown,
  on_reboot: actionOnShutdown,
  on_watchdog: actionOnShutdown,
  on_crash: actionOnShutdown,
  on_soft_reset: actionOnShutdown,
});

/** libxl_domain_config, as far as its keys are read: what the file said, nothing defaulted. */
export type LibxlDomainConfig = RecordOf<typeof domainConfigType>;

/** A config in which nothing was said. */
export function emptyDomainConfig(): LibxlDomainConfig {
  return {
    c_info: {},
    b_info: { sched_params: {}, type: {}, arch_arm: {}, arch_x86: {} },
  };
}
