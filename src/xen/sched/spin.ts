/**
 * A vCPU that says it waits: PAUSE in a loop, SCHEDOP_yield. What it waits for must come from elsewhere, so its time
 * passes without being executed, up to where somebody else can act.
 */
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { icount, localTicks, setTscOffset } from "../time/virtual-time.ts";
import { endWindow } from "./wake.ts";

/** PAUSEs that come within so many instructions of each other are a loop; after so many of them it is a long one. */
const LOOP_INSTRUCTIONS = 512;
const LONG_LOOP = 4;

/**
 * PAUSE: only another vCPU can help. With none it is one more instruction. Else time passes to where the furthest behind
 * of the others is, or, when that has not helped a few times (they spin, too), to the end of the window.
 */
export function spin(machine: Machine, vcpu: Vcpu): void {
  const { pcpus } = machine.sched;
  const mine = pcpus[vcpu.processor];
  let other = Number.POSITIVE_INFINITY;
  for (const pcpu of pcpus) {
    if (pcpu !== mine && pcpu.current !== undefined && pcpu.ticks < other) other = pcpu.ticks;
  }
  if (other === Number.POSITIVE_INFINITY && (mine === undefined || !machine.sched.isWanted(mine))) return;
  const now = icount(machine);
  vcpu.pauses = now - vcpu.lastPause < LOOP_INSTRUCTIONS ? vcpu.pauses + 1 : 0;
  vcpu.lastPause = now;
  const { windowEnd } = machine.time;
  passTime(machine, vcpu, vcpu.pauses < LONG_LOOP ? Math.min(other, windowEnd) : windowEnd);
  // Whom it waits for may itself wait for a pCPU: then it gives up its own. Else it spins on, as on hardware.
  if (vcpu.domain.vcpus.some(({ queued }) => queued)) giveWay(machine, vcpu);
  else endWindow(machine);
}

/** SCHEDOP_yield: others first; with none waiting, the rest of the window passes. */
export function yieldVcpu(machine: Machine, vcpu: Vcpu): void {
  const mine = machine.sched.pcpus[vcpu.processor];
  if (mine !== undefined && !machine.sched.isWanted(mine)) passTime(machine, vcpu, machine.time.windowEnd);
  giveWay(machine, vcpu);
}

function giveWay(machine: Machine, vcpu: Vcpu): void {
  const mine = machine.sched.pcpus[vcpu.processor];
  if (mine !== undefined) mine.yielded = true;
  endWindow(machine);
}

function passTime(machine: Machine, vcpu: Vcpu, to: number): void {
  const skip = to - localTicks(machine);
  if (skip > 0) setTscOffset(machine, vcpu, vcpu.tscOffset + skip);
}
