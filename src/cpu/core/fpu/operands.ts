// What the handlers of MMX and SSE instructions share: their operands. A source of 0 means that a fault is set.
//
// A record remembers its handler: a function (rec) => 1 done, 0 faulted. Handlers that stand for a family of operations
// of one form call the operation that the record names (a function of two lanes or vectors).

import { CPU, GPR } from "../../layout";
import { addrR, addrW, doneW, effectiveAddress } from "../mmu";
import { FP_REG, FP_RM } from "../record";
import { gp0, isMem, mm, xmm } from "./state";

/** u32 of a record: index of its handler in the function table, 0 = not looked up yet (the decoder zeroes records). */
export const FP_HANDLER: u32 = 24;
/** u32: index of its operation. */
export const FP_OPERATION: u32 = 28;

export type Handler = (rec: usize) => i32;

// Mandatory prefixes as FP_PP has them, named by what they mostly mean.
export const PS: u32 = 0;
export const PD: u32 = 1;
export const SS: u32 = 2;
export const SD: u32 = 3;

const GPRS: usize = CPU + GPR;

/** Address of the XMM register that ModRM.reg names. */
// @ts-ignore: decorator
@inline export function dest(rec: usize): usize {
  return xmm(load<u8>(rec, FP_REG));
}

/** The XMM register of ModRM.rm, which is a register. */
// @ts-ignore: decorator
@inline export function rmXmm(rec: usize): usize {
  return xmm(load<u8>(rec, FP_RM));
}

/** XMM register, or `size` bytes of memory at any alignment. */
// @ts-ignore: decorator
@inline export function source(rec: usize, size: u32): usize {
  const rm: u32 = load<u8>(rec, FP_RM);
  return rm != 0xff ? xmm(rm) : addrR(effectiveAddress(rec), size);
}

/** XMM register, or 16 bytes that must be aligned. */
// @ts-ignore: decorator
@inline export function source16(rec: usize): usize {
  const rm: u32 = load<u8>(rec, FP_RM);
  return rm != 0xff ? xmm(rm) : aligned16(rec);
}

function aligned16(rec: usize): usize {
  const va = effectiveAddress(rec);
  if (va & 15) return gp0();
  return addrR(va, 16);
}

/** MMX register or memory. */
export function sourceMm(rec: usize, size: u32): usize {
  return isMem(rec) ? addrR(effectiveAddress(rec), size) : mm(load<u8>(rec, FP_RM));
}

/** General register or memory. */
export function sourceGpr(rec: usize, size: u32): usize {
  return isMem(rec) ? addrR(effectiveAddress(rec), size) : gpr(load<u8>(rec, FP_RM));
}

// @ts-ignore: decorator
@inline export function gpr(n: u32): usize {
  return GPRS + (n << 3);
}

// @ts-ignore: decorator
@inline export function setGpr(n: u32, v: u64): void {
  store<u64>(gpr(n), v);
}

export function store8(rec: usize, v: u64): i32 {
  const p = addrW(effectiveAddress(rec), 8);
  if (!p) return 0;
  store<u64>(p, v);
  doneW();
  return 1;
}

export function store4(rec: usize, v: u32): i32 {
  const p = addrW(effectiveAddress(rec), 4);
  if (!p) return 0;
  store<u32>(p, v);
  doneW();
  return 1;
}
