/** Where a vCPU may run, and where it would like to. */

import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import { RUNSTATE_runnable } from "../../abi/vcpu.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { leavePcpu } from "./wake.ts";

/** EINVAL: no pCPU of this machine is left in `hard`. A soft affinity may be empty: nowhere is then better than elsewhere. */
export function setAffinity(
  machine: Machine,
  vcpu: Vcpu,
  hard: readonly boolean[] | undefined,
  soft: readonly boolean[] | undefined,
): XenResult {
  const { pcpus } = machine.sched;
  const whole = (mask: readonly boolean[]): boolean[] => pcpus.map(({ id }) => mask[id] === true);
  if (hard !== undefined && !whole(hard).includes(true)) return refuse("EINVAL");
  if (soft !== undefined) vcpu.softAffinity = whole(soft);
  if (hard === undefined) return done;
  vcpu.hardAffinity = whole(hard);
  if (vcpu.hardAffinity[vcpu.processor] === true) return done;
  if (vcpu.onCpu && machine.current !== vcpu) {
    leavePcpu(machine, vcpu, RUNSTATE_runnable);
    machine.sched.enqueue(vcpu, vcpu.readyAt, false);
  } else if (!vcpu.onCpu) {
    vcpu.processor = vcpu.hardAffinity.indexOf(true);
  }
  return done;
}
