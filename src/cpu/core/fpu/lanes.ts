// Arithmetic of SSE and SSE2 on one element: single (32) or double (64), as bits. SDM vol. 1, 10.2.3 and 11.5.
//
//   startSse()       takes MXCSR
//   add64(a, b) …    results, flags gathered
//   finishSse()      puts the flags into MXCSR; false: #XM raised, the caller commits nothing
//
// Normal numbers under round-to-nearest take wasm's arithmetic; everything else goes through soft.ts. The precision flag
// costs an exactness test as long as it is not yet set.
// Approximated: RCPPS, RSQRTPS and their scalar forms answer the quotient rounded to 12 bits (real tables differ by maker).

import { raise } from "../mmu";
import {
  addCore, begin, divCore, flags, inexact, integer, mulCore, packIeee, setA32, setA64, setAInt, setB32, setB64, setResult,
  setMode, signal, sqrtCore, toInteger, aExp, aSign, aSig, sign,
} from "./soft";
import { BEFORE, CHOP, DE, IE, MX, PE, ZE } from "./state";

// operations, by opcode
const ADD: u32 = 0x58;
const MUL: u32 = 0x59;
const SUB: u32 = 0x5c;
const MIN: u32 = 0x5d;
const DIV: u32 = 0x5e;
const MAX: u32 = 0x5f;

const V_XM: u32 = 19;
const DAZ: u32 = 0x40;
const FTZ: u32 = 0x8000;
const RC: u32 = 0x6000;

const NAN32: u32 = 0xffc00000;
const NAN64: u64 = 0xfff8000000000000;
const INF32: u32 = 0x7f800000;
const INF64: u64 = 0x7ff0000000000000;
const QUIET32: u32 = 0x00400000;
const QUIET64: u64 = 0x0008000000000000;
const ABS32: u32 = 0x7fffffff;
const ABS64: u64 = 0x7fffffffffffffff;
const SIGN32: u32 = 0x80000000;
const SIGN64: u64 = 0x8000000000000000;

let mx: u32 = 0;
/** Round to nearest: the quick way is open. */
let near: bool = false;
/** An inexact result must be told. */
let wantPe: bool = false;

export function startSse(): void {
  mx = load<u32>(MX);
  near = (mx & RC) == 0;
  wantPe = (mx & (PE | (PE << 7))) != (PE | (PE << 7));
  begin((mx & RC) >> 13);
}

/** May packed arithmetic be done four or two at a time (round to nearest, precision flag settled)? */
export function vectorised(): bool {
  return near && !wantPe;
}

export function finishSse(): bool {
  const f = flags;
  if (!f) return true;
  const unmasked = f & ~(mx >> 7) & 0x3f;
  if (!unmasked) {
    store<u32>(MX, mx | f);
    return true;
  }
  store<u32>(MX, mx | (unmasked & BEFORE ? f & BEFORE : f));
  raise(V_XM, false, 0);
  return false;
}

// @ts-ignore: decorator
@inline function masks(): u32 {
  return mx >> 7;
}

// @ts-ignore: decorator
@inline function isNan32(v: u32): bool {
  return (v & ABS32) > INF32;
}

// @ts-ignore: decorator
@inline function isNan64(v: u64): bool {
  return (v & ABS64) > INF64;
}

// @ts-ignore: decorator
@inline function isSnan32(v: u32): bool {
  return (v & ABS32) > INF32 && !(v & QUIET32);
}

// @ts-ignore: decorator
@inline function isSnan64(v: u64): bool {
  return (v & ABS64) > INF64 && !(v & QUIET64);
}

// @ts-ignore: decorator
@inline function isDenormal32(v: u32): bool {
  return (v & INF32) == 0 && (v & ABS32) != 0;
}

// @ts-ignore: decorator
@inline function isDenormal64(v: u64): bool {
  return (v & INF64) == 0 && (v & ABS64) != 0;
}

/** DAZ. */
// @ts-ignore: decorator
@inline function take32(v: u32): u32 {
  return mx & DAZ && isDenormal32(v) ? v & SIGN32 : v;
}

