/**
 * The hypervisor, as its owner (host/) sees it. Everybody else reaches it through a Gate.
 */
import type { Gate } from "../abi/hypercall.ts";
import type { Domid } from "../abi/types.ts";
import type { Engine } from "../cpu/types.ts";
import type { Nanos } from "../lib/brand.ts";
import type { Clock } from "../lib/clock.ts";

export interface XenOptions {
  readonly engine: Engine;
  /** Machine memory that the modelled host owns (it backs only what is touched). */
  readonly memoryMib: number;
  readonly pcpus: number;
  /** Nominal clock, which is also the TSC: one instruction per cycle. */
  readonly cpuMhz: number;
  readonly dom0MemoryMib: number;
  readonly dom0Vcpus: number;
  /** Seconds since 1970 at power-on: the guests' wall clock. */
  readonly wallclock: number;
  readonly seed: number;
}

/** Why `run` came back. */
export type RunOutcome =
  /** Nothing can happen before `until`; or nothing at all will happen (undefined). */
  | { readonly state: "idle"; readonly until: Nanos | undefined }
  /** Virtual time has reached the limit given. */
  | { readonly state: "limit" }
  /** The instruction budget is used up; call again. Where a slice ends changes nothing. */
  | { readonly state: "sliced" };

export interface Xen {
  readonly clock: Clock;
  /** dom0's door (privileged). */
  readonly dom0: Gate;
  gate(domid: Domid): Gate;
  /** Runs vCPUs, timers and upcalls until virtual time `limit`, for about `budget` instructions of work. Never advances idle time. */
  run(limit: Nanos, budget: number): RunOutcome;
  /** Idle: moves virtual time on to `to` (at most the next timer). */
  advanceIdle(to: Nanos): void;
  /** Instructions retired by all vCPUs since power-on. */
  instructions(): number;
}
