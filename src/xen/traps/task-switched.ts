/** CR0.TS of a guest: the next FPU instruction faults. Set by fpu_taskswitch, cleared by it, by CLTS, and by the fault. */
import { CR0 } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Handler } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { get32, set32, X86_CR0_TS } from "./registers.ts";

export function setTaskSwitched(machine: Machine, vcpu: Vcpu, on: boolean): void {
  const cr0 = get32(machine, CR0);
  const value = on ? cr0 | X86_CR0_TS : cr0 & ~X86_CR0_TS;
  set32(machine, CR0, value);
  vcpu.cr0 = value >>> 0;
}

/** fpu_taskswitch(set) */
export const doFpuTaskswitch: Handler = (call) => {
  setTaskSwitched(call.machine, call.vcpu, call.lo(0) !== 0);
  return 0;
};
