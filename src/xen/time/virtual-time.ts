/**
 * Virtual time. Its unit inside is the tick: one cycle of the nominal clock, one retired instruction, one step of the TSC.
 *
 * `now` is the instant before which everything has happened; timers fire and TypeScript programs run there. A vCPU that
 * executes is up to one window ahead of it (sched/run.ts): inside a hypercall, ask {@link localTicks} or {@link localNanos}.
 */
import { CPU, ICOUNT, TSC_OFFSET } from "../../cpu/layout.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { TimerQueue } from "./timer-queue.ts";

export class VirtualTime implements Clock {
  /** Ticks a microsecond: the nominal clock in MHz. */
  readonly mhz: number;
  /** Ticks since power-on. */
  ticks = 0;
  /** Where the window that runs now ends, in ticks. Events pull it closer. */
  windowEnd = 0;
  /** Virtual time must not reach this tick yet: an answer of the outside is due then that has not come. */
  held = Number.POSITIVE_INFINITY;
  /** Windows begun. */
  windows = 0;
  /** Instructions retired by all vCPUs. */
  retired = 0;
  /** Work done so far, in ticks: instructions and what the cost table charges. A slice's budget counts it. */
  work = 0;
  readonly timers = new TimerQueue();

  constructor(mhz: number) {
    this.mhz = mhz;
  }

  now(): Nanos {
    return this.nanosOf(this.ticks);
  }

  at(when: Nanos, fire: () => void): Timer {
    const ticks = this.ticksOf(when);
    if (ticks < this.windowEnd) this.windowEnd = ticks;
    return this.timers.add(when, ticks, fire);
  }

  /** Rounds down; exact at whole microseconds. */
  nanosOf(ticks: number): Nanos {
    const micros = Math.floor(ticks / this.mhz);
    return Nanos(micros * 1000 + Math.floor(((ticks - micros * this.mhz) * 1000) / this.mhz));
  }

  /** The first tick whose instant is not before `nanos`. */
  ticksOf(nanos: number): number {
    const micros = Math.floor(nanos / 1000);
    return micros * this.mhz + Math.ceil(((nanos - micros * 1000) * this.mhz) / 1000);
  }

  /** A duration, rounded up. */
  ticksFor(nanos: number): number {
    return Math.ceil((nanos * this.mhz) / 1000);
  }
}

const HIGH = 0x1_0000_0000;

/** Instructions that the loaded vCPU has retired. */
export function icount(machine: Machine): number {
  const u32 = machine.engine.mem.u32;
  return (u32[(CPU + ICOUNT + 4) >>> 2] as number) * HIGH + (u32[(CPU + ICOUNT) >>> 2] as number);
}

/** The TSC of whoever executes: ticks since power-on. */
export function localTicks(machine: Machine): number {
  const vcpu = machine.current;
  return vcpu === undefined ? machine.time.ticks : vcpu.tscOffset + icount(machine);
}

/** `NOW()` of whoever executes: system time in nanoseconds. */
export function localNanos(machine: Machine): Nanos {
  return machine.time.nanosOf(localTicks(machine));
}

/** Sets TSC - ICOUNT of the loaded vCPU. */
export function setTscOffset(machine: Machine, vcpu: Vcpu, offset: number): void {
  vcpu.tscOffset = offset;
  const u32 = machine.engine.mem.u32;
  const at = (CPU + TSC_OFFSET) >>> 2;
  u32[at] = offset % HIGH;
  u32[at + 1] = Math.floor(offset / HIGH);
}