// @ts-ignore: decorator
@inline function take64(v: u64): u64 {
  return mx & DAZ && isDenormal64(v) ? v & SIGN64 : v;
}

function pack32(): u32 {
  return <u32>packIeee(24, 127, masks(), (mx & FTZ) != 0);
}

function pack64(): u64 {
  return packIeee(53, 1023, masks(), (mx & FTZ) != 0);
}

// ── double ──

/** Neither zero, denormal, infinite nor NaN. */
// @ts-ignore: decorator
@inline function normal64(v: u64): bool {
  return (v & ABS64) - 0x0010000000000000 < 0x7fe0000000000000;
}

/** Normal and not the smallest (which a tiny number may have been rounded to). */
// @ts-ignore: decorator
@inline function safe64(v: u64): bool {
  return (v & ABS64) - 0x0020000000000000 < 0x7fd0000000000000;
}

/** Significand without its trailing zeros. */
// @ts-ignore: decorator
@inline function odd64(v: u64): u64 {
  const m = (v & 0xfffffffffffff) | 0x10000000000000;
  return m >> ctz(m);
}

/** Is q * b == a exactly, for normal numbers of which it holds nearly? */
function exactProduct64(q: u64, b: u64, a: u64): bool {
  const x = odd64(q), y = odd64(b);
  return clz(x) + clz(y) >= 74 && x * y == odd64(a);
}

export function add64(a: u64, b: u64): u64 {
  if (near) {
    const x = reinterpret<f64>(a), y = reinterpret<f64>(b);
    const r = x + y;
    const v = reinterpret<u64>(r);
    if (normal64(a) && normal64(b) && (safe64(v) || !(v << 1))) {
      if (wantPe) {
        const z = r - x;
        if (x - (r - z) + (y - z) != 0) signal(PE);
      }
      return v;
    }
  }
  return slow64(ADD, a, b);
}

export function mul64(a: u64, b: u64): u64 {
  if (near) {
    const v = reinterpret<u64>(reinterpret<f64>(a) * reinterpret<f64>(b));
    if (normal64(a) && normal64(b) && safe64(v)) {
      if (wantPe && !exactProduct64(a, b, v)) signal(PE);
      return v;
    }
  }
  return slow64(MUL, a, b);
}

export function div64(a: u64, b: u64): u64 {
  if (near) {
    const v = reinterpret<u64>(reinterpret<f64>(a) / reinterpret<f64>(b));
    if (normal64(a) && normal64(b) && safe64(v)) {
      if (wantPe && !exactProduct64(v, b, a)) signal(PE);
      return v;
    }
  }
  return slow64(DIV, a, b);
}

/** Of b; a is not looked at. */
export function sqrt64(a: u64, b: u64): u64 {
  if (near && normal64(b) && !(b >> 63)) {
    const v = reinterpret<u64>(Math.sqrt(reinterpret<f64>(b)));
    if (wantPe && !exactProduct64(v, v, b)) signal(PE);
    return v;
  }
  b = take64(b);
  if (isNan64(b)) {
    if (isSnan64(b)) signal(IE);
    return b | QUIET64;
  }
  if (!(b & ABS64)) return b;
  if (b >> 63) {
    signal(IE);
    return NAN64;
  }
  if (b == INF64) return b;
  if (isDenormal64(b)) signal(DE);
  setA64(b);
  sqrtCore();
  return pack64();
}

/** a is returned when it is less (or greater), else b as it is. */
function minMax64(op: u32, a: u64, b: u64): u64 {
  a = take64(a);
  b = take64(b);
  if (isNan64(a) || isNan64(b)) {
    signal(IE);
    return b;
  }
  if (isDenormal64(a) || isDenormal64(b)) signal(DE);
  const x = reinterpret<f64>(a), y = reinterpret<f64>(b);
  return (op == MIN ? x < y : x > y) ? a : b;
}

export function sub64(a: u64, b: u64): u64 {
  return isNan64(b) ? slow64(SUB, a, b) : add64(a, b ^ SIGN64);
}

export function min64(a: u64, b: u64): u64 {
  return minMax64(MIN, a, b);
}

export function max64(a: u64, b: u64): u64 {
  return minMax64(MAX, a, b);
}

