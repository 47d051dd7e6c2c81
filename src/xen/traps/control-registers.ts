/** MOV to and from control registers, LMSW, as Xen lets a PV kernel see them. */
import { vcpuInfo } from "../../abi/xen.ts";
import { CR0, GPR, TSC_EXITS, X_REG, X_REG2 } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { installKernelBase, switchBase } from "../memory/base-pointer.ts";
import type { Emulated } from "./privileged.ts";
import { get32, get64, set32, set64, X86_CR0_TS } from "./registers.ts";
import { setTaskSwitched } from "./task-switched.ts";

/** PG AM WP NE ET MP PE: what a PV guest finds set, and cannot change but for TS. */
export const PV_CR0 = 0x8005_0033;

const X86_CR4_TSD = 0x4;
export const X86_CR4_DE = 0x8;
/** PAE MCE OSFXSR OSXMMEXCPT: shown to the guest, not its to choose. */
export const PV_CR4_GUEST_VISIBLE = 0x660;
const PV_CR4_GUEST_MASK = X86_CR4_TSD | X86_CR4_DE;

/** `pv_fixup_guest_cr4`. */
export const guestCr4 = (value: number): number => PV_CR4_GUEST_VISIBLE | (value & PV_CR4_GUEST_MASK);

/** What TSC_EXITS must be under this CR4. */
export const tscExits = (cr4: number): number => cr4 & X86_CR4_TSD;

export function moveFromCr(machine: Machine, vcpu: Vcpu): Emulated {
  const value = readCr(machine, vcpu, get32(machine, X_REG2));
  if (value === undefined) return "#GP";
  set64(machine, GPR + (get32(machine, X_REG) & 15) * 8, value);
  return "next";
}

function readCr(machine: Machine, vcpu: Vcpu, register: number): bigint | undefined {
  switch (register) {
    case 0:
      return BigInt(get32(machine, CR0) >>> 0);
    case 2:
      return vcpuInfo.field.archCr2.get(machine.engine.mem.view, vcpu.infoAddress);
    case 3:
      return BigInt(vcpu.guestTable) << 12n;
    case 4:
      return BigInt(vcpu.cr4);
    default:
      return undefined;
  }
}

export function moveToCr(machine: Machine, vcpu: Vcpu): Emulated {
  const value = get64(machine, GPR + (get32(machine, X_REG) & 15) * 8);
  switch (get32(machine, X_REG2)) {
    case 0:
      return writeCr0(machine, vcpu, value);
    case 2:
      vcpuInfo.field.archCr2.set(machine.engine.mem.view, vcpu.infoAddress, value);
      return "next";
    case 3:
      if (value >> 52n !== 0n) return "#GP";
      return writeCr3(machine, vcpu, Number(value >> 12n));
    case 4:
      vcpu.cr4 = guestCr4(Number(value & 0xffff_ffffn));
      set32(machine, TSC_EXITS, tscExits(vcpu.cr4));
      return "next";
    default:
      return "#GP";
  }
}

/** A big tree takes several goes: the instruction is executed again. */
function writeCr3(machine: Machine, vcpu: Vcpu, mfn: number): Emulated {
  const failed = switchBase(machine, vcpu, mfn, installKernelBase);
  if (failed === "later") return "again";
  return failed === 0 ? "next" : "#GP";
}

function writeCr0(machine: Machine, vcpu: Vcpu, value: bigint): Emulated {
  const current = BigInt(get32(machine, CR0) >>> 0);
  if (((value ^ current) & ~BigInt(X86_CR0_TS)) !== 0n) return "#GP"; // all but TS stays as it is
  setTaskSwitched(machine, vcpu, (value & BigInt(X86_CR0_TS)) !== 0n);
  return "next";
}

/** LMSW changes PE, MP, EM and TS; all but TS stay as they are. X_REG2 is its operand. */
export function lmsw(machine: Machine, vcpu: Vcpu): Emulated {
  const operand = get32(machine, X_REG2) & 0xf;
  const current = BigInt(get32(machine, CR0) >>> 0);
  return writeCr0(machine, vcpu, (current & ~0xen) | BigInt(operand));
}
