/**
 * vCPUs whose program is TypeScript (dom0's). What such a program does happens at an instant, and is charged from the cost
 * table; the charged time is then run off on a pCPU as any vCPU's: it competes, is seen in Time(s), and until it is over
 * the program hears of no further event.
 *
 * Events are heard on vCPU 0. What else dom0 does (a toolstack's plan, a command's hypercall) is run off on the next vCPU
 * that is up: however busy that is, event handlers wait only for their own work.
 */
import { isAwaited, runHandlers } from "../evtchn/upcalls.ts";
import type { Machine } from "../machine.ts";
import type { Domain, Vcpu } from "./domain.ts";
import { commandVcpu } from "./program-work.ts";

/** Runs the vCPU from `from` to at most `end` (ticks), handlers at `from`; answers where it stopped. With nothing left to do it blocks. */
export function runProgram(machine: Machine, vcpu: Vcpu, from: number, end: number): number {
  const { domain } = vcpu;
  const { work } = domain.upcalls;
  let at = from;
  if (vcpu.id === 0) {
    if (work.handlers === 0 && isAwaited(domain)) {
      work.handling = true;
      runHandlers(machine, domain);
      work.handling = false;
    }
    const spent = Math.min(work.handlers, end - at);
    work.handlers -= spent;
    at += spent;
  }
  if (vcpu === commandVcpu(domain) && !(vcpu.id === 0 && isBusy(domain))) {
    const spent = Math.min(work.others, end - at);
    work.others -= spent;
    at += spent;
  }
  if (domain.program) vcpu.blocked = !hasWork(vcpu);
  return at;
}

/** Its handlers have something to do. */
const isBusy = (domain: Domain): boolean => domain.upcalls.work.handlers > 0 || isAwaited(domain);

function hasWork(vcpu: Vcpu): boolean {
  const { domain } = vcpu;
  if (vcpu.id === 0 && isBusy(domain)) return true;
  return vcpu === commandVcpu(domain) && domain.upcalls.work.others > 0;
}
