/**
 * The scheduler's sheet of paper: run.ts (windows, accounting) on one side, a policy on the other.
 * A policy keeps the vCPUs that wait for a pCPU and says who is next; it never runs anything.
 */
import type { XenResult } from "../../abi/errno.ts";
import type { CreditSchedParams } from "../../abi/hypercall.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";

export interface Pcpu {
  readonly id: number;
  /** Its own time: where its last window ended. An idle one lags behind. */
  ticks: number;
  /** Who runs on it, also between windows. */
  current: Vcpu | undefined;
  /** `current` has just come: it has yet to be told the time. */
  fresh: boolean;
  /** When `current` came. */
  sliceStart: number;
  /** When `current` must let others in who wait. */
  sliceEnd: number;
  /** `current` gave way (SCHEDOP_yield). */
  yielded: boolean;
  /** Number of its last window: among equals the one that waited longest goes first. */
  lastWindow: number;
}

/** What `xl sched-credit` sets of a domain: shares beside others', and hundredths of one pCPU it may not exceed (0: none). */
export interface Credit {
  weight: number;
  cap: number;
  /** What the cap still allows in this slice, ticks: the scheduler's own. */
  capLeft: number;
}

export interface Scheduler {
  /** As `xl info` names it. */
  readonly name: string;
  readonly pcpus: readonly Pcpu[];
  /** It waits for a pCPU from now on. `woken`: it slept until now. */
  enqueue(vcpu: Vcpu, now: number, woken: boolean): void;
  /** It no longer waits. */
  dequeue(vcpu: Vcpu): void;
  /** Takes out who shall run next on this idle pCPU. `now`: ticks. */
  pick(pcpu: Pcpu, now: number): Vcpu | undefined;
  /** `pcpu.current` has come at `pcpu.ticks`, and has a slice before it. */
  begin(pcpu: Pcpu): void;
  /** `vcpu` has run on `pcpu` for so many ticks, up to `pcpu.ticks`. */
  ran(vcpu: Vcpu, pcpu: Pcpu, ticks: number): void;
  /** Somebody waits who may run here. */
  isWanted(pcpu: Pcpu): boolean;
  /** `current` must leave: its slice is over, somebody better waits, or its domain has used up what its cap allows. */
  mustLeave(pcpu: Pcpu): boolean;
  /** EINVAL: out of range. */
  setCredit(domain: Domain, weight: number | undefined, cap: number | undefined): XenResult;
  readonly params: CreditSchedParams;
  /** EINVAL: out of range. */
  setParams(params: CreditSchedParams): XenResult;
  /** The domain is gone: nothing of it is kept. */
  forget(domain: Domain): void;
}

export const createPcpus = (count: number): Pcpu[] =>
  Array.from({ length: count }, (_, id) => ({
    id,
    ticks: 0,
    current: undefined,
    fresh: false,
    sliceStart: 0,
    sliceEnd: 0,
    yielded: false,
    lastWindow: 0,
  }));
