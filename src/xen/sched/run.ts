/**
 * The run loop. Virtual time goes on in windows of at most 50 µs; each belongs to one pCPU and the vCPU on it.
 * Always the pCPU whose own time is furthest behind gets the next window, up to the next timer: so all pCPUs advance
 * together, and none is ever more than a window ahead of what it may hear of. A window once begun is run to its end;
 * a slice of host time ends between two. Hence where slices end changes nothing.
 *
 * What ends a window early: a timer set into it, a wake-up or an event for another vCPU, yield, poll, block, PAUSE.
 */
import { RUNSTATE_runnable, RUNSTATE_running } from "../../abi/vcpu.ts";
import type { Nanos } from "../../lib/brand.ts";
import type { Vcpu } from "../domain/domain.ts";
import { runProgram } from "../domain/program.ts";
import type { RunOutcome } from "../index.ts";
import type { Machine } from "../machine.ts";
import { updateVcpuTime } from "../time/pvclock.ts";
import { changeRunstate, updateRunstateArea } from "../time/runstate.ts";
import { periodicWork } from "../time/timer-virq.ts";
import { icount, localTicks, setTscOffset } from "../time/virtual-time.ts";
import { runGuest } from "../traps/guest-loop.ts";
import type { Pcpu } from "./scheduler.ts";
import { isRunnable, leavePcpu, restingState } from "./wake.ts";

/** Virtual microseconds. Bounds how far the clocks of two pCPUs can differ. */
export const QUANTUM_MICROS = 50;
/** Host work of firing a timer or starting a window, in instructions: so that many empty ones use up a budget too. */
const OVERHEAD = 200;

/**
 * Runs until virtual time `limit`, or for about `budget` ticks of work. No timer at or after `limit` fires and no window
 * begins there; one that began before is run to its end, so that a limit changes nothing either.
 */
export function run(machine: Machine, limit: Nanos, budget: number): RunOutcome {
  const { time } = machine;
  const limitTicks = time.ticksOf(limit);
  const enough = time.work + budget;
  for (;;) {
    assign(machine);
    const pcpu = furthestBehind(machine);
    const at = pcpu === undefined ? Number.POSITIVE_INFINITY : pcpu.ticks;
    const timer = time.timers.first();
    if (timer <= at) {
      if (timer > time.ticks) {
        if (pcpu === undefined) return { state: "idle", until: time.timers.firstWhen() };
        if (timer >= Math.min(limitTicks, time.held)) return reached(machine, limitTicks, timer);
        time.ticks = timer;
      } else if (timer >= time.held) return reached(machine, limitTicks, timer);
      if (time.work >= enough) return { state: "sliced" };
      time.work += OVERHEAD;
      time.timers.takeDue(time.ticks)?.();
      continue;
    }
    if (pcpu === undefined) return { state: "idle", until: undefined };
    if (at >= Math.min(limitTicks, time.held)) return reached(machine, limitTicks, at);
    if (time.work >= enough) return { state: "sliced" };
    if (at > time.ticks) time.ticks = at;
    time.work += OVERHEAD;
    runWindow(machine, pcpu, Math.min(at + QUANTUM_MICROS * time.mhz, timer));
  }
}

function reached({ time }: Machine, limit: number, next: number): RunOutcome {
  time.ticks = Math.max(time.ticks, Math.min(limit, time.held));
  return { state: "limit", next: time.nanosOf(next) };
}

/** Idle: moves virtual time on, at most to the next timer. Does nothing while a vCPU could run. */
export function advanceIdle(machine: Machine, to: Nanos): void {
  const { time } = machine;
  assign(machine);
  if (furthestBehind(machine) !== undefined) return;
  const ticks = Math.min(time.ticksOf(to), time.timers.first(), time.held);
  if (ticks > time.ticks) time.ticks = ticks;
}

/** Puts waiting vCPUs on idle pCPUs. One may leave a pCPU to another that suits it better and takes somebody else: hence again. */
function assign(machine: Machine): void {
  const { sched, time } = machine;
  for (let placed = true; placed; ) {
    placed = false;
    for (const pcpu of sched.pcpus) {
      if (pcpu.current !== undefined) continue;
      const vcpu = sched.pick(pcpu, time.ticks);
      if (vcpu === undefined) continue;
      placed = true;
      pcpu.current = vcpu;
      pcpu.ticks = Math.max(pcpu.ticks, vcpu.readyAt, time.ticks);
      pcpu.fresh = true;
      pcpu.yielded = false;
      sched.begin(pcpu);
      vcpu.readyAt = pcpu.ticks;
      vcpu.processor = pcpu.id;
      vcpu.onCpu = true;
      changeRunstate(vcpu, RUNSTATE_running, time.nanosOf(pcpu.ticks));
    }
  }
}

function furthestBehind(machine: Machine): Pcpu | undefined {
  let best: Pcpu | undefined;
  for (const pcpu of machine.sched.pcpus) {
    if (pcpu.current === undefined) continue;
    if (
      best === undefined ||
      pcpu.ticks < best.ticks ||
      (pcpu.ticks === best.ticks && pcpu.lastWindow < best.lastWindow)
    )
      best = pcpu;
  }
  return best;
}

function runWindow(machine: Machine, pcpu: Pcpu, end: number): void {
  const { sched, time } = machine;
  const vcpu = pcpu.current as Vcpu;
  pcpu.lastWindow = ++time.windows;
  const from = pcpu.ticks;
  if (vcpu.domain.program) {
    pcpu.fresh = false;
    pcpu.ticks = runProgram(machine, vcpu, from, end);
  } else execute(machine, pcpu, vcpu, end);
  vcpu.readyAt = pcpu.ticks;
  sched.ran(vcpu, pcpu, pcpu.ticks - from);
  if (pcpu.current !== vcpu) return; // a program of dom0's had itself moved
  if (!isRunnable(vcpu)) {
    leavePcpu(machine, vcpu, restingState(vcpu));
    updateRunstateArea(machine, vcpu);
  } else if ((pcpu.yielded && sched.isWanted(pcpu)) || sched.mustLeave(pcpu)) {
    vcpu.credit.yielded = pcpu.yielded;
    leavePcpu(machine, vcpu, RUNSTATE_runnable);
    updateRunstateArea(machine, vcpu);
    sched.enqueue(vcpu, pcpu.ticks, false);
  }
  pcpu.yielded = false;
  machine.current = undefined;
  time.windowEnd = 0;
}

/** A vCPU whose program the engine executes. It stays loaded: `machine.current`. */
function execute(machine: Machine, pcpu: Pcpu, vcpu: Vcpu, end: number): void {
  const { engine, time } = machine;
  engine.select(vcpu.engineVcpu as number);
  machine.current = vcpu;
  time.windowEnd = end;
  const retired = icount(machine);
  setTscOffset(machine, vcpu, pcpu.ticks - retired);
  if (pcpu.fresh) {
    pcpu.fresh = false;
    updateRunstateArea(machine, vcpu);
    periodicWork(machine, vcpu);
  }
  updateVcpuTime(machine, vcpu, false);
  runGuest(machine, vcpu);
  const executed = icount(machine) - retired;
  time.work += executed;
  time.retired += executed;
  pcpu.ticks = localTicks(machine);
}
