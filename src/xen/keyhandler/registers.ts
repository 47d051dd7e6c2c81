/** `d` and `0`: registers of the vCPUs that are on pCPUs, and dom0's. Xen's own code is not modelled and has none. */
import { DOMID_0 } from "../../abi/types.ts";
import { showExecutionState } from "../domain/dump.ts";
import type { Machine } from "../machine.ts";

export function dumpRegisters(machine: Machine, key: string): void {
  const { log, sched } = machine;
  log(`'${key}' pressed -> dumping registers`);
  log("");
  for (const pcpu of sched.pcpus) {
    const vcpu = pcpu.current;
    if (vcpu === undefined) continue;
    log(`*** Dumping CPU${pcpu.id} guest state (d${vcpu.domain.domid}v${vcpu.id}): ***`);
    showExecutionState(machine, vcpu);
    log("");
  }
}

export function dumpDom0Registers(machine: Machine, key: string): void {
  machine.log(`'${key}' pressed -> dumping Dom0's registers`);
  for (const vcpu of machine.domains.get(DOMID_0)?.vcpus ?? []) {
    machine.log(`*** Dumping Dom0 vcpu#${vcpu.id} state: ***`);
    if (vcpu.engineVcpu === undefined) machine.log("No registers: its program is not made of instructions.");
    else showExecutionState(machine, vcpu);
  }
}
