// Between double extended and what lies in memory: single, double, integers, packed BCD. SDM vol. 1, 4.2, 4.7, 8.5.

import {
  aExp, aSig, aSign, flags, forgetRounding, inexact, integer, packIeee, setA80, setResult, sign, signal, toInteger, unsignal,
} from "./soft";
import { FCW, IE, OE, PE, UE } from "./state";
import { BIT63, classOf, INFINITE, QNAN, QUIET, setResult80, UNSUPPORTED, ZERO } from "./x87-stack";

/** The last number taken from a single or double was denormal (it no longer is). */
export let wasDenormal: bool = false;

/** A single as double extended, in resSe, resSig; signalling NaNs stay so. */
export function fromSingle(v: u32): void {
  const s = (v >> 16) & 0x8000;
  const e = (v >> 23) & 0xff;
  const f = <u64>(v & 0x7fffff) << 40;
  wasDenormal = false;
  if (e == 0xff) setResult80(s | 0x7fff, BIT63 | f);
  else if (e) setResult80(s | (e - 127 + 16383), BIT63 | f);
  else if (!f) setResult80(s, 0);
  else {
    const z = <u32>clz(f);
    setResult80(s | (16383 - 126 - z), f << z);
    wasDenormal = true;
  }
}

export function fromDouble(v: u64): void {
  const s = <u32>(v >> 48) & 0x8000;
  const e = <u32>(v >> 52) & 0x7ff;
  const f = (v & 0xfffffffffffff) << 11;
  wasDenormal = false;
  if (e == 0x7ff) setResult80(s | 0x7fff, BIT63 | f);
  else if (e) setResult80(s | (e - 1023 + 16383), BIT63 | f);
  else if (!f) setResult80(s, 0);
  else {
    const z = <u32>clz(f);
    setResult80(s | (16383 - 1022 - z), f << z);
    wasDenormal = true;
  }
}

export function fromInteger80(v: i64): void {
  wasDenormal = false;
  if (!v) {
    setResult80(0, 0);
    return;
  }
  const m: u64 = v < 0 ? 0 - <u64>v : <u64>v;
  const z = <u32>clz(m);
  setResult80((v < 0 ? 0x8000 : 0) | (16383 + 63 - z), m << z);
}

/** As single (p 24, emax 127) or double (53, 1023). */
export function toIeee(se: u32, sig: u64, p: i32, emax: i32): u64 {
  const c = classOf(se, sig);
  const top = p - 1 + (p == 24 ? 8 : 11);
  const s = <u64>(se >> 15) << top;
  const infinity = <u64>(2 * emax + 1) << (p - 1);
  if (c >= QNAN) {
    if (c != QNAN) signal(IE);
    if (c == UNSUPPORTED) return (<u64>1 << top) | infinity | (<u64>1 << (p - 2));
    return s | infinity | (((sig | QUIET) << 1) >> (65 - p));
  }
  if (c == INFINITE) return s | infinity;
  if (c == ZERO) return s;
  setA80(se, sig);
  setResult(aSign, aExp, aSig, 0);
  const r = packIeee(p, emax, load<u16>(FCW), false);
  // unmasked, nothing is stored and so nothing rounded
  if (flags & (OE | UE) & ~(<u32>load<u16>(FCW))) {
    unsignal(PE);
    forgetRounding();
  }
  return r;
}

/** As a signed integer of `bits`; the indefinite (the least) if it does not fit. */
export function toSigned(se: u32, sig: u64, bits: u32): u64 {
  const limit: u64 = <u64>1 << (bits - 1);
  const c = classOf(se, sig);
  if (c < INFINITE) {
    setA80(se, sig);
    const over = toInteger();
    const n = integer;
    if (!over && (n < limit || (n == limit && sign))) {
      if (inexact) signal(PE);
      return sign ? 0 - n : n;
    }
  }
  signal(IE);
  forgetRounding();
  return limit;
}

/** 18 digits and a sign. */
export function fromBcd(p: usize): void {
  let n: u64 = 0;
  for (let i = 8; i >= 0; i--) {
    const b: u64 = load<u8>(p + i);
    n = n * 100 + (b >> 4) * 10 + (b & 15);
  }
  const s: u32 = load<u8>(p, 9) >> 7;
  fromInteger80(n);
  if (s) setSignBit(n);
}

function setSignBit(n: u64): void {
  if (!n) {
    setResult80(0x8000, 0);
    return;
  }
  const z = <u32>clz(n);
  setResult80(0x8000 | (16383 + 63 - z), n << z);
}

const LARGEST_BCD: u64 = 999999999999999999;

/** The result in `bcdLow` (8 bytes) and `bcdHigh` (2). */
export let bcdLow: u64 = 0, bcdHigh: u32 = 0;

export function toBcd(se: u32, sig: u64): void {
  const c = classOf(se, sig);
  if (c < INFINITE) {
    setA80(se, sig);
    const over = toInteger();
    let n = integer;
    if (!over && n <= LARGEST_BCD) {
      if (inexact) signal(PE);
      let v: u64 = 0;
      for (let i: u64 = 0; i < 64; i += 4) {
        v |= (n % 10) << i;
        n /= 10;
      }
      bcdLow = v;
      bcdHigh = <u32>(n % 10 | ((n / 10) << 4)) | (sign << 15);
      return;
    }
  }
  signal(IE);
  forgetRounding();
  bcdLow = 0xc000000000000000;
  bcdHigh = 0xffff;
}
