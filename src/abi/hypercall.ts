/**
 * Hypercalls: their numbers (public/xen.h), and the {@link Gate}, the door through which TypeScript domains (dom0's
 * toolstack, xenstored, backends; later Mini-OS programs) make them with typed records instead of registers.
 * Both doors lead to the same handlers and the same checks: a Gate has no right that its domain has not.
 */
import type { Nanos } from "../lib/brand.ts";
import type { XenResult } from "./errno.ts";
import type { E820Entry } from "./memory.ts";
import type { MigrationCalls } from "./migration.ts";
import type { Domid, Gfn, Gref, Mfn, Port } from "./types.ts";
import type { VcpuGuestContext } from "./vcpu-context.ts";

/** `__HYPERVISOR_*` */
export const HYPERCALL = {
  set_trap_table: 0,
  mmu_update: 1,
  set_gdt: 2,
  stack_switch: 3,
  set_callbacks: 4,
  fpu_taskswitch: 5,
  sched_op_compat: 6,
  platform_op: 7,
  set_debugreg: 8,
  get_debugreg: 9,
  update_descriptor: 10,
  memory_op: 12,
  multicall: 13,
  update_va_mapping: 14,
  set_timer_op: 15,
  event_channel_op_compat: 16,
  xen_version: 17,
  console_io: 18,
  physdev_op_compat: 19,
  grant_table_op: 20,
  vm_assist: 21,
  update_va_mapping_otherdomain: 22,
  iret: 23,
  vcpu_op: 24,
  set_segment_base: 25,
  mmuext_op: 26,
  xsm_op: 27,
  nmi_op: 28,
  sched_op: 29,
  callback_op: 30,
  xenoprof_op: 31,
  event_channel_op: 32,
  physdev_op: 33,
  hvm_op: 34,
  sysctl: 35,
  domctl: 36,
  kexec_op: 37,
  tmem_op: 38,
  argo_op: 39,
  xenpmu_op: 40,
  dm_op: 41,
  hypfs_op: 42,
  mca: 48,
} as const;
export type HypercallName = keyof typeof HYPERCALL;

/** `SHUTDOWN_*` (public/sched.h) */
export const SHUTDOWN = { poweroff: 0, reboot: 1, suspend: 2, crash: 3, watchdog: 4, soft_reset: 5 } as const;

/** `XEN_DOMCTL_SENDTRIGGER_*` (public/domctl.h) */
export const SENDTRIGGER = { nmi: 0, reset: 1, init: 2, power: 3, sleep: 4 } as const;

/**
 * A frame of machine memory that this domain has mapped, by grant or by privilege. It stays allocated until unmapped.
 * Offsets in bytes, 0..4095; what sticks out of the frame is our bug and throws.
 */
export interface MappedFrame {
  readonly writable: boolean;
  getUint8(offset: number): number;
  getUint32(offset: number): number;
  getBigUint64(offset: number): bigint;
  setUint8(offset: number, value: number): void;
  setUint32(offset: number, value: number): void;
  setBigUint64(offset: number, value: bigint): void;
  /** Copies out. */
  read(offset: number, length: number): Uint8Array;
  /** Copies in. */
  write(offset: number, bytes: Uint8Array): void;
  unmap(): void;
}

/** `XEN_DOMCTL_createdomain`, as far as the toolstack chooses. */
export interface CreateDomain {
  /** 16 bytes: the uuid that `xl list -v` shows. */
  readonly handle: Uint8Array;
  /** Wanted id; undefined: the next free one after the last handed out, wrapping at 0x7fef. */
  readonly domid?: Domid;
  readonly type: "pv" | "pvh" | "hvm";
  readonly maxVcpus: number;
  readonly maxEvtchnPort: number;
  readonly maxGrantFrames: number;
  readonly maxMaptrackFrames: number;
}

