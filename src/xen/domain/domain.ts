/**
 * A domain and its vCPUs as data: save, restore and the debug keys are walks over these records.
 */
import type { Domid } from "../../abi/types.ts";
import type { Timer } from "../../lib/clock.ts";
import type { DomainEvents } from "../evtchn/channel.ts";
import type { Upcalls } from "../evtchn/upcalls.ts";
import type { GrantTable } from "../gnttab/grant-table.ts";
import type { DomainMemory } from "../memory/domain-memory.ts";
import type { VcpuCredit } from "../sched/credit.ts";
import type { Credit } from "../sched/scheduler.ts";
import type { Runstate } from "../time/runstate.ts";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import type { Callbacks, TrapTable } from "../traps/trap-table.ts";

export interface Domain {
  readonly domid: Domid;
  readonly handle: Uint8Array;
  readonly type: "pv" | "pvh" | "hvm";
  /** May act on all others (dom0). */
  readonly privileged: boolean;
  /** The domain that this one serves, and may act on as on itself (XEN_DOMCTL_set_target): a device model's. */
  target: Domain | undefined;
  /** Its vCPUs' program is TypeScript, not instructions (program.ts). */
  program: boolean;
  /** All of `max_vcpus`, also those that are not up. */
  readonly vcpus: Vcpu[];
  readonly memory: DomainMemory;
  readonly grants: GrantTable;
  /** Set once it begins to die; its hypercalls have ended. */
  dying: boolean;
  /** VMASST_TYPE_* bits. */
  vmAssist: number;

  /** The shared_info page: its machine frame and the byte address of its content; none for a TypeScript domain. */
  sharedInfo: SharedInfoPage | undefined;
  readonly events: DomainEvents;
  /** How a TypeScript program hears of events; a guest that executes has vCPUs for that. */
  readonly upcalls: Upcalls;
  /** The toolstack's pauses; they nest. A new domain is born with one. */
  pauseCount: number;
  shutdown: Shutdown | undefined;
  /** SCHEDOP_shutdown_code: the code that a later shutdown shall have. */
  shutdownCode: number | undefined;
  readonly credit: Credit;
  /** Seconds between this domain's wall clock and the host's. */
  timeOffset: number;
  /** TSC_MODE_*, and how often the domain has been restored: kept for the next save. */
  tsc: { readonly mode: number; readonly incarnation: number };
  /** SCHEDOP_watchdog's two timers. */
  readonly watchdogs: (Timer | undefined)[];
  /** For crash dumps; ascending addresses. */
  symbols: readonly { readonly address: bigint; readonly name: string }[];
  /** What it wrote to index ports that are remembered. */
  readonly ports: { pciConfigAddress: number; rtcIndex: number };
  /** Things said in the log once and not again. */
  readonly told: { compatibility: boolean };
}

export interface SharedInfoPage {
  readonly mfn: number;
  readonly address: number;
}

/** Begun (`is_shutting_down`) and complete at once here: our vCPUs are never in the middle of something. */
export interface Shutdown {
  readonly code: number;
}

export interface Vcpu {
  readonly domain: Domain;
  readonly id: number;
  /** Index of its register state in the engine; undefined for a vCPU whose program is TypeScript, or that was never initialised. */
  engineVcpu: number | undefined;
  /** Machine frames of the validated L4s in force (`guest_table`, `guest_table_user`), 0 = none. A typed reference is held on each. */
  guestTable: number;
  guestTableUser: number;
  /** True while the guest kernel runs (`TF_kernel_mode`). */
  kernelMode: boolean;
  /** Machine frames of its GDT (typed seg_desc), at most 14; and its LDT's virtual address and entries. */
  gdtFrames: number[];
  gdtEntries: number;
  ldtBase: bigint;
  ldtEntries: number;

  /** Byte address of its live vcpu_info: in shared_info, or where VCPUOP_register_vcpu_info put it; else (id ≥ 32) `machine.dummyInfo`. */
  infoAddress: number;
  /** Frame that VCPUOP_register_vcpu_info put it in (a writable reference is held), 0 = none. */
  infoFrame: number;
  readonly traps: TrapTable;
  readonly callbacks: Callbacks;
  /** `kernel_ss`, `kernel_sp`: where a trap from user mode puts its frame. Halves as u32. */
  kernelSs: number;
  kernelSpLo: number;
  kernelSpHi: number;
  /** CR0 and CR4 as the guest sees them. */
  cr0: number;
  cr4: number;
  /** Virtual IOPL, 0..3. */
  iopl: number;
  /** NMI callback's address is in `callbacks`; one NMI waits. */
  nmiPending: boolean;
  /** Its NMI handler runs: no other NMI until it returns by the iret hypercall. */
  nmiMasked: boolean;

  /** `is_initialised`: has a context. */
  initialised: boolean;
  /** `_VPF_down` */
  down: boolean;
  /** `_VPF_blocked` */
  blocked: boolean;
  /** Single vCPU pauses (none but the machine's own); the domain's are in `domain.pauseCount`. */
  pauseCount: number;
  /** `poll_evtchn`: 0 not polling, -1 any port, else the one port. */
  pollPort: number;

  readonly runstate: Runstate;
  readonly timers: VcpuTimers;
  /** PAUSEs in a row, and ICOUNT at the last one: sched/spin.ts. */
  pauses: number;
  lastPause: number;
  /** TSC - ICOUNT in ticks: what TSC_OFFSET in the engine holds. */
  tscOffset: number;
  /** Its own time in ticks: where it stopped last, or when it was woken. It never goes back. */
  readyAt: number;
  /** pCPU it runs on, or ran on last. */
  processor: number;
  /** Is `current` of that pCPU. */
  onCpu: boolean;
  /** Waits in a run queue. */
  queued: boolean;
  /** Its account with the scheduler. */
  readonly credit: VcpuCredit;
  hardAffinity: readonly boolean[];
  softAffinity: readonly boolean[];
}