/** ADD SUB MUL DIV in full. */
function slow64(op: u32, a: u64, b: u64): u64 {
  a = take64(a);
  b = take64(b);
  if (isNan64(a) || isNan64(b)) {
    if (isSnan64(a) || isSnan64(b)) signal(IE);
    return (isNan64(a) ? a : b) | QUIET64;
  }
  const s = (a ^ b) & SIGN64;
  const ai = (a & ABS64) == INF64, bi = (b & ABS64) == INF64;
  const az = !(a & ABS64), bz = !(b & ABS64);
  let invalid: bool;
  if (op == MUL) invalid = (ai && bz) || (az && bi);
  else if (op == DIV) invalid = (ai && bi) || (az && bz);
  else invalid = ai && bi && (s != 0) == (op == ADD);
  if (invalid) {
    signal(IE);
    return NAN64;
  }
  if (op == DIV && bz) {
    if (!ai) signal(ZE);
    return s | INF64;
  }
  if (isDenormal64(a) || isDenormal64(b)) signal(DE);
  if (ai || bi) {
    if (op == MUL) return s | INF64;
    if (op == DIV) return ai ? s | INF64 : s;
    return ai ? a : op == SUB ? b ^ SIGN64 : b;
  }
  setA64(a);
  setB64(b);
  if (op == MUL) mulCore();
  else if (op == DIV) divCore();
  else addCore(u32(op == SUB));
  return pack64();
}

// ── single ──

// @ts-ignore: decorator
@inline function normal32(v: u32): bool {
  return (v & ABS32) - 0x00800000 < 0x7f000000;
}

// @ts-ignore: decorator
@inline function safe32(v: u32): bool {
  return (v & ABS32) - 0x01000000 < 0x7e800000;
}

export function add32(a: u32, b: u32): u32 {
  if (near) {
    const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
    const r = x + y;
    const v = reinterpret<u32>(r);
    if (normal32(a) && normal32(b) && (safe32(v) || !(v << 1))) {
      if (wantPe) {
        const z = r - x;
        if (x - (r - z) + (y - z) != 0) signal(PE);
      }
      return v;
    }
  }
  return slow32(ADD, a, b);
}

export function mul32(a: u32, b: u32): u32 {
  if (near) {
    const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
    const r = x * y;
    const v = reinterpret<u32>(r);
    if (normal32(a) && normal32(b) && safe32(v)) {
      if (wantPe && <f64>x * <f64>y != <f64>r) signal(PE);
      return v;
    }
  }
  return slow32(MUL, a, b);
}

export function div32(a: u32, b: u32): u32 {
  if (near) {
    const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
    const r = x / y;
    const v = reinterpret<u32>(r);
    if (normal32(a) && normal32(b) && safe32(v)) {
      if (wantPe && <f64>r * <f64>y != <f64>x) signal(PE);
      return v;
    }
  }
  return slow32(DIV, a, b);
}

export function sqrt32(a: u32, b: u32): u32 {
  if (near && normal32(b) && !(b >> 31)) {
    const x = reinterpret<f32>(b);
    const r = Mathf.sqrt(x);
    if (wantPe && <f64>r * <f64>r != <f64>x) signal(PE);
    return reinterpret<u32>(r);
  }
  b = take32(b);
  if (isNan32(b)) {
    if (isSnan32(b)) signal(IE);
    return b | QUIET32;
  }
  if (!(b & ABS32)) return b;
  if (b >> 31) {
    signal(IE);
    return NAN32;
  }
  if (b == INF32) return b;
  if (isDenormal32(b)) signal(DE);
  setA32(b);
  sqrtCore();
  return pack32();
}

function minMax32(op: u32, a: u32, b: u32): u32 {
  a = take32(a);
  b = take32(b);
  if (isNan32(a) || isNan32(b)) {
    signal(IE);
    return b;
  }
  if (isDenormal32(a) || isDenormal32(b)) signal(DE);
  const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
  return (op == MIN ? x < y : x > y) ? a : b;
}

export function sub32(a: u32, b: u32): u32 {
  return isNan32(b) ? slow32(SUB, a, b) : add32(a, b ^ SIGN32);
}

