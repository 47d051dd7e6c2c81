/**
 * What a TypeScript program (dom0's) was charged for and has not yet run off on a pCPU: see program.ts.
 */
import type { Machine } from "../machine.ts";
import { unblockVcpu } from "../sched/wake.ts";
import type { Domain, Vcpu } from "./domain.ts";

/** Ticks. */
export interface ProgramWork {
  /** Of event handlers. */
  handlers: number;
  /** Of everything else. */
  others: number;
  /** An event handler is at work: what is charged now is its. */
  handling: boolean;
}

export const createProgramWork = (): ProgramWork => ({ handlers: 0, others: 0, handling: false });

/** The vCPU that commands run on. */
export function commandVcpu({ vcpus }: Domain): Vcpu | undefined {
  return vcpus.find(({ id, down }) => id > 0 && !down) ?? vcpus[0];
}

/** The program has done something that takes so long. */
export function chargeProgram(machine: Machine, domain: Domain, ticks: number): void {
  const { work } = domain.upcalls;
  if (work.handling) work.handlers += ticks;
  else work.others += ticks;
  const vcpu = work.handling ? domain.vcpus[0] : commandVcpu(domain);
  if (vcpu !== undefined) unblockVcpu(machine, vcpu);
}
