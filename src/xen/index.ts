/**
 * The hypervisor, as its owner (host/) sees it. Everybody else reaches it through a Gate.
 */
import type { Gate } from "../abi/hypercall.ts";
import { DOMID_0, type Domid } from "../abi/types.ts";
import { VIRQ_CON_RING } from "../abi/xen.ts";
import type { Engine } from "../cpu/types.ts";
import { bug } from "../lib/absurd.ts";
import type { Nanos } from "../lib/brand.ts";
import type { Clock } from "../lib/clock.ts";
import type { Domain } from "./domain/domain.ts";
import { sendGuestGlobalVirq } from "./evtchn/send.ts";
import { createGate } from "./gate.ts";
import { LogRing } from "./log.ts";
import { createMachine } from "./power-on.ts";
import { advanceIdle, run } from "./sched/run.ts";

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
  /** Virtual time has reached the limit given, or the instant held; at `next` there is something to do. */
  | { readonly state: "limit"; readonly next: Nanos }
  /** The instruction budget is used up; call again. Where a slice ends changes nothing. */
  | { readonly state: "sliced" };

export interface Xen {
  readonly clock: Clock;
  /** dom0's door (privileged). */
  readonly dom0: Gate;
  /** The door of a live domain. */
  gate(domid: Domid): Gate;
  /**
   * Runs vCPUs, timers and upcalls until virtual time `limit`, for about `budget` instructions of work. Never advances idle
   * time. No timer at or after `limit` fires; a vCPU may be up to 50 µs beyond it (what must not be passed has its timer).
   */
  run(limit: Nanos, budget: number): RunOutcome;
  /**
   * Virtual time does not reach `until` before this is called again, even if that is in the middle of a `run`: no timer at
   * or after it fires and no window begins there. Undefined: nothing is held.
   */
  hold(until: Nanos | undefined): void;
  /** Idle: moves virtual time on to `to` (at most the next timer). */
  advanceIdle(to: Nanos): void;
  /** Instructions retired by all vCPUs since power-on. */
  instructions(): number;
  /** Hears every line of the hypervisor log as it is written, prefix included. */
  onLog(listener: (line: string) => void): void;
}

export function createXen(options: XenOptions): Xen {
  const ring = new LogRing();
  const machine = createMachine(options, ring);
  const gates = new WeakMap<Domain, Gate>();
  const gate = (domid: Domid): Gate => {
    const domain = machine.domains.get(domid) ?? bug(`no domain ${domid}`);
    let door = gates.get(domain);
    if (door === undefined) {
      door = createGate(machine, domain, ring);
      gates.set(domain, door);
    }
    return door;
  };
  let listener: ((line: string) => void) | undefined;
  ring.onLine = (line) => {
    const dom0 = machine.domains.get(DOMID_0);
    if (dom0 !== undefined) sendGuestGlobalVirq(machine, dom0, VIRQ_CON_RING);
    listener?.(line);
  };
  return {
    clock: machine.clock,
    dom0: gate(DOMID_0),
    gate,
    run: (limit, budget) => run(machine, limit, budget),
    hold(until) {
      machine.time.held = until === undefined ? Number.POSITIVE_INFINITY : machine.time.ticksOf(until);
    },
    advanceIdle: (to) => advanceIdle(machine, to),
    instructions: () => machine.time.retired,
    onLog(hear) {
      listener = hear;
    },
  };
}
