/** Executes the vCPU that is loaded until its window ends or it may no longer run. */
import { EXIT_BUDGET } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { isRunnable } from "../sched/wake.ts";
import { localTicks } from "../time/virtual-time.ts";
import { hasBreakpoints, stepWatched } from "./breakpoints.ts";
import { handleExit } from "./exits.ts";
import { deliverPending } from "./inject.ts";

export function runGuest(machine: Machine, vcpu: Vcpu): void {
  const { engine, time } = machine;
  const { u8 } = engine.mem;
  while (isRunnable(vcpu)) {
    const info = vcpu.infoAddress;
    if ((u8[info] !== 0 && u8[info + 1] === 0) || (vcpu.nmiPending && !vcpu.nmiMasked)) {
      deliverPending(machine, vcpu);
      if (!isRunnable(vcpu)) return;
    }
    const left = time.windowEnd - localTicks(machine);
    if (left <= 0) return;
    const exit = hasBreakpoints(machine) ? stepWatched(machine, vcpu) : engine.run(left);
    if (exit !== EXIT_BUDGET) handleExit(machine, vcpu, exit);
  }
}
