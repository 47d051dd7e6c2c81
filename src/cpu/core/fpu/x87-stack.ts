// The register stack of the x87, its exceptions, and what a number is. SDM vol. 1, 8.1, 8.2, 8.5.

import { begin, flags, roundedUp, signal } from "./soft";
import { BEFORE, BUSY, C0, C1, C2, C3, DE, ES, FCW, FSW, IE, REGS, SF, TAGS, TOP_MASK } from "./state";

// What a double-extended number is.
export const ZERO: u32 = 0;
export const NORMAL: u32 = 1;
export const DENORMAL: u32 = 2;
export const INFINITE: u32 = 3;
export const QNAN: u32 = 4;
export const SNAN: u32 = 5;
/** Pseudo-NaN, pseudo-infinity, unnormal: encodings that the 8087 knew. */
export const UNSUPPORTED: u32 = 6;

export const BIT63: u64 = 0x8000000000000000;
export const QUIET: u64 = 0x4000000000000000;
/** The real indefinite: a quiet NaN. */
const INDEFINITE_SE: u32 = 0xffff;
const INDEFINITE_SIG: u64 = 0xc000000000000000;

/** Result of the operation under way. */
export let resSe: u32 = 0, resSig: u64 = 0;

export function setResult80(se: u32, sig: u64): void {
  resSe = se;
  resSig = sig;
}

export function setIndefinite(): void {
  resSe = INDEFINITE_SE;
  resSig = INDEFINITE_SIG;
}

export function classOf(se: u32, sig: u64): u32 {
  const e = se & 0x7fff;
  if (e == 0) return sig ? DENORMAL : ZERO;
  if (!(sig >> 63)) return UNSUPPORTED;
  if (e != 0x7fff) return NORMAL;
  if (!(sig << 1)) return INFINITE;
  return sig & QUIET ? QNAN : SNAN;
}

// ── the stack ──

// @ts-ignore: decorator
@inline function physical(i: u32): u32 {
  return ((load<u16>(FSW) >> 11) + i) & 7;
}

/** Address of ST(i). */
// @ts-ignore: decorator
@inline export function st(i: u32): usize {
  return REGS + (physical(i) << 4);
}

// @ts-ignore: decorator
@inline export function isEmpty(i: u32): bool {
  return ((load<u8>(TAGS) >> (<u8>physical(i))) & 1) == 0;
}

/** Writes ST(i); it is no longer empty. */
export function setSt(i: u32, se: u32, sig: u64): void {
  const n = physical(i);
  const p = REGS + (n << 4);
  store<u64>(p, sig);
  store<u16>(p, se, 8);
  store<u8>(TAGS, <u32>load<u8>(TAGS) | (1 << n));
}

export function free(i: u32): void {
  store<u8>(TAGS, <u32>load<u8>(TAGS) & ~(1 << physical(i)));
}

export function moveTop(by: i32): void {
  const fsw: u32 = load<u16>(FSW);
  store<u16>(FSW, (fsw & ~TOP_MASK) | (((fsw >> 11) + by) & 7) << 11);
}

export function pop(): void {
  free(0);
  moveTop(1);
}

// ── exceptions ──

/** Starts an instruction with the rounding control of FCW. */
export function start(): void {
  begin((load<u16>(FCW) >> 10) & 3);
}

/** An operand is missing. */
export function underflowStack(): void {
  signal(IE | SF);
  setIndefinite();
}

/**
 * Takes the exceptions into FSW, sets C1 from the last rounding. False: an exception that forbids any result.
 * Unmasked ones turn on ES.
 */
export function settle(): bool {
  return settleC1(roundedUp && !(flags & ~(<u32>load<u16>(FCW)) & BEFORE));
}

export function settleC1(c1: bool): bool {
  const f = flags;
  const unmasked = f & ~(<u32>load<u16>(FCW)) & 0x3f;
  let fsw: u32 = load<u16>(FSW) & ~C1;
  if (unmasked & BEFORE) {
    fsw |= (f & (BEFORE | SF)) | ES | BUSY;
    if (c1) fsw |= C1;
    store<u16>(FSW, fsw);
    return false;
  }
  fsw |= f;
  if (c1) fsw |= C1;
  if (unmasked) fsw |= ES | BUSY;
  store<u16>(FSW, fsw);
  return true;
}

/** Was an unmasked exception met (of these)? After settle. */
export function isUnmasked(which: u32): bool {
  return (flags & which & ~(<u32>load<u16>(FCW))) != 0;
}

/** Renews ES and B after FSW's flags or FCW's masks changed. */
export function renewSummary(): void {
  const fsw: u32 = load<u16>(FSW);
  const on = (fsw & ~(<u32>load<u16>(FCW)) & 0x3f) != 0;
  store<u16>(FSW, on ? fsw | ES | BUSY : fsw & ~(ES | BUSY));
}

export function setConditions(c: u32): void {
  store<u16>(FSW, (load<u16>(FSW) & ~(C0 | C1 | C2 | C3)) | c);
}

/** C0 C2 C3 only. */
export function setCompared(c: u32): void {
  store<u16>(FSW, (load<u16>(FSW) & ~(C0 | C2 | C3)) | c);
}

/** Is there room for a push? Else a stack overflow is signalled. */
export function roomToPush(): bool {
  if (isEmpty(7)) return true;
  signal(IE | SF);
  setIndefinite();
  return false;
}

/** Pushes the result. `overflow`: the register was not empty (C1). A denormal operand, even unmasked, is loaded. */
export function pushResult(overflow: bool): void {
  if (!settleC1(overflow || roundedUp) && flags != DE) return;
  moveTop(-1);
  setSt(0, resSe, resSig);
}
