// Lazy arithmetic flags. F_A, F_B, F_C hold values shifted up to bit 63, so conditions do not depend on the size.
//
//   ZF is F_A == F_B for every kind; SF is the sign of F_A - F_B for every kind but EXPLICIT.
//
//   SUB       F_A - F_B was computed (cmp, sub, neg; logic is F_A - 0)
//   ADD, ADC  F_A is the sum (of ADC: with a carry of 1), F_C the first operand
//   SBB       F_A is the difference with a borrow of 1, F_C the first operand
//   INC, DEC  F_A is the result, F_C the CF from before
//   RESULT    F_A is the result, F_C holds CF, AF and OF in their places
//   EXPLICIT  F_C holds all six in their places (F_A is 0 if ZF, else 1)

import { RFLAGS, CPU } from "../layout";
import { ADC, ADD, AF, ARITH, CF, DEC, EXPLICIT, INC, OF, SBB, SUB, ZF } from "./flag-kinds";
import { F_A, F_B, F_C, F_KIND } from "./state";

export * from "./flag-kinds";

// @ts-ignore: decorator
@inline export function shiftOf<T>(): u32 {
  return 64 - (<u32>sizeof<T>() << 3);
}

/** The value in the top bits. */
// @ts-ignore: decorator
@inline export function top<T>(v: T): u64 {
  return sizeof<T>() == 8 ? <u64>v : (<u64>v) << shiftOf<T>();
}

// @ts-ignore: decorator
@inline export function setSub<T>(a: T, b: T): void {
  store<u64>(F_A, top<T>(a));
  store<u64>(F_B, top<T>(b));
  store<u32>(F_KIND, SUB | (shiftOf<T>() << 8));
}

// @ts-ignore: decorator
@inline export function setLogic<T>(r: T): void {
  store<u64>(F_A, top<T>(r));
  store<u64>(F_B, 0);
  store<u32>(F_KIND, SUB | (shiftOf<T>() << 8));
}

/** For ADD, ADC, SBB: result and first operand. For INC, DEC: `c` is the old CF. For RESULT: `c` holds flags. */
// @ts-ignore: decorator
@inline export function setResult<T>(kind: u32, r: T, c: u64): void {
  store<u64>(F_A, top<T>(r));
  store<u64>(F_B, 0);
  store<u64>(F_C, c);
  store<u32>(F_KIND, kind | (shiftOf<T>() << 8));
}

/** All six at once. */
export function setExplicit(flags: u32): void {
  store<u64>(F_A, flags & ZF ? 0 : 1);
  store<u64>(F_B, 0);
  store<u64>(F_C, flags & ARITH);
  store<u32>(F_KIND, EXPLICIT);
}

/** CF, 0 or 1. */
export function carry(): u32 {
  const kind: u32 = load<u8>(F_KIND);
  const a = load<u64>(F_A);
  if (kind == SUB) return u32(a < load<u64>(F_B));
  if (kind == ADD) return u32(a < load<u64>(F_C));
  if (kind == ADC) return u32(a <= load<u64>(F_C));
  if (kind == SBB) return u32(a >= load<u64>(F_C));
  return load<u32>(F_C) & 1;
}

/** OF, 0 or 1. */
export function overflow(): u32 {
  const kind: u32 = load<u8>(F_KIND);
  const a = load<u64>(F_A);
  const b = load<u64>(F_B);
  const c = load<u64>(F_C);
  switch (kind) {
    case SUB: return u32(((a ^ b) & (a ^ (a - b))) >> 63);
    case ADD: return u32(((c ^ a) & ((a - c) ^ a)) >> 63);
    case ADC: return u32(((c ^ a) & ((a - c - (<u64>1 << load<u8>(F_KIND, 1))) ^ a)) >> 63);
    case SBB: return u32(((c ^ (c - a - (<u64>1 << load<u8>(F_KIND, 1)))) & (c ^ a)) >> 63);
    case INC: return u32(a == 0x8000000000000000);
    case DEC: return u32(a == 0x8000000000000000 - (<u64>1 << load<u8>(F_KIND, 1)));
    default: return u32(c >> 11) & 1;
  }
}

