/** How a domain comes to be a TypeScript program, and how it ceases to be one. */
import { done, refuse, type XenResult } from "../../abi/errno.ts";
import type { VcpuGuestContext } from "../../abi/vcpu-context.ts";
import { setPending } from "../evtchn/send.ts";
import { callProgram } from "../evtchn/upcalls.ts";
import type { Machine } from "../machine.ts";
import { wakeVcpu } from "../sched/wake.ts";
import { setPeriodic } from "../time/timer-virq.ts";
import type { Domain } from "./domain.ts";
import { setVcpuContext } from "./vcpu-context.ts";

/** EINVAL: its vCPU 0 has a context already. */
export function setProgram(machine: Machine, domain: Domain, begin: () => void): XenResult {
  const [vcpu] = domain.vcpus;
  if (vcpu === undefined || vcpu.initialised) return refuse("EINVAL");
  domain.program = true;
  vcpu.initialised = true;
  vcpu.down = false;
  setPeriodic(machine, vcpu, 0);
  callProgram(machine, domain, begin);
  wakeVcpu(machine, vcpu);
  return done;
}

/** {@link SchedCalls.become} */
export function becomeExecuting(machine: Machine, domain: Domain, context: VcpuGuestContext): XenResult {
  const [vcpu] = domain.vcpus;
  if (vcpu === undefined || !domain.program || domain.sharedInfo === undefined) return refuse("EINVAL");
  const set = setVcpuContext(machine, vcpu, context);
  if (!set.ok) return set;
  const { handlers, pending, calls, work } = domain.upcalls;
  domain.program = false;
  vcpu.blocked = false;
  handlers.clear();
  calls.length = 0;
  work.handlers = 0;
  work.others = 0;
  const unheard = [...pending];
  pending.clear();
  for (const port of unheard) setPending(machine, domain, port, domain.events.channels[port]?.vcpu ?? 0);
  return done;
}
