// Arithmetic of the x87 on double-extended numbers: operands in, result in resSe, resSig (x87-stack.ts), exceptions signalled.
// NaNs: SDM vol. 1, table 4-7. Precision control acts on add, subtract, multiply, divide and square root only.

import {
  addCore, compareCore, divCore, mulCore, pack80, packedSe, setA80, setB80, setResult, signal, sqrtCore, aExp, aSig, aSign, bExp,
  bSig, divWide, divRemainder, setA, inexact, integer, toInteger,
} from "./soft";
import { C0, C1, C2, C3, DE, FCW, IE, PE, ZE } from "./state";
import {
  BIT63, classOf, DENORMAL, INFINITE, QNAN, QUIET, resSe, resSig, setIndefinite, setResult80, SNAN, UNSUPPORTED, ZERO,
} from "./x87-stack";

// operations: ModRM.reg of D8
export const ADD: u32 = 0;
export const MUL: u32 = 1;
export const SUB: u32 = 4;
const SUBR: u32 = 5;
export const DIV: u32 = 6;
const DIVR: u32 = 7;

/** Significant bits by precision control (01 is reserved). */
function precision(): i32 {
  const pc = (load<u16>(FCW) >> 8) & 3;
  return pc == 3 ? 64 : pc == 2 ? 53 : pc == 0 ? 24 : 64;
}

export function finish80(p: i32): void {
  const sig = pack80(p, load<u16>(FCW));
  setResult80(packedSe, sig);
}

function invalid(): void {
  signal(IE);
  setIndefinite();
}

/** One of the two is a NaN or unsupported: the result. */
export function chooseNan(aSe: u32, aSg: u64, ac: u32, bSe: u32, bSg: u64, bc: u32): void {
  if (ac == UNSUPPORTED || bc == UNSUPPORTED) {
    invalid();
    return;
  }
  if (ac == SNAN || bc == SNAN) signal(IE);
  let first: bool;
  if (bc < QNAN) first = true;
  else if (ac < QNAN) first = false;
  else if (ac != bc) first = ac == QNAN;
  else if (aSg != bSg) first = aSg > bSg;
  else first = aSe < bSe;
  if (first) setResult80(aSe, aSg | QUIET);
  else setResult80(bSe, bSg | QUIET);
}

/** A single operand that is a NaN or unsupported. */
export function passNan(se: u32, sig: u64, c: u32): void {
  if (c == UNSUPPORTED) {
    invalid();
    return;
  }
  if (c == SNAN) signal(IE);
  setResult80(se, sig | QUIET);
}

/** a op b. `wasDenormal`: b was denormal in the format it came from. */
export function arithmetic80(op: u32, aSe: u32, aSg: u64, bSe: u32, bSg: u64, wasDenormal: bool): void {
  if (op == SUBR || op == DIVR) {
    const se = aSe, sg = aSg;
    aSe = bSe;
    aSg = bSg;
    bSe = se;
    bSg = sg;
    op--;
  }
  const ac = classOf(aSe, aSg), bc = classOf(bSe, bSg);
  if (ac >= QNAN || bc >= QNAN) {
    chooseNan(aSe, aSg, ac, bSe, bSg, bc);
    return;
  }
  const s = (aSe ^ bSe) & 0x8000;
  const az = ac == ZERO, bz = bc == ZERO, ai = ac == INFINITE, bi = bc == INFINITE;
  let bad: bool;
  if (op == MUL) bad = (ai && bz) || (az && bi);
  else if (op == DIV) bad = (ai && bi) || (az && bz);
  else bad = ai && bi && (s != 0) == (op == ADD);
  if (bad) {
    invalid();
    return;
  }
  if (op == DIV && bz) {
    if (!ai) signal(ZE);
    setResult80(s | 0x7fff, BIT63);
    return;
  }
  if (ac == DENORMAL || bc == DENORMAL || wasDenormal) signal(DE);
  if (ai || bi) {
    if (op == MUL) setResult80(s | 0x7fff, BIT63);
    else if (op == DIV) setResult80(ai ? s | 0x7fff : s, ai ? BIT63 : 0);
    else if (ai) setResult80(aSe, aSg);
    else setResult80(op == SUB ? bSe ^ 0x8000 : bSe, bSg);
    return;
  }
  setA80(aSe, aSg);
  setB80(bSe, bSg);
  if (op == MUL) mulCore();
  else if (op == DIV) divCore();
  else addCore(u32(op == SUB));
  finish80(precision());
}