export function min32(a: u32, b: u32): u32 {
  return minMax32(MIN, a, b);
}

export function max32(a: u32, b: u32): u32 {
  return minMax32(MAX, a, b);
}

function slow32(op: u32, a: u32, b: u32): u32 {
  a = take32(a);
  b = take32(b);
  if (isNan32(a) || isNan32(b)) {
    if (isSnan32(a) || isSnan32(b)) signal(IE);
    return (isNan32(a) ? a : b) | QUIET32;
  }
  const s = (a ^ b) & SIGN32;
  const ai = (a & ABS32) == INF32, bi = (b & ABS32) == INF32;
  const az = !(a & ABS32), bz = !(b & ABS32);
  let invalid: bool;
  if (op == MUL) invalid = (ai && bz) || (az && bi);
  else if (op == DIV) invalid = (ai && bi) || (az && bz);
  else invalid = ai && bi && (s != 0) == (op == ADD);
  if (invalid) {
    signal(IE);
    return NAN32;
  }
  if (op == DIV && bz) {
    if (!ai) signal(ZE);
    return s | INF32;
  }
  if (isDenormal32(a) || isDenormal32(b)) signal(DE);
  if (ai || bi) {
    if (op == MUL) return s | INF32;
    if (op == DIV) return ai ? s | INF32 : s;
    return ai ? a : op == SUB ? b ^ SIGN32 : b;
  }
  setA32(a);
  setB32(b);
  if (op == MUL) mulCore();
  else if (op == DIV) divCore();
  else addCore(u32(op == SUB));
  return pack32();
}

// ── comparisons ──

/** CMPPS and kin: predicate 0..7 (EQ LT LE UNORD, then their negations). */
export function compare64(predicate: u32, a: u64, b: u64): bool {
  a = take64(a);
  b = take64(b);
  const negated = (predicate & 4) != 0;
  if (isNan64(a) || isNan64(b)) {
    // LT, LE, NLT, NLE refuse quiet NaNs too
    if ((predicate + 1) & 2 || isSnan64(a) || isSnan64(b)) signal(IE);
    return negated != ((predicate & 3) == 3);
  }
  if (isDenormal64(a) || isDenormal64(b)) signal(DE);
  const x = reinterpret<f64>(a), y = reinterpret<f64>(b);
  let r: bool;
  switch (predicate & 3) {
    case 0: r = x == y; break;
    case 1: r = x < y; break;
    case 2: r = x <= y; break;
    default: r = false;
  }
  return negated != r;
}

export function compare32(predicate: u32, a: u32, b: u32): bool {
  a = take32(a);
  b = take32(b);
  const negated = (predicate & 4) != 0;
  if (isNan32(a) || isNan32(b)) {
    if ((predicate + 1) & 2 || isSnan32(a) || isSnan32(b)) signal(IE);
    return negated != ((predicate & 3) == 3);
  }
  if (isDenormal32(a) || isDenormal32(b)) signal(DE);
  const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
  let r: bool;
  switch (predicate & 3) {
    case 0: r = x == y; break;
    case 1: r = x < y; break;
    case 2: r = x <= y; break;
    default: r = false;
  }
  return negated != r;
}

/** COMISD, UCOMISD: bit 0 CF, bit 1 PF, bit 2 ZF. */
export function comi64(quietly: bool, a: u64, b: u64): u32 {
  a = take64(a);
  b = take64(b);
  if (isNan64(a) || isNan64(b)) {
    if (!quietly || isSnan64(a) || isSnan64(b)) signal(IE);
    return 7;
  }
  if (isDenormal64(a) || isDenormal64(b)) signal(DE);
  const x = reinterpret<f64>(a), y = reinterpret<f64>(b);
  return x < y ? 1 : x == y ? 4 : 0;
}

export function comi32(quietly: bool, a: u32, b: u32): u32 {
  a = take32(a);
  b = take32(b);
  if (isNan32(a) || isNan32(b)) {
    if (!quietly || isSnan32(a) || isSnan32(b)) signal(IE);
    return 7;
  }
  if (isDenormal32(a) || isDenormal32(b)) signal(DE);
  const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
  return x < y ? 1 : x == y ? 4 : 0;
}

