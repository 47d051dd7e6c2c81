/** vcpu_op for a TypeScript domain: its own vCPUs up and down. */
import { done, refuse } from "../../abi/errno.ts";
import type { VcpuCalls } from "../../abi/hypercall.ts";
import type { Machine } from "../machine.ts";
import { sleepVcpu, wakeVcpu } from "../sched/wake.ts";
import { chargeDomain } from "../time/cost-table.ts";
import type { Domain } from "./domain.ts";

export const vcpuCalls = (machine: Machine, caller: Domain): VcpuCalls => ({
  up(id) {
    chargeDomain(machine, caller, "hypercall");
    const vcpu = caller.vcpus[id];
    if (vcpu === undefined) return refuse("ENOENT");
    if (!vcpu.initialised) return refuse("EINVAL");
    vcpu.down = false;
    sleepVcpu(machine, vcpu); // what it rests in is another state now
    wakeVcpu(machine, vcpu);
    return done;
  },
  down(id) {
    chargeDomain(machine, caller, "hypercall");
    const vcpu = caller.vcpus[id];
    if (vcpu === undefined) return refuse("ENOENT");
    if (id === 0) return refuse("EBUSY");
    vcpu.down = true;
    sleepVcpu(machine, vcpu);
    return done;
  },
});