export function sqrt80(se: u32, sig: u64): void {
  const c = classOf(se, sig);
  if (c >= QNAN) {
    passNan(se, sig, c);
    return;
  }
  if (c == ZERO) {
    setResult80(se, sig);
    return;
  }
  if (se >> 15) {
    invalid();
    return;
  }
  if (c == INFINITE) {
    setResult80(se, sig);
    return;
  }
  if (c == DENORMAL) signal(DE);
  setA80(se, sig);
  sqrtCore();
  finish80(precision());
}

/** Compared: bits C0 C2 C3 of FSW. `quietly`: quiet NaNs are no exception. */
export function compare80(quietly: bool, aSe: u32, aSg: u64, bSe: u32, bSg: u64, wasDenormal: bool): u32 {
  const ac = classOf(aSe, aSg), bc = classOf(bSe, bSg);
  if (ac >= QNAN || bc >= QNAN) {
    if (!quietly || ac > QNAN || bc > QNAN) signal(IE);
    return C0 | C2 | C3;
  }
  if (ac == DENORMAL || bc == DENORMAL || wasDenormal) signal(DE);
  if (ac == INFINITE || bc == INFINITE) {
    // infinities by sign; two equal ones are equal
    if (ac == bc) return aSe == bSe ? C3 : aSe >> 15 ? C0 : 0;
    if (ac == INFINITE) return aSe >> 15 ? C0 : 0;
    return bSe >> 15 ? 0 : C0;
  }
  setA80(aSe, aSg);
  setB80(bSe, bSg);
  const r = compareCore();
  return r < 0 ? C0 : r == 0 ? C3 : 0;
}

/** FRNDINT. */
export function round80(se: u32, sig: u64): void {
  const c = classOf(se, sig);
  if (c >= QNAN) {
    passNan(se, sig, c);
    return;
  }
  if (c == DENORMAL) signal(DE);
  if (c == ZERO || c == INFINITE) {
    setResult80(se, sig);
    return;
  }
  setA80(se, sig);
  if (aExp >= 63) {
    setResult80(se, sig);
    return;
  }
  toInteger();
  if (inexact) signal(PE);
  const n = integer;
  if (!n) {
    setResult80(se & 0x8000, 0);
    return;
  }
  const z = <u32>clz(n);
  setResult80((se & 0x8000) | (16383 + 63 - z), n << z);
}

/** FSCALE: a * 2^trunc(b). */
export function scale80(aSe: u32, aSg: u64, bSe: u32, bSg: u64): void {
  const ac = classOf(aSe, aSg), bc = classOf(bSe, bSg);
  if (ac >= QNAN || bc >= QNAN) {
    chooseNan(aSe, aSg, ac, bSe, bSg, bc);
    return;
  }
  const negative = bSe >> 15 != 0;
  if (bc == INFINITE) {
    if (negative ? ac == INFINITE : ac == ZERO) {
      invalid();
      return;
    }
    if (ac == DENORMAL) signal(DE);
    setResult80(negative ? aSe & 0x8000 : (aSe & 0x8000) | 0x7fff, negative ? 0 : BIT63);
    return;
  }
  if (ac == DENORMAL || bc == DENORMAL) signal(DE);
  if (ac == ZERO || ac == INFINITE) {
    setResult80(aSe, aSg);
    return;
  }
  setA80(bSe, bSg);
  let n: i32 = 0;
  if (aSig && aExp >= 0) n = aExp > 16 ? 0x20000 : <i32>(aSig >> (63 - aExp));
  if (negative) n = -n;
  setA80(aSe, aSg);
  setResult(aSign, aExp + n, aSig, 0);
  finish80(64);
}

/** FXTRACT: the exponent as a number is the result, `fraction*` what is pushed on it. */
export let fractionSe: u32 = 0, fractionSig: u64 = 0;

