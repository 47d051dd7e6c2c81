/**
 * Events of a domain whose program is TypeScript (dom0, later Mini-OS programs): a set of pending ports instead of a
 * bitmap, handlers instead of a callback address. Handlers run at a scheduling point of virtual time, in port order,
 * once the program is done with what it was charged for.
 */
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { chargeDomain } from "../time/cost-table.ts";
import { localTicks } from "../time/virtual-time.ts";

export interface Upcalls {
  readonly handlers: Map<number, () => void>;
  readonly pending: Set<number>;
  /** A scheduling point is on its way. */
  scheduled: boolean;
  /** Until when the program is busy with charged work: ticks. */
  busyUntil: number;
  /** Charged so far, in ticks: its CPU time. */
  busyTicks: number;
}

export const createUpcalls = (): Upcalls => ({
  handlers: new Map(),
  pending: new Set(),
  scheduled: false,
  busyUntil: 0,
  busyTicks: 0,
});

/** The port of a TypeScript domain has become pending. */
export function notifyProgram(machine: Machine, domain: Domain, port: number): void {
  domain.upcalls.pending.add(port);
  if (domain.upcalls.handlers.has(port)) scheduleUpcalls(machine, domain);
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
  if (domain.upcalls.pending.has(port)) scheduleUpcalls(machine, domain);
}

function scheduleUpcalls(machine: Machine, domain: Domain): void {
  if (domain.upcalls.scheduled) return;
  domain.upcalls.scheduled = true;
  const when = Math.max(localTicks(machine), domain.upcalls.busyUntil);
  machine.time.at(machine.time.nanosOf(when), () => {
    domain.upcalls.scheduled = false;
    runUpcalls(machine, domain);
  });
}

function runUpcalls(machine: Machine, domain: Domain): void {
  const { handlers, pending, busyUntil } = domain.upcalls;
  if (busyUntil > machine.time.ticks) {
    scheduleUpcalls(machine, domain); // charged meanwhile, by a call from outside
    return;
  }
  chargeDomain(machine, domain, "wake");
  const ports = [...pending].filter((port) => handlers.has(port)).sort((a, b) => a - b);
  for (const port of ports) {
    const handler = handlers.get(port);
    if (handler === undefined || !pending.delete(port)) continue; // taken away by a handler before it
    handler();
  }
}
