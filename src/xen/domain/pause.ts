/** The toolstack's pauses: they nest (`controller_pause_count`). */
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import type { Machine } from "../machine.ts";
import { sleepVcpu, wakeVcpu } from "../sched/wake.ts";
import type { Domain } from "./domain.ts";

export function pauseDomain(machine: Machine, domain: Domain): void {
  domain.pauseCount++;
  for (const vcpu of domain.vcpus) sleepVcpu(machine, vcpu);
}

/** EINVAL: it is not paused. */
export function unpauseDomain(machine: Machine, domain: Domain): XenResult {
  if (domain.pauseCount === 0) return refuse("EINVAL");
  domain.pauseCount--;
  for (const vcpu of domain.vcpus) wakeVcpu(machine, vcpu);
  return done;
}