/** `XEN_DOMCTL_getdomaininfo` */
export interface DomainInfo {
  readonly domid: Domid;
  readonly dying: boolean;
  readonly shutdown: boolean;
  /** Meaningful while `shutdown`: SHUTDOWN_*. */
  readonly shutdownCode: number;
  /** The toolstack's pauses (they nest). */
  readonly paused: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  readonly type: "pv" | "pvh" | "hvm";
  readonly totPages: number;
  readonly outstandingPages: number;
  readonly maxPages: number;
  readonly sharedInfoFrame: Mfn;
  /** Virtual CPU time used by all vCPUs. */
  readonly cpuTime: Nanos;
  readonly onlineVcpus: number;
  readonly maxVcpuId: number;
  readonly ssidref: number;
  readonly cpupool: number;
  readonly handle: Uint8Array;
}

/** `XEN_DOMCTL_getvcpuinfo` and the affinities beside it. */
export interface VcpuInfo {
  readonly vcpu: number;
  readonly online: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  readonly cpuTime: Nanos;
  /** pCPU it ran on last. */
  readonly cpu: number;
  readonly hardAffinity: readonly boolean[];
  readonly softAffinity: readonly boolean[];
}

/** `XEN_SYSCTL_physinfo` */
export interface PhysInfo {
  readonly threadsPerCore: number;
  readonly coresPerSocket: number;
  readonly nrCpus: number;
  readonly nrNodes: number;
  readonly cpuKhz: number;
  readonly totalPages: number;
  readonly freePages: number;
  readonly scrubPages: number;
  readonly outstandingPages: number;
  readonly maxMfn: number;
  readonly hwCap: readonly number[];
  /** As `xl info` words them: pv, hvm, hap… */
  readonly virtCaps: readonly string[];
}

/** `xen_version`'s answers together. */
export interface XenVersion {
  readonly major: number;
  readonly minor: number;
  readonly extra: string;
  readonly compiler: string;
  readonly compileBy: string;
  readonly compileDomain: string;
  readonly compileDate: string;
  readonly capabilities: string;
  readonly changeset: string;
  readonly virtStart: bigint;
  readonly pagesize: number;
  readonly commandline: string;
  readonly buildId: string;
  readonly scheduler: string;
}

/** `evtchn_status`: EVTCHNSTAT_*, and what goes with it. */
export interface PortStatus {
  readonly status: number;
  readonly vcpu: number;
  readonly dom?: Domid;
  readonly port?: number;
  readonly virq?: number;
}

export interface EvtchnCalls {
  /** EVTCHNOP_alloc_unbound: a port of `dom` that `remote` may bind. EINVAL, ENOSPC; EPERM unless `dom` is the caller or it is privileged. */
  allocUnbound(dom: Domid, remote: Domid): XenResult<Port>;
  bindInterdomain(remote: Domid, remotePort: Port): XenResult<Port>;
  bindVirq(virq: number, vcpu: number): XenResult<Port>;
  /** ENOENT: no such vCPU. */
  bindIpi(vcpu: number): XenResult<Port>;
  close(port: Port): XenResult;
  send(port: Port): XenResult;
  /** EINVAL: no port. */
  unmask(port: Port): XenResult;
  /** EVTCHNOP_status: of the caller's, or of one that it has power over. ESRCH, EINVAL, EPERM. */
  status(dom: Domid, port: Port): XenResult<PortStatus>;
  /** EVTCHNOP_reset: closes all ports. EINVAL: another domain's that is not paused; ESRCH, EPERM. */
  reset(dom: Domid): XenResult;
  /**
   * The upcall of a TypeScript domain: called at a scheduling point of virtual time after the port became pending;
   * pending is cleared first, and notifications until then count as one, as with a real bitmap. undefined: no handler.
   */
  onEvent(port: Port, handler: (() => void) | undefined): void;
}

