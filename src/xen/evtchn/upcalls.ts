/**
 * Events of a domain whose program is TypeScript (dom0, later Mini-OS programs): a set of pending ports instead of a
 * bitmap, handlers instead of a callback address. Its vCPU 0 wakes for them and runs the handlers once it is on a pCPU
 * and done with what handlers before were charged for (domain/program.ts).
 */
import type { Domain } from "../domain/domain.ts";
import { createProgramWork, type ProgramWork } from "../domain/program-work.ts";
import type { Machine } from "../machine.ts";
import { unblockVcpu } from "../sched/wake.ts";
import { chargeDomain } from "../time/cost-table.ts";

export interface Upcalls {
  readonly handlers: Map<number, () => void>;
  readonly pending: Set<number>;
  /** Called once, at its next turn. */
  readonly calls: (() => void)[];
  readonly work: ProgramWork;
}

export const createUpcalls = (): Upcalls => ({
  handlers: new Map(),
  pending: new Set(),
  calls: [],
  work: createProgramWork(),
});

/** The port of a TypeScript domain has become pending. */
export function notifyProgram(machine: Machine, domain: Domain, port: number): void {
  domain.upcalls.pending.add(port);
  if (domain.upcalls.handlers.has(port)) wakeProgram(machine, domain);
}

export function setHandler(
  machine: Machine,
  domain: Domain,
  port: number,
  handler: (() => void) | undefined,
): void {
  if (handler === undefined) {
    domain.upcalls.handlers.delete(port);
    return;
  }
  domain.upcalls.handlers.set(port, handler);
  if (domain.upcalls.pending.has(port)) wakeProgram(machine, domain);
}

/** The program asks for a turn of its own. */
export function callProgram(machine: Machine, domain: Domain, call: () => void): void {
  domain.upcalls.calls.push(call);
  wakeProgram(machine, domain);
}

/** A port that somebody listens to is pending, or a turn was asked for. */
export function isAwaited({ upcalls }: Domain): boolean {
  if (upcalls.calls.length > 0) return true;
  for (const port of upcalls.pending) if (upcalls.handlers.has(port)) return true;
  return false;
}

/** Calls the handlers of the pending ports, in port order. It may cease to be a program by that. */
export function runHandlers(machine: Machine, domain: Domain): void {
  const { handlers, pending, calls } = domain.upcalls;
  chargeDomain(machine, domain, "wake");
  for (const call of calls.splice(0)) call();
  const ports = [...pending].filter((port) => handlers.has(port)).sort((a, b) => a - b);
  for (const port of ports) {
    const handler = handlers.get(port);
    if (handler === undefined || !pending.delete(port)) continue; // taken away by a handler before it
    handler();
  }
}

function wakeProgram(machine: Machine, { vcpus }: Domain): void {
  const [vcpu] = vcpus;
  if (vcpu !== undefined) unblockVcpu(machine, vcpu);
}
