/**
 * A vCPU's way between running, runnable and blocked. Whoever changes one of the reasons (block, pause, shutdown, down)
 * calls {@link wakeVcpu} or {@link sleepVcpu}; they look at all reasons together.
 */
import { RUNSTATE_blocked, RUNSTATE_offline, RUNSTATE_runnable } from "../../abi/vcpu.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { changeRunstate } from "../time/runstate.ts";
import { stopPeriodic } from "../time/vcpu-timers.ts";
import { localTicks } from "../time/virtual-time.ts";

export function isRunnable(vcpu: Vcpu): boolean {
  const { domain } = vcpu;
  return (
    !vcpu.blocked &&
    !vcpu.down &&
    vcpu.pauseCount === 0 &&
    domain.pauseCount === 0 &&
    domain.shutdown === undefined &&
    !domain.dying
  );
}

/** A reason to stand still has gone: it may be runnable now. */
export function wakeVcpu(machine: Machine, vcpu: Vcpu): void {
  if (vcpu.onCpu || vcpu.queued || !isRunnable(vcpu)) return;
  if (vcpu.engineVcpu === undefined && !vcpu.domain.program) return;
  const now = localTicks(machine);
  if (now > vcpu.readyAt) vcpu.readyAt = now;
  changeRunstate(vcpu, RUNSTATE_runnable, machine.time.nanosOf(vcpu.readyAt));
  machine.sched.enqueue(vcpu, vcpu.readyAt, true);
  endWindow(machine);
}

/** A reason to stand still has come. */
export function sleepVcpu(machine: Machine, vcpu: Vcpu): void {
  if (isRunnable(vcpu)) return;
  if (vcpu.queued) {
    machine.sched.dequeue(vcpu);
    changeRunstate(
      vcpu,
      restingState(vcpu),
      machine.time.nanosOf(Math.max(localTicks(machine), vcpu.readyAt)),
    );
  } else if (machine.current === vcpu) {
    endWindow(machine);
  } else if (vcpu.onCpu) {
    leavePcpu(machine, vcpu, restingState(vcpu));
  } else {
    changeRunstate(
      vcpu,
      restingState(vcpu),
      machine.time.nanosOf(Math.max(localTicks(machine), vcpu.readyAt)),
    );
  }
}

/** Takes it off its pCPU. */
export function leavePcpu(machine: Machine, vcpu: Vcpu, state: number): void {
  const pcpu = machine.sched.pcpus[vcpu.processor];
  if (pcpu?.current === vcpu) pcpu.current = undefined;
  vcpu.onCpu = false;
  stopPeriodic(vcpu);
  changeRunstate(vcpu, state, machine.time.nanosOf(vcpu.readyAt));
}

/** What a vCPU that may not run is doing. */
export function restingState(vcpu: Vcpu): number {
  return vcpu.blocked && !vcpu.down && vcpu.pauseCount === 0 && vcpu.domain.pauseCount === 0
    ? RUNSTATE_blocked
    : RUNSTATE_offline;
}

/** `vcpu_block`: until an event. The caller has looked whether one is there already. */
export function blockVcpu(machine: Machine, vcpu: Vcpu): void {
  vcpu.blocked = true;
  sleepVcpu(machine, vcpu);
}

/** `vcpu_unblock`. A poll ends as well. */
export function unblockVcpu(machine: Machine, vcpu: Vcpu): void {
  if (!vcpu.blocked) return;
  vcpu.blocked = false;
  vcpu.pollPort = 0;
  vcpu.timers.poll?.cancel();
  vcpu.timers.poll = undefined;
  wakeVcpu(machine, vcpu);
}

/** `vcpu_kick`: it has something to look at. */
export function kickVcpu(machine: Machine, vcpu: Vcpu): void {
  unblockVcpu(machine, vcpu);
  if (vcpu.onCpu && machine.current !== vcpu) endWindow(machine);
}

/** The vCPU that executes has changed something that others wait for: their turn. */
export function endWindow(machine: Machine): void {
  if (machine.current === undefined) return;
  const now = localTicks(machine);
  if (now < machine.time.windowEnd) machine.time.windowEnd = now;
}
