/** DR0..DR7: recorded and checked as Xen checks them; breakpoints do not fire. */
import { HYPERVISOR_VIRT_END, HYPERVISOR_VIRT_START } from "../../abi/arch-x86/xen.ts";
import type { Errno } from "../../abi/errno.ts";
import { DR0, GPR, X_REG, X_REG2 } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import { minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import type { Emulated } from "./privileged.ts";
import { get32, get64, isCanonical, set64 } from "./registers.ts";

const DR6 = DR0 + 0x20;
const DR7 = DR0 + 0x28;
/** Reserved bits of DR6 and DR7: which are one, which zero. */
const DR6_ONES = 0xffff_0ff0n;
const DR6_MASK = 0xffff_efffn;
const DR7_ONES = 0x400n;
const DR7_ZEROS = 0xd800n;
const DR7_GENERAL_DETECT = 0x2000n;

/** DR4 and DR5 are DR6 and DR7. */
const fieldOf = (register: number): number | undefined => {
  if (register < 4) return DR0 + register * 8;
  if (register === 4 || register === 6) return DR6;
  return register === 5 || register === 7 ? DR7 : undefined;
};

/** `set_debugreg`; undefined: done. */
export function setDebugRegister(machine: Machine, register: number, value: bigint): Errno | undefined {
  const field = fieldOf(register);
  if (field === undefined) return "ENODEV";
  let fixed = value;
  if (field === DR6) {
    fixed = (value & DR6_MASK) | DR6_ONES;
  } else if (field === DR7) {
    if (value >> 32n !== 0n || (value & DR7_GENERAL_DETECT) !== 0n) return "EPERM";
    fixed = (value & ~DR7_ZEROS) | DR7_ONES;
  } else if (!isCanonical(value) || (value >= HYPERVISOR_VIRT_START && value < HYPERVISOR_VIRT_END)) {
    return "EPERM";
  }
  set64(machine, field, fixed);
  return undefined;
}

export function moveFromDr(machine: Machine, _vcpu: Vcpu): Emulated {
  const field = fieldOf(get32(machine, X_REG2));
  if (field === undefined) return "#GP";
  set64(machine, GPR + (get32(machine, X_REG) & 15) * 8, get64(machine, field));
  return "next";
}

export function moveToDr(machine: Machine, _vcpu: Vcpu): Emulated {
  const value = get64(machine, GPR + (get32(machine, X_REG) & 15) * 8);
  return setDebugRegister(machine, get32(machine, X_REG2), value) === undefined ? "next" : "#GP";
}

/** set_debugreg(reg, value) */
export const doSetDebugreg: Handler = (call) => {
  const errno = setDebugRegister(call.machine, call.lo(0), call.args[1]);
  return errno === undefined ? 0 : minus(errno);
};

/** get_debugreg(reg) */
export const doGetDebugreg: Handler = (call) => {
  const field = fieldOf(call.lo(0));
  return field === undefined ? minus("EINVAL") : get64(call.machine, field);
};
