/**
 * The machine's state: what every room of xen/ works on. Plain records; behaviour lives in the rooms.
 */
import type { Domid, Mfn } from "../abi/types.ts";
import type { Engine } from "../cpu/types.ts";
import type { Clock } from "../lib/clock.ts";
import type { Domain, Vcpu } from "./domain/domain.ts";
import type { XenOptions } from "./index.ts";
import type { FrameTable } from "./memory/frame-table.ts";
import type { Scheduler } from "./sched/scheduler.ts";
import type { VirtualTime } from "./time/virtual-time.ts";

export interface Machine {
  readonly options: XenOptions;
  readonly engine: Engine;
  /** Virtual time for those outside a vCPU: never goes back. Inside a hypercall: time/virtual-time.ts's `localNanos`. */
  readonly clock: Clock;
  readonly time: VirtualTime;
  readonly sched: Scheduler;
  readonly frames: FrameTable;
  /** Live and dying domains by id, dom0 included. */
  readonly domains: Map<Domid, Domain>;
  /** Last domid handed out of the free ones. */
  domidRover: number;
  /** First machine frame behind the M2P's own tables: see memory/m2p.ts. */
  readonly xenL3: Mfn;
  /** `dummy_vcpu_info`, byte address: for vCPUs that have none of their own. Its upcall mask stays set. */
  dummyInfo: number;
  /** vCPUs that the engine holds; it has room for MAX_ENGINE_VCPUS (domain/vcpu-context.ts). */
  engineVcpus: number;
  /** The vCPU that the engine holds and executes now; undefined between windows. */
  current: Vcpu | undefined;
  /** Ends a domain that is beyond help (domain/crash.ts's `crashDomain`, here so that memory/ need not know it). Returns. */
  crash(domain: Domain, why: string): void;
  /** A line for the hypervisor log (`xl dmesg`), without "(XEN) " and newline. */
  log(line: string): void;
}