/** SF, 0 or 1. */
export function sign(): u32 {
  if (load<u8>(F_KIND) == EXPLICIT) return (load<u32>(F_C) >> 7) & 1;
  return u32((load<u64>(F_A) - load<u64>(F_B)) >> 63);
}

/** PF, 0 or 1. */
export function parity(): u32 {
  if (load<u8>(F_KIND) == EXPLICIT) return (load<u32>(F_C) >> 2) & 1;
  const low = u32((load<u64>(F_A) - load<u64>(F_B)) >> load<u8>(F_KIND, 1)) & 0xff;
  return (popcnt(low) & 1) ^ 1;
}

function adjust(): u32 {
  const kind: u32 = load<u8>(F_KIND);
  const shift: u64 = load<u8>(F_KIND, 1);
  const a = load<u64>(F_A);
  const b = load<u64>(F_B);
  const c = load<u64>(F_C);
  const one: u64 = <u64>1 << shift;
  switch (kind) {
    case SUB: return u32((a ^ b ^ (a - b)) >> shift) & AF;
    case ADD: return u32((c ^ a ^ (a - c)) >> shift) & AF;
    case ADC: return u32((c ^ a ^ (a - c - one)) >> shift) & AF;
    case SBB: return u32((c ^ a ^ (c - a - one)) >> shift) & AF;
    case INC: return (u32(a >> shift) & 15) == 0 ? AF : 0;
    case DEC: return (u32(a >> shift) & 15) == 15 ? AF : 0;
    default: return u32(c) & AF;
  }
}

/** The six flags in their places. */
export function arithmetic(): u32 {
  if (load<u8>(F_KIND) == EXPLICIT) return load<u32>(F_C);
  return (
    carry() | (parity() << 2) | adjust() | (load<u64>(F_A) == load<u64>(F_B) ? ZF : 0) | (sign() << 7) | (overflow() << 11)
  );
}

/** Whole RFLAGS, right now. */
export function currentFlags(): u64 {
  return (load<u64>(CPU + RFLAGS) & ~(<u64>ARITH)) | arithmetic() | 2;
}

/** Writes the exact RFLAGS word. */
export function foldFlags(): void {
  store<u64>(CPU + RFLAGS, currentFlags());
}

/** Takes the arithmetic flags from the RFLAGS word. */
export function unfoldFlags(): void {
  setExplicit(load<u32>(CPU + RFLAGS));
}

/** Replaces some of the six (mask) and keeps the others. */
export function replaceFlags(mask: u32, values: u32): void {
  setExplicit((arithmetic() & ~mask) | (values & mask));
}

/** For COMIS and FCOMI: OF, SF, AF are cleared. */
export function flagsSetZPC(zf: bool, pf: bool, cf: bool): void {
  setExplicit((zf ? ZF : 0) | (pf ? PF : 0) | (cf ? CF : 0));
}

/** Condition code 0..15 as in Jcc. */
export function condition(cc: u32): bool {
  let r: bool;
  switch (cc >> 1) {
    case 0: r = <bool>overflow(); break;
    case 1: r = <bool>carry(); break;
    case 2: r = load<u64>(F_A) == load<u64>(F_B); break;
    case 3: r = load<u64>(F_A) == load<u64>(F_B) || carry() != 0; break;
    case 4: r = <bool>sign(); break;
    case 5: r = <bool>parity(); break;
    case 6: r = load<u8>(F_KIND) == SUB ? load<i64>(F_A) < load<i64>(F_B) : sign() != overflow(); break;
    default:
      r = load<u8>(F_KIND) == SUB
        ? load<i64>(F_A) <= load<i64>(F_B)
        : load<u64>(F_A) == load<u64>(F_B) || sign() != overflow();
  }
  return r != <bool>(cc & 1);
}
