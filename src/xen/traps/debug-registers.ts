/** DR0..DR7 as Xen lets a PV kernel have them. Breakpoints fire: breakpoints.ts. */
import { HYPERVISOR_VIRT_END, HYPERVISOR_VIRT_START } from "../../abi/arch-x86/xen.ts";
import type { Errno } from "../../abi/errno.ts";
import { DR0, GPR, X_REG, X_REG2 } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import { minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { X86_CR4_DE } from "./control-registers.ts";
import { inject } from "./inject.ts";
import type { Emulated } from "./privileged.ts";
import { get32, get64, isCanonical, set64, TRAP_invalid_op } from "./registers.ts";

export const DR6 = DR0 + 0x20;
export const DR7 = DR0 + 0x28;
/** Reserved bits of DR6 and DR7: which are one, which zero. */
const DR6_ONES = 0xffff_0ff0n;
const DR6_ZEROS = 0x1000n;
const DR7_ONES = 0x400n;
const DR7_ZEROS = 0xd800n;
const DR7_GENERAL_DETECT = 0x2000n;
/** L0 G0 .. L3 G3 */
export const DR7_ACTIVE = 0xff;
/** R/W field of breakpoint i: 2 bits at 16 + 4i. */
export const DR_EXECUTE = 0;
export const DR_WRITE = 1;
const DR_IO = 2;

/** DR4 and DR5 are DR6 and DR7, unless CR4.DE makes them undefined. */
function fieldOf(vcpu: Vcpu, register: number): number | undefined {
  if (register < 4) return DR0 + register * 8;
  if (register === 6) return DR6;
  if (register === 7) return DR7;
  if ((vcpu.cr4 & X86_CR4_DE) !== 0) return undefined;
  return register === 4 ? DR6 : register === 5 ? DR7 : undefined;
}

/** A breakpoint on I/O that is enabled, of a vCPU that has not said CR4.DE. */
function wantsIo(vcpu: Vcpu, value: bigint): boolean {
  if ((vcpu.cr4 & X86_CR4_DE) !== 0 || (value & BigInt(DR7_ACTIVE)) === 0n) return false;
  for (let at = 16n; at < 32n; at += 4n) if (((value >> at) & 3n) === BigInt(DR_IO)) return true;
  return false;
}

/**
 * What register `register` would hold (`set_debugreg`), or ENODEV: none such; EINVAL: bits above 31; EPERM: an address that is
 * Xen's or none, general detect, I/O breakpoints without CR4.DE.
 */
export function fixDebugRegister(vcpu: Vcpu, register: number, value: bigint): bigint | Errno {
  const field = fieldOf(vcpu, register);
  if (field === undefined) return "ENODEV";
  if (field !== DR6 && field !== DR7) {
    const xens = value >= HYPERVISOR_VIRT_START && value < HYPERVISOR_VIRT_END;
    return isCanonical(value) && !xens ? value : "EPERM";
  }
  if (value >> 32n !== 0n) return "EINVAL";
  if (field === DR6) return (value & ~DR6_ZEROS) | DR6_ONES;
  const fixed = (value & ~DR7_ZEROS) | DR7_ONES;
  return (value & DR7_GENERAL_DETECT) !== 0n || wantsIo(vcpu, value) ? "EPERM" : fixed;
}

/** `set_debugreg` of the loaded vCPU; undefined: done. */
function setDebugRegister(machine: Machine, vcpu: Vcpu, register: number, value: bigint): Errno | undefined {
  const fixed = fixDebugRegister(vcpu, register, value);
  if (typeof fixed === "string") return fixed;
  set64(machine, fieldOf(vcpu, register) ?? DR7, fixed);
  return undefined;
}

export function moveFromDr(machine: Machine, vcpu: Vcpu): Emulated {
  const field = fieldOf(vcpu, get32(machine, X_REG2));
  if (field === undefined) return undefinedOpcode(machine, vcpu);
  set64(machine, GPR + (get32(machine, X_REG) & 15) * 8, get64(machine, field));
  return "next";
}

export function moveToDr(machine: Machine, vcpu: Vcpu): Emulated {
  const value = get64(machine, GPR + (get32(machine, X_REG) & 15) * 8);
  const refused = setDebugRegister(machine, vcpu, get32(machine, X_REG2), value);
  if (refused === "ENODEV") return undefinedOpcode(machine, vcpu);
  return refused === undefined ? "next" : "#GP";
}

function undefinedOpcode(machine: Machine, vcpu: Vcpu): Emulated {
  inject(machine, vcpu, TRAP_invalid_op, 0);
  return "again";
}

/** set_debugreg(reg, value) */
export const doSetDebugreg: Handler = (call) => {
  const errno = setDebugRegister(call.machine, call.vcpu, call.lo(0), call.args[1]);
  return errno === undefined ? 0 : minus(errno);
};

/** get_debugreg(reg) */
export const doGetDebugreg: Handler = (call) => {
  const field = fieldOf(call.vcpu, call.lo(0));
  return field === undefined ? minus("ENODEV") : get64(call.machine, field);
};
