/**
 * The scheduler's sheet of paper: run.ts (windows, accounting) on one side, a policy on the other.
 * A policy keeps the vCPUs that wait for a pCPU and says who is next; it never runs anything.
 */
import type { Vcpu } from "../domain/domain.ts";

export interface Pcpu {
  readonly id: number;
  /** Its own time: where its last window ended. An idle one lags behind. */
  ticks: number;
  /** Who runs on it, also between windows. */
  current: Vcpu | undefined;
  /** `current` has just come: it has yet to be told the time. */
  fresh: boolean;
  /** When `current` must let others in who wait. */
  sliceEnd: number;
  /** `current` gave way (SCHEDOP_yield). */
  yielded: boolean;
  /** Number of its last window: among equals the one that waited longest goes first. */
  lastWindow: number;
}

/** What `xl sched-credit` sets. */
export interface Credit {
  weight: number;
  cap: number;
}

export interface Scheduler {
  /** As `xl info` names it. */
  readonly name: string;
  readonly pcpus: readonly Pcpu[];
  /** How long a vCPU may keep a pCPU that others want, in ticks. */
  readonly slice: number;
  /** It waits for a pCPU from now on. */
  enqueue(vcpu: Vcpu): void;
  /** It no longer waits. */
  dequeue(vcpu: Vcpu): void;
  /** Takes out who shall run next on this idle pCPU. */
  pick(pcpu: Pcpu): Vcpu | undefined;
  /** Somebody waits who may run here. */
  isWanted(pcpu: Pcpu): boolean;
}

export const createPcpus = (count: number): Pcpu[] =>
  Array.from({ length: count }, (_, id) => ({
    id,
    ticks: 0,
    current: undefined,
    fresh: false,
    sliceEnd: 0,
    yielded: false,
    lastWindow: 0,
  }));
