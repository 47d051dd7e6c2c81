// Where x87, MMX and SSE state lies in the vCPU block, and the checks every instruction starts with.
//
//   FPU + 0x00  u16 FCW        0x02  u16 FSW (TOP in place)   0x04  u8 tags: bit per physical register, 1 = not empty
//       + 0x06  u16 FOP        0x08  u64 FIP                  0x10  u64 FDP
//       + 0x20  8 physical registers, 16 bytes apart: u64 significand, u16 sign and exponent; MMn is the significand of Rn
//
// The SDM's names: Vol. 1 ch. 8 (x87), 9 (MMX), 10 and 11 (SSE, SSE2).

import { CPU, CR0, FPU, MXCSR, XMM } from "../../layout";
import { FP_MODRM, FP_OPCODE, FP_RM } from "../record";
import { effectiveAddress, raise, recordRip } from "../mmu";

export const FCW: usize = CPU + FPU;
export const FSW: usize = CPU + FPU + 2;
export const TAGS: usize = CPU + FPU + 4;
export const FOP: usize = CPU + FPU + 6;
export const FIP: usize = CPU + FPU + 8;
export const FDP: usize = CPU + FPU + 0x10;
export const REGS: usize = CPU + FPU + 0x20;
export const MX: usize = CPU + MXCSR;
export const XMM0: usize = CPU + XMM;
/** Reserved bits of MXCSR are those outside (CPUs with DAZ). */
export const MXCSR_MASK: u32 = 0xffff;

// Exceptions: the same bits in FSW and MXCSR; masks are in FCW at the same place, in MXCSR 7 higher.
export const IE: u32 = 1;
export const DE: u32 = 2;
export const ZE: u32 = 4;
export const OE: u32 = 8;
export const UE: u32 = 16;
export const PE: u32 = 32;
/** Seen before the operation is done: unmasked, they leave the operands alone. */
export const BEFORE: u32 = IE | DE | ZE;

// FSW
export const SF: u32 = 0x40;
export const ES: u32 = 0x80;
export const C0: u32 = 0x100;
export const C1: u32 = 0x200;
export const C2: u32 = 0x400;
export const C3: u32 = 0x4000;
export const BUSY: u32 = 0x8000;
export const TOP_MASK: u32 = 0x3800;

// Rounding control, as in FCW bits 10..11 and MXCSR bits 13..14.
export const NEAREST: u32 = 0;
export const DOWN: u32 = 1;
export const UP: u32 = 2;
export const CHOP: u32 = 3;

const MP: u32 = 2;
const EM: u32 = 4;
const TS: u32 = 8;
const V_UD: u32 = 6;
const V_NM: u32 = 7;
const V_GP: u32 = 13;
const V_MF: u32 = 16;

/** May an x87 instruction start? `waiting`: it reports a pending exception. */
export function x87Ready(waiting: bool): bool {
  if (load<u32>(CPU + CR0) & (EM | TS)) {
    raise(V_NM, false, 0);
    return false;
  }
  if (waiting && load<u16>(FSW) & ES) {
    raise(V_MF, false, 0);
    return false;
  }
  return true;
}

/** FWAIT. */
export function waitReady(): bool {
  if ((load<u32>(CPU + CR0) & (MP | TS)) == (MP | TS)) {
    raise(V_NM, false, 0);
    return false;
  }
  if (load<u16>(FSW) & ES) {
    raise(V_MF, false, 0);
    return false;
  }
  return true;
}

// @ts-ignore: decorator
@inline export function sseReady(): bool {
  return (load<u32>(CPU + CR0) & (EM | TS)) == 0 || sseRefused();
}

function sseRefused(): bool {
  raise(load<u32>(CPU + CR0) & EM ? V_UD : V_NM, false, 0);
  return false;
}

export function mmxReady(): bool {
  if (!sseReady()) return false;
  if (load<u16>(FSW) & ES) {
    raise(V_MF, false, 0);
    return false;
  }
  return true;
}

/** What an MMX instruction does to the x87 besides its work: TOP 0, all registers valid. */
// @ts-ignore: decorator
@inline export function enterMmx(): void {
  store<u16>(FSW, load<u16>(FSW) & ~TOP_MASK);
  store<u8>(TAGS, 0xff);
}

// @ts-ignore: decorator
@inline export function mm(n: u32): usize {
  return REGS + ((n & 7) << 4);
}

/** Writes MMn. */
// @ts-ignore: decorator
@inline export function setMm(n: u32, v: u64): void {
  const p = mm(n);
  store<u64>(p, v);
  store<u16>(p, 0xffff, 8);
  enterMmx();
}

// @ts-ignore: decorator
@inline export function xmm(n: u32): usize {
  return XMM0 + (n << 4);
}

export function gp0(): i32 {
  raise(V_GP, true, 0);
  return 0;
}

export function ud(): i32 {
  raise(V_UD, false, 0);
  return 0;
}

// @ts-ignore: decorator
@inline export function isMem(rec: usize): bool {
  return load<u8>(rec, FP_RM) == 0xff;
}

/** Notes the instruction for FSTENV and kin. Current processors renew FOP and FDP with unmasked exceptions only. */
export function notePointers(rec: usize, memory: bool): void {
  store<u64>(FIP, recordRip(rec));
  if (load<u16>(FSW) & ES) {
    store<u16>(FOP, ((load<u8>(rec, FP_OPCODE) & 7) << 8) | load<u8>(rec, FP_MODRM));
    if (memory) store<u64>(FDP, effectiveAddress(rec));
  }
}

/** Power-up state of x87 and SSE, in a vCPU block at this address (zeroed before). */
export function fpuReset(block: usize): void {
  store<u16>(block + FPU, 0x37f);
  store<u32>(block + MXCSR, 0x1f80);
}

/** FNINIT: registers keep their content. */
export function fninit(): void {
  store<u16>(FCW, 0x37f);
  store<u16>(FSW, 0);
  store<u8>(TAGS, 0);
  store<u16>(FOP, 0);
  store<u64>(FIP, 0);
  store<u64>(FDP, 0);
}