export interface GnttabCalls {
  /** GNTTABOP_map_grant_ref as a host mapping. Status words become errnos: GNTST_bad_gntref → EINVAL, permission → EPERM, bad domain → ESRCH. */
  map(dom: Domid, ref: Gref, access: "read" | "write"): XenResult<MappedFrame>;
  /** GNTTABOP_copy between a granted frame and bytes of the caller. */
  copyFrom(dom: Domid, ref: Gref, offset: number, length: number): XenResult<Uint8Array>;
  copyTo(dom: Domid, ref: Gref, offset: number, bytes: Uint8Array): XenResult;
  /** GNTTABOP_setup_table of the caller's own: at least so many frames, all of them, mapped. EINVAL: more than its limit. */
  setupTable(frames: number): XenResult<MappedFrame[]>;
  /** Seeds an entry of a domain that is being built (privileged; libxc writes the table's first frame: console 0, xenstore 1). */
  seed(dom: Domid, ref: Gref, to: Domid, frame: Gfn): XenResult;
}

export interface MemoryCalls {
  /**
   * XENMEM_populate_physmap for a domain being built: one frame behind each gfn of [first, first+count), the M2P filled.
   * Answers the machine frames in order (fewer than asked when memory or maxPages runs out: ENOMEM when none).
   */
  populate(dom: Domid, first: Gfn, count: number): XenResult<Mfn[]>;
  claim(dom: Domid, pages: number): XenResult;
  /** Foreign mapping by privilege over `dom` (dom0 over all). For PV the frame is named by its machine frame number. */
  mapForeign(dom: Domid, frame: Mfn, access: "read" | "write"): XenResult<MappedFrame>;
  /** XENMEM_set_memory_map: what XENMEM_memory_map answers the guest (-ENOSYS until then). libxl gives one RAM entry [0, maxmem). */
  setMemoryMap(dom: Domid, map: readonly E820Entry[]): XenResult;
}

export interface MmuCalls {
  /** A step of `pinL4`'s work, done beforehand. False: call again, after others had their turn; true: it will be quick. */
  prepareL4(dom: Domid, frame: Mfn): XenResult<boolean>;
  /** MMUEXT_PIN_L4_TABLE on behalf of `dom`: validates the whole tree. EINVAL with the reason in the hypervisor log. */
  pinL4(dom: Domid, frame: Mfn): XenResult;
  unpin(dom: Domid, frame: Mfn): XenResult;
  /** MMU_MACHPHYS_UPDATE: which pfn a frame of the caller's own is. EINVAL: it is not the caller's. */
  setMachphys(frame: Mfn, pfn: number): XenResult;
}

export interface DomctlCalls {
  create(wanted: CreateDomain): XenResult<Domid>;
  /** Domain's memory limit in KiB. */
  setMaxMem(dom: Domid, kib: number): XenResult;
  /** XEN_DOMCTL_hypercall_init: fills a page with the hypercall stubs. */
  hypercallInit(dom: Domid, frame: Mfn): XenResult;
  setVcpuContext(dom: Domid, vcpu: number, context: VcpuGuestContext): XenResult;
  /** What the engine would hold now: for `xl dmesg` and save. */
  getVcpuContext(dom: Domid, vcpu: number): XenResult<VcpuGuestContext>;
  getInfo(dom: Domid): XenResult<DomainInfo>;
  /** All domains with id ≥ first, ascending. */
  listInfo(first: Domid): DomainInfo[];
  getVcpuInfo(dom: Domid, vcpu: number): XenResult<VcpuInfo>;
  setVcpuAffinity(
    dom: Domid,
    vcpu: number,
    hard: readonly boolean[] | undefined,
    soft: readonly boolean[] | undefined,
  ): XenResult;
  getSharedInfoFrame(dom: Domid): XenResult<Mfn>;
  /**
   * XEN_DOMCTL_set_target: `dom` may from now on act on `target`'s memory, grants and channels as on its own. Once only.
   * ESRCH; EINVAL: to itself, or it serves another one.
   */
  setTarget(dom: Domid, target: Domid): XenResult;
  /** Pauses nest; a new domain is born with one. */
  pause(dom: Domid): XenResult;
  unpause(dom: Domid): XenResult;
  /** Starts dying; memory is returned at later scheduling points, then VIRQ_DOM_EXC is sent. */
  destroy(dom: Domid): XenResult;
  shutdown(dom: Domid, reason: number): XenResult;
  setTimeOffset(dom: Domid, seconds: number): XenResult;
  setSchedCredit(dom: Domid, weight: number | undefined, cap: number | undefined): XenResult;
  getSchedCredit(dom: Domid): XenResult<{ readonly weight: number; readonly cap: number }>;
  /** XEN_DOMCTL_sendtrigger. ESRCH: no such vCPU; ENOSYS, EINVAL: not for this domain. */
  sendTrigger(dom: Domid, trigger: number, vcpu: number): XenResult;
  /** XEN_DOMCTL_soft_reset. EINVAL: it has not shut down, or is PV (and has lost its channels then). */
  softReset(dom: Domid): XenResult;
  /**
   * Makes `begin` the program of the domain's vCPU 0, in place of a register context: it is called at the domain's first
   * scheduling point, and lives by the event handlers that it sets. EINVAL: it has a context already.
   */
  setProgram(dom: Domid, begin: () => void): XenResult;
  /** Names for crash dumps: addresses in ascending order. Kept by Xen's log only. */
  setSymbols(dom: Domid, symbols: readonly { readonly address: bigint; readonly name: string }[]): XenResult;
}

