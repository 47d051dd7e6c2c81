/** EXIT_SEGMENT: loads of segment registers, checked as hardware does in ring 3. */
import {
  FS_BASE,
  GPR,
  GS_BASE,
  GS_BASE_OTHER,
  RIP,
  RSP,
  SEL,
  X_LENGTH,
  X_REG,
  X_REG2,
  X_SEGMENT_GPR,
  X_SEGMENT_VALUE,
  X_SIZE,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { checkData, checkStack, foundBase, MAY_LOAD } from "./descriptor.ts";
import { inject } from "./inject.ts";
import { add64, get32, get64, set64, setHalves, setSelector } from "./registers.ts";

/** Encoding order of the registers. */
const CS = 1;
const SS = 2;
const FS = 4;
const GS = 5;
const TRAP_INVALID_OP = 6;

export function handleSegmentLoad(machine: Machine, vcpu: Vcpu): void {
  const register = get32(machine, X_REG);
  const selector = get32(machine, X_REG2) & 0xffff;
  if (register === CS) {
    inject(machine, vcpu, TRAP_INVALID_OP, 0);
    return;
  }
  const isNull = (selector & 0xfffc) === 0 && register !== SS;
  const trap = isNull ? MAY_LOAD : (register === SS ? checkStack : checkData)(machine, vcpu, selector);
  if (trap !== MAY_LOAD) {
    inject(machine, vcpu, trap, selector & 0xfffc);
    return;
  }
  setSelector(machine, SEL + register * 2, selector);
  const base = isNull ? 0 : foundBase();
  if (register === FS) setHalves(machine, FS_BASE, base, 0);
  else if (register === GS) setHalves(machine, GS_BASE, base, 0);
  const gpr = get32(machine, X_SEGMENT_GPR);
  if (gpr < 16) set64(machine, GPR + gpr * 8, get64(machine, X_SEGMENT_VALUE));
  const grow = get32(machine, X_SIZE);
  if (grow !== 0) add64(machine, RSP, grow);
  add64(machine, RIP, get32(machine, X_LENGTH));
}

/** SEGBASE_GS_USER_SEL: the GS that user mode will have. A selector that cannot be loaded becomes null, as in Xen. */
export function loadUserGs(machine: Machine, vcpu: Vcpu, selector: number): void {
  const good = (selector & 0xfffc) !== 0 && checkData(machine, vcpu, selector) === MAY_LOAD;
  setSelector(machine, SEL + GS * 2, good ? selector : 0);
  setHalves(machine, vcpu.kernelMode ? GS_BASE_OTHER : GS_BASE, good ? foundBase() : 0, 0);
}
