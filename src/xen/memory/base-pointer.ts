/**
 * The page-table bases of a vCPU: the guest kernel's L4 and, apart from it, the guest user's. Each holds a typed reference;
 * installing one validates it. Both work on any vCPU, loaded or not. 0 or -errno.
 */
import { CPU, CR3 } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { destroyLdt } from "./descriptors.ts";
import { PGT_l4 } from "./frame-table.ts";
import { getFrameAndType, putFrameAndType } from "./page-types.ts";
import { drain, prepare, releaseLater, settle } from "./stepwise.ts";
import { flushVcpu } from "./tlb.ts";
import { hexMfn, warn } from "./warn.ts";

/** {@link installKernelBase} or {@link installUserBase} in steps; "later": to be called again. */
export function switchBase(
  machine: Machine,
  vcpu: Vcpu,
  mfn: number,
  install: (machine: Machine, vcpu: Vcpu, mfn: number) => number,
): number | "later" {
  const { domain } = vcpu;
  if (!drain(machine, domain) || !prepare(machine, domain, mfn, PGT_l4)) return "later";
  const failed = install(machine, vcpu, mfn);
  settle(domain);
  return failed !== 0 || drain(machine, domain) ? failed : "later";
}

/** `mfn` becomes the kernel's base (MMUEXT_NEW_BASEPTR, a write to CR3). LDT mappings of the old space are dropped. */
export function installKernelBase(machine: Machine, vcpu: Vcpu, mfn: number): number {
  const old = vcpu.guestTable;
  if (mfn !== old || old === 0) {
    const failed = getFrameAndType(machine, mfn, vcpu.domain.domid, PGT_l4);
    if (failed !== 0) {
      warn(machine, `Error while installing new baseptr ${hexMfn(mfn)}`);
      return failed;
    }
    destroyLdt(machine, vcpu);
    vcpu.guestTable = mfn;
  }
  if (vcpu.kernelMode) loadBase(machine, vcpu, mfn);
  else flushVcpu(machine, vcpu);
  if (old !== 0 && old !== mfn) releaseLater(vcpu.domain, old);
  return 0;
}

/** `mfn`, or none for 0, becomes the user's base (MMUEXT_NEW_USER_BASEPTR). */
export function installUserBase(machine: Machine, vcpu: Vcpu, mfn: number): number {
  const old = vcpu.guestTableUser;
  if (mfn === old) return 0;
  if (mfn !== 0) {
    const failed = getFrameAndType(machine, mfn, vcpu.domain.domid, PGT_l4);
    if (failed !== 0) {
      warn(machine, `Error ${failed} installing new mfn ${hexMfn(mfn)}`);
      return failed;
    }
  }
  vcpu.guestTableUser = mfn;
  if (!vcpu.kernelMode) loadBase(machine, vcpu, mfn);
  else flushVcpu(machine, vcpu);
  if (old !== 0) releaseLater(vcpu.domain, old);
  return 0;
}

/** Gives both bases up: the vCPU is reset, or its domain is gone. */
export function dropBases(machine: Machine, vcpu: Vcpu): void {
  const { guestTable, guestTableUser } = vcpu;
  vcpu.guestTable = 0;
  vcpu.guestTableUser = 0;
  if (guestTable !== 0) putFrameAndType(machine, guestTable);
  if (guestTableUser !== 0) putFrameAndType(machine, guestTableUser);
}

/** Puts a base in force in the vCPU's state and forgets what its TLBs hold. */
function loadBase(machine: Machine, vcpu: Vcpu, mfn: number): void {
  const { engineVcpu } = vcpu;
  if (engineVcpu === undefined) return;
  const { mem } = machine.engine;
  const state = machine.engine.stateAddress(engineVcpu);
  mem.u32[(state + CR3) >> 2] = mfn << 12;
  mem.u32[(state + CR3 + 4) >> 2] = mfn >>> 20;
  if (state === CPU) machine.engine.flushTlb();
  else machine.frames.flushAll();
}