export function extract80(se: u32, sig: u64): void {
  const c = classOf(se, sig);
  if (c >= QNAN) {
    passNan(se, sig, c);
    fractionSe = resSe;
    fractionSig = resSig;
    return;
  }
  fractionSe = se;
  fractionSig = sig;
  if (c == ZERO) {
    signal(ZE);
    setResult80(0xffff, BIT63);
    return;
  }
  if (c == INFINITE) {
    setResult80(0x7fff, BIT63);
    return;
  }
  if (c == DENORMAL) signal(DE);
  setA80(se, sig);
  fractionSe = (se & 0x8000) | 16383;
  fractionSig = aSig;
  const e = aExp;
  if (!e) {
    setResult80(0, 0);
    return;
  }
  const m: u64 = e < 0 ? -e : e;
  const z = <u32>clz(m);
  setResult80((e < 0 ? 0x8000 : 0) | (16383 + 63 - z), m << z);
}

/**
 * FPREM (`nearest` false) and FPREM1. Answers C0 C1 C2 C3: quotient's bits 2, 0, 1 in C0, C1, C3; C2 says incomplete.
 * NO_QUOTIENT: none, C0 and C3 stay as they are.
 */
export function remainder80(nearest: bool, aSe: u32, aSg: u64, bSe: u32, bSg: u64): u32 {
  const ac = classOf(aSe, aSg), bc = classOf(bSe, bSg);
  if (ac >= QNAN || bc >= QNAN) {
    chooseNan(aSe, aSg, ac, bSe, bSg, bc);
    return NO_QUOTIENT;
  }
  if (ac == INFINITE || bc == ZERO) {
    invalid();
    return NO_QUOTIENT;
  }
  if (ac == DENORMAL || bc == DENORMAL) signal(DE);
  if (ac == ZERO || bc == INFINITE) {
    if (ac == DENORMAL) {
      setA80(aSe, aSg);
      setResult(aSign, aExp, aSig, 0);
      finish80(64);
    } else {
      setResult80(aSe, aSg);
    }
    return 0;
  }
  setA80(aSe, aSg);
  setB80(bSe, bSg);
  const d = aExp - bExp;
  const s = aSign;
  let r = aSig;
  let q: u64 = 0;
  let e = bExp;
  let incomplete = false;
  if (d < 0) {
    // |a| < |b|; FPREM1 may still take one b away, where a > b/2
    e = aExp;
    if (nearest && d == -1 && aSig > bSig) {
      // b - a = (2 bSig - aSig) units of a: at most 64 bits, as aSig > bSig
      r = (bSig << 1) - aSig;
      q = 1;
      putRemainder(s ^ 1, e, r);
      return C1;
    }
    putRemainder(s, e, r);
    return 0;
  }
  if (d < 64) {
    q = reduce(r, d);
    r = left;
  } else {
    // 32 to 63 bits of the quotient at a time
    const n = 32 + (d & 31);
    reduce(r, n);
    r = left;
    e = bExp + d - n;
    incomplete = true;
  }
  let sign = s;
  if (nearest && !incomplete) {
    const half = bSig - r;
    if (r > half || (r == half && (q & 1) != 0)) {
      r = half;
      sign ^= 1;
      q++;
    }
  }
  putRemainder(sign, e, r);
  if (!r) setResult80(s << 15, 0);
  if (incomplete) return C2;
  return (q & 4 ? C0 : 0) | (q & 2 ? C3 : 0) | (q & 1 ? C1 : 0);
}

export const NO_QUOTIENT: u32 = 0xffffffff;

let left: u64 = 0;

/** (r * 2^n) / bSig for n below 64: the quotient's low bits; `left` is the remainder. */
function reduce(r: u64, n: i32): u64 {
  let q: u64 = 0;
  if (r >= bSig) {
    r -= bSig;
    q = 1;
  }
  if (n) {
    // r < bSig, so r * 2^n is below bSig * 2^n
    const h = r >> (64 - n), l = r << n;
    q = (q << n) + divWide(h, l, bSig);
    r = divRemainder();
  }
  left = r;
  return q;
}

function putRemainder(s: u32, e: i32, r: u64): void {
  setA(s, e, r);
  setResult(s, aExp, aSig, 0);
  finish80(64);
}
