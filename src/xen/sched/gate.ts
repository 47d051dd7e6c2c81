/** The scheduler's calls for a TypeScript program. */
import type { SchedCalls } from "../../abi/hypercall.ts";
import { SHUTDOWN } from "../../abi/hypercall.ts";
import { reportCrash } from "../domain/crash.ts";
import type { Domain } from "../domain/domain.ts";
import { shutdownDomain } from "../domain/shutdown.ts";
import { becomeExecuting } from "../domain/typescript.ts";
import { callProgram } from "../evtchn/upcalls.ts";
import type { Machine } from "../machine.ts";
import { chargeDomain } from "../time/cost-table.ts";
import { setSingleshot } from "../time/timer-virq.ts";
import { stopSingleshot } from "../time/vcpu-timers.ts";
import { localNanos } from "../time/virtual-time.ts";

export const schedCalls = (machine: Machine, caller: Domain): SchedCalls => ({
  now: () => localNanos(machine),
  setTimer(when) {
    chargeDomain(machine, caller, "hypercall");
    const [vcpu] = caller.vcpus;
    if (vcpu === undefined) return;
    if (when === undefined) stopSingleshot(vcpu);
    else setSingleshot(machine, vcpu, when);
  },
  resume: (handler) => callProgram(machine, caller, handler),
  shutdown(reason) {
    chargeDomain(machine, caller, "hypercall");
    if (reason === SHUTDOWN.crash && caller.shutdown === undefined) reportCrash(machine, caller);
    shutdownDomain(machine, caller, reason);
  },
  become: (context) => becomeExecuting(machine, caller, context),
});