/** What a TypeScript program does with its own vCPU 0, which these calls are about. */
export interface SchedCalls {
  /** Virtual time, as its pvclock would say it: system time in nanoseconds since power-on. */
  now(): Nanos;
  /** set_timer_op: VIRQ_TIMER at this instant; undefined: none any more. */
  setTimer(when: Nanos | undefined): void;
  /** Called once more when what was charged until now has been run off on a pCPU, like an event handler. */
  resume(handler: () => void): void;
  /** SCHEDOP_shutdown, SHUTDOWN_*. Nothing of the program is called afterwards. */
  shutdown(reason: number): void;
  /**
   * The program's last act: the vCPU goes on with these registers, executing. Channels, frames and grants stay; what was
   * pending is pending in shared_info. EINVAL, as for a vCPU context that a toolstack sets; then nothing has changed.
   */
  become(context: VcpuGuestContext): XenResult;
}

/** `xen_sysctl_credit_schedule`: milliseconds, microseconds, microseconds. */
export interface CreditSchedParams {
  readonly tsliceMs: number;
  readonly ratelimitUs: number;
  readonly migrationDelayUs: number;
}

export interface SysctlCalls {
  physinfo(): XenResult<PhysInfo>;
  /** XEN_SYSCTL_scheduler_op of the credit scheduler, the whole machine's one pool. EINVAL: out of range. */
  getCreditParams(): XenResult<CreditSchedParams>;
  setCreditParams(params: CreditSchedParams): XenResult;
  version(): XenVersion;
  /** The hypervisor's log ring, whole; `clear` empties it. */
  readConsole(clear: boolean): XenResult<string>;
  /** XEN_SYSCTL_debug_keys: each as if pressed at Xen's console; answers are in its log. Unknown ones do nothing. */
  debugKeys(keys: string): XenResult;
}

/** vcpu_op on the caller's own vCPUs. */
export interface VcpuCalls {
  /** VCPUOP_up. ENOENT; EINVAL: it has no context. */
  up(vcpu: number): XenResult;
  /** VCPUOP_down. ENOENT; EBUSY: vCPU 0 hears the events. */
  down(vcpu: number): XenResult;
}

/** One domain's way to Xen. */
export interface Gate {
  readonly domid: Domid;
  readonly evtchn: EvtchnCalls;
  readonly gnttab: GnttabCalls;
  readonly memory: MemoryCalls;
  readonly mmu: MmuCalls;
  readonly domctl: DomctlCalls;
  readonly vcpu: VcpuCalls;
  readonly migration: MigrationCalls;
  readonly sysctl: SysctlCalls;
  readonly sched: SchedCalls;
  /** console_io write: a line for the hypervisor log. */
  consoleWrite(text: string): void;
  /** Charges this domain's vCPU with work that its TypeScript just did (rows of the cost table). */
  charge(work: "wake" | "switch" | "byte" | "entry", count: number): void;
}