// ── conversions ──

/** CVTSS2SD. */
export function widen(v: u32): u64 {
  v = take32(v);
  const s = <u64>(v & SIGN32) << 32;
  if (isNan32(v)) {
    if (isSnan32(v)) signal(IE);
    return s | INF64 | QUIET64 | (<u64>(v & 0x7fffff) << 29);
  }
  if (isDenormal32(v)) signal(DE);
  return reinterpret<u64>(<f64>reinterpret<f32>(v));
}

/** CVTSD2SS. */
export function narrow(v: u64): u32 {
  if (near) {
    const x = reinterpret<f64>(v);
    const r = <f32>x;
    const w = reinterpret<u32>(r);
    if (normal64(v) && safe32(w)) {
      if (wantPe && <f64>r != x) signal(PE);
      return w;
    }
  }
  v = take64(v);
  const s = <u32>(v >> 32) & SIGN32;
  if (isNan64(v)) {
    if (isSnan64(v)) signal(IE);
    return s | INF32 | QUIET32 | (<u32>(v >> 29) & 0x7fffff);
  }
  if ((v & ABS64) == INF64) return s | INF32;
  if (isDenormal64(v)) signal(DE);
  setA64(v);
  setResult(aSign, aExp, aSig, 0);
  return pack32();
}

/** CVTSI2SD of 64 bits (those of 32 are exact). */
export function fromInt64(v: i64): u64 {
  setAInt(v);
  setResult(aSign, aExp, aSig, 0);
  return pack64();
}

export function toSingle(v: i64): u32 {
  setAInt(v);
  setResult(aSign, aExp, aSig, 0);
  return pack32();
}

/** CVT[T]SD2SI, 32 bits. */
export function toInt32From64(chop: bool, v: u64): u32 {
  v = take64(v);
  if ((v & ABS64) < INF64) {
    setA64(v);
    return <u32>rounded(chop, 0x80000000);
  }
  signal(IE);
  return 0x80000000;
}

export function toInt64From64(chop: bool, v: u64): u64 {
  v = take64(v);
  if ((v & ABS64) < INF64) {
    setA64(v);
    return rounded(chop, SIGN64);
  }
  signal(IE);
  return SIGN64;
}

export function toInt32From32(chop: bool, v: u32): u32 {
  v = take32(v);
  if ((v & ABS32) < INF32) {
    setA32(v);
    return <u32>rounded(chop, 0x80000000);
  }
  signal(IE);
  return 0x80000000;
}

export function toInt64From32(chop: bool, v: u32): u64 {
  v = take32(v);
  if ((v & ABS32) < INF32) {
    setA32(v);
    return rounded(chop, SIGN64);
  }
  signal(IE);
  return SIGN64;
}

/** a as a signed integer; `limit` is the least magnitude that only a negative number may have, and the indefinite. */
function rounded(chop: bool, limit: u64): u64 {
  if (chop) setMode(CHOP);
  const over = toInteger();
  if (chop) setMode((mx & RC) >> 13);
  const n = integer;
  if (over || n > limit || (n == limit && !sign)) {
    signal(IE);
    return limit;
  }
  if (inexact) signal(PE);
  return sign ? 0 - n : n;
}

// ── reciprocals ──

/** RCPSS. */
export function reciprocal(v: u32): u32 {
  const s = v & SIGN32;
  if (isNan32(v)) return v | QUIET32;
  if (!(v & INF32)) return s | INF32;
  if ((v & ABS32) == INF32) return s;
  return round12(1.0 / <f64>reinterpret<f32>(v));
}

/** RSQRTSS. */
export function reciprocalRoot(v: u32): u32 {
  if (isNan32(v)) return v | QUIET32;
  if (!(v & INF32)) return (v & SIGN32) | INF32;
  if (v >> 31) return NAN32;
  if (v == INF32) return 0;
  return round12(1.0 / Math.sqrt(<f64>reinterpret<f32>(v)));
}

function round12(x: f64): u32 {
  const bits = (reinterpret<u32>(<f32>x) + 0x400) & ~0x7ff;
  return bits & INF32 ? bits : bits & SIGN32;
}
