/** XEN_DOMCTL_sendtrigger: buttons and interrupts from outside. A PV domain has but the NMI. */
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import { SENDTRIGGER } from "../../abi/hypercall.ts";
import type { Machine } from "../machine.ts";
import { kickVcpu } from "../sched/wake.ts";
import type { Domain } from "./domain.ts";

/** ESRCH: no such vCPU. EINVAL: an ACPI button, which only HVM has. ENOSYS: nobody has that. */
export function sendTrigger(machine: Machine, domain: Domain, trigger: number, vcpuId: number): XenResult {
  const vcpu = domain.vcpus[vcpuId];
  if (vcpu === undefined) return refuse("ESRCH");
  switch (trigger) {
    case SENDTRIGGER.nmi:
      vcpu.nmiPending = true;
      kickVcpu(machine, vcpu);
      return done;
    case SENDTRIGGER.power:
    case SENDTRIGGER.sleep:
      return refuse("EINVAL");
    default:
      return refuse("ENOSYS");
  }
}
