/**
 * What TypeScript work costs in virtual time, nanoseconds of a vCPU. One table for the hypervisor, dom0 and stub domains:
 * `xl list`'s Time(s), the scheduler and every virtual figure rest on it. `npm run bench -- calibrate` compares it with
 * what the host really needs.
 */
import type { Domain } from "../domain/domain.ts";
import { chargeProgram } from "../domain/program-work.ts";
import type { Machine } from "../machine.ts";
import { setTscOffset } from "./virtual-time.ts";

export const COST = {
  /** Entering and leaving Xen for a hypercall. */
  hypercall: 300,
  /** One more call of a multicall. */
  multicallEntry: 100,
  /** A fault or trap that Xen reflects into the guest. */
  trap: 300,
  /** An instruction that Xen emulates. */
  emulate: 400,
  /** An event upcall into a guest. */
  upcall: 200,
  /** Waking a TypeScript program for its pending ports. */
  wake: 500,
  /** A thread switch inside a TypeScript program. */
  switch: 200,
  /** A byte moved or compared. */
  byte: 0.1,
  /** An entry walked: of a page table, a p2m, a ring, a directory. */
  entry: 40,
} as const;
export type Work = keyof typeof COST;

/** Charges whoever executes: the vCPU in the engine. Between windows it is nobody, and nothing is charged. */
export function chargeWork(machine: Machine, work: Work, count = 1): void {
  const vcpu = machine.current;
  if (vcpu === undefined) return;
  const ticks = machine.time.ticksFor(COST[work] * count);
  machine.time.work += ticks;
  setTscOffset(machine, vcpu, vcpu.tscOffset + ticks);
}

/** Charges a TypeScript domain: a vCPU of its will be busy for so long (domain/program.ts). */
export function chargeDomain(machine: Machine, domain: Domain, work: Work, count = 1): void {
  const ticks = machine.time.ticksFor(COST[work] * count);
  machine.time.work += ticks;
  chargeProgram(machine, domain, ticks);
}
