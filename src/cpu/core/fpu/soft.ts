// Floating point by integers: the exact operation, then one rounding, for every format (24, 53, 64 bits) and mode.
//
//   setA/setB (or loadA32 …)   operands: sign, exponent, significand with bit 63 set (0: the number is zero)
//   addCore, mulCore, …        the result in 128 bits, what lies below them as a sticky bit 0
//   packIeee, pack80           round it: the bits of the result; flags are added to `flags`
//
// NaNs and infinities never come here: their rules differ between x87 and SSE (x87.ts, sse-float.ts).
// A number is sig * 2^(exp - 63), the result (hi:lo) * 2^(exp - 127).

import { DOWN, NEAREST, OE, PE, UE, UP } from "./state";

/** Exceptions met: IE DE ZE OE UE PE. */
export let flags: u32 = 0;
/** Rounding control in force. */
export let mode: u32 = 0;
/** The last rounding went away from zero (C1 of the x87). */
export let roundedUp: bool = false;
/** The last `roundAt` dropped something. */
export let inexact: bool = false;

export let aSign: u32 = 0, aExp: i32 = 0, aSig: u64 = 0;
export let bSign: u32 = 0, bExp: i32 = 0, bSig: u64 = 0;
export let sign: u32 = 0, exp: i32 = 0, hi: u64 = 0, lo: u64 = 0;

/** Result of pack80: sign and exponent (the significand is returned). */
export let packedSe: u32 = 0;

const TOP: u64 = 0x8000000000000000;

// @ts-ignore: decorator
@inline export function begin(rounding: u32): void {
  flags = 0;
  mode = rounding;
  roundedUp = false;
}

// @ts-ignore: decorator
@inline export function signal(f: u32): void {
  flags |= f;
}

/** Takes back: exceptions that turned out not to happen. */
export function unsignal(f: u32): void {
  flags &= ~f;
}

export function forgetRounding(): void {
  roundedUp = false;
}

export function setMode(rounding: u32): void {
  mode = rounding;
}

export function setA(s: u32, e: i32, m: u64): void {
  const z = <i32>clz(m);
  aSign = s;
  aExp = e - z;
  aSig = m << z;
}

export function setB(s: u32, e: i32, m: u64): void {
  const z = <i32>clz(m);
  bSign = s;
  bExp = e - z;
  bSig = m << z;
}

export function setResult(s: u32, e: i32, h: u64, l: u64): void {
  sign = s;
  exp = e;
  hi = h;
  lo = l;
}

// Finite numbers of the two IEEE formats (a shift by 64 is one by 0: zero stays zero).

export function setA32(v: u32): void {
  const e: i32 = (v >> 23) & 0xff;
  const f: u64 = v & 0x7fffff;
  if (e) setA(v >> 31, e - 127, (f << 40) | TOP);
  else setA(v >> 31, -126, f << 40);
}

export function setB32(v: u32): void {
  const e: i32 = (v >> 23) & 0xff;
  const f: u64 = v & 0x7fffff;
  if (e) setB(v >> 31, e - 127, (f << 40) | TOP);
  else setB(v >> 31, -126, f << 40);
}

export function setA64(v: u64): void {
  const e = <i32>(v >> 52) & 0x7ff;
  const f = v & 0xfffffffffffff;
  if (e) setA(<u32>(v >> 63), e - 1023, (f << 11) | TOP);
  else setA(<u32>(v >> 63), -1022, f << 11);
}

export function setB64(v: u64): void {
  const e = <i32>(v >> 52) & 0x7ff;
  const f = v & 0xfffffffffffff;
  if (e) setB(<u32>(v >> 63), e - 1023, (f << 11) | TOP);
  else setB(<u32>(v >> 63), -1022, f << 11);
}

/** Finite double extended: an exponent field of 0 means that of 1. */
export function setA80(se: u32, sig: u64): void {
  const e: i32 = se & 0x7fff;
  setA(se >> 15, (e ? e : 1) - 16383, sig);
}

export function setB80(se: u32, sig: u64): void {
  const e: i32 = se & 0x7fff;
  setB(se >> 15, (e ? e : 1) - 16383, sig);
}

export function setAInt(v: i64): void {
  setA(<u32>((<u64>v) >> 63), 63, v < 0 ? 0 - <u64>v : <u64>v);
}

// ── operations ──

/** a + b, or a - b with `negate` 1. */
export function addCore(negate: u32): void {
  const sb = bSign ^ negate;
  if (!aSig || !bSig) {
    lo = 0;
    if (aSig) {
      sign = aSign;
      exp = aExp;
      hi = aSig;
    } else if (bSig) {
      sign = sb;
      exp = bExp;
      hi = bSig;
    } else {
      sign = aSign == sb ? aSign : u32(mode == DOWN);
      hi = 0;
    }
    return;
  }
  // x is the larger magnitude
  const swap = aExp < bExp || (aExp == bExp && aSig < bSig);
  const xs = swap ? sb : aSign;
  const x = swap ? bSig : aSig;
  const y = swap ? aSig : bSig;
  const d = swap ? bExp - aExp : aExp - bExp;
  exp = swap ? bExp : aExp;
  sign = xs;
  let yh: u64, yl: u64;
  if (d == 0) {
    yh = y;
    yl = 0;
  } else if (d < 64) {
    yh = y >> d;
    yl = y << (64 - d);
  } else if (d == 64) {
    yh = 0;
    yl = y;
  } else if (d < 128) {
    yh = 0;
    yl = (y >> (d - 64)) | u64((y << (128 - d)) != 0);
  } else {
    yh = 0;
    yl = 1;
  }
  if (aSign == sb) {
    const h = x + yh;
    if (h < x) {
      lo = (yl >> 1) | (yl & 1) | (h << 63);
      hi = (h >> 1) | TOP;
      exp++;
    } else {
      hi = h;
      lo = yl;
    }
    return;
  }
  hi = x - yh - u64(yl != 0);
  lo = 0 - yl;
  normalise();
}

/** Brings the result's first bit to the top; an exact zero gets the sign of a cancelled sum. */
function normalise(): void {
  if (!hi) {
    if (!lo) {
      sign = u32(mode == DOWN);
      return;
    }
    hi = lo;
    lo = 0;
    exp -= 64;
  }
  const z = <i32>clz(hi);
  if (z) {
    hi = (hi << z) | (lo >> (64 - z));
    lo <<= z;
    exp -= z;
  }
}

/** High half of a 64 by 64 bit product; the low half is a * b. */
export function mulHigh(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32;
  const bl = b & 0xffffffff, bh = b >> 32;
  const m = ah * bl + ((al * bl) >> 32);
  const n = al * bh + (m & 0xffffffff);
  return ah * bh + (m >> 32) + (n >> 32);
}

/** a * b. */
export function mulCore(): void {
  sign = aSign ^ bSign;
  if (!aSig || !bSig) {
    hi = 0;
    lo = 0;
    return;
  }
  hi = mulHigh(aSig, bSig);
  lo = aSig * bSig;
  exp = aExp + bExp + 1;
  if (!(hi & TOP)) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    exp--;
  }
}

let remainder: u64 = 0;

/** (h:l) / d for h < d, bit 63 of d set; the rest in `remainder`. Knuth's D with two digits of 32 bits. */
export function divWide(h: u64, l: u64, d: u64): u64 {
  const dh = d >> 32, dl = d & 0xffffffff;
  let q1 = h / dh;
  let r = h - q1 * dh;
  while (q1 >> 32 || q1 * dl > ((r << 32) | (l >> 32))) {
    q1--;
    r += dh;
    if (r >> 32) break;
  }
  const m = ((h << 32) | (l >> 32)) - q1 * d;
  let q0 = m / dh;
  r = m - q0 * dh;
  while (q0 >> 32 || q0 * dl > ((r << 32) | (l & 0xffffffff))) {
    q0--;
    r += dh;
    if (r >> 32) break;
  }
  remainder = ((m << 32) | (l & 0xffffffff)) - q0 * d;
  return (q1 << 32) + q0;
}

export function divRemainder(): u64 {
  return remainder;
}

/** a / b, b not zero. */
export function divCore(): void {
  sign = aSign ^ bSign;
  if (!aSig) {
    hi = 0;
    lo = 0;
    return;
  }
  if (aSig < bSig) {
    hi = divWide(aSig, 0, bSig);
    exp = aExp - bExp - 1;
  } else {
    hi = divWide(aSig >> 1, aSig << 63, bSig);
    exp = aExp - bExp;
  }
  const r = remainder;
  // half of the last place is reached where 2r >= b
  const rest = bSig - r;
  lo = r == 0 ? 0 : r > rest ? TOP | 1 : r == rest ? TOP : 1;
}

/** Square root of a, which is not negative. */
export function sqrtCore(): void {
  sign = aSign;
  if (!aSig) {
    hi = 0;
    lo = 0;
    return;
  }
  const odd = aExp & 1;
  exp = aExp >> 1;
  // radicand n = nh:nl in [2^126, 2^128); root in [2^63, 2^64)
  const nh = odd ? aSig : aSig >> 1;
  const nl: u64 = odd ? 0 : aSig << 63;
  const f = Math.sqrt(<f64>nh) * 4294967296.0;
  let s = f >= 18446744073709551615.0 ? <u64>-1 : <u64>f;
  // one Newton step from 53 bits: s += (n - s²) / 2s
  let rl = nl - s * s;
  let rh = nh - mulHigh(s, s) - u64(nl < s * s);
  const step = <i64>(((<f64>(<i64>rh)) * 18446744073709551616.0 + <f64>rl) / (2.0 * <f64>s));
  if (step > 0 && s > <u64>-1 - <u64>step) s = <u64>-1;
  else s += step;
  // the root is right when 0 <= n - s² <= 2s
  for (;;) {
    const sl = s * s;
    rl = nl - sl;
    rh = nh - mulHigh(s, s) - u64(nl < sl);
    if (<i64>rh < 0) s--;
    else if (rh > 1 || (rh == 1 && rl > s << 1)) s++;
    else break;
  }
  hi = s;
  lo = !(rh | rl) ? 0 : rh || rl > s ? TOP | 1 : 1;
}

// ── rounding ──

/**
 * The result's top `keep` bits (64 and fewer; none or negative: it lies below the last place) as an integer, rounded.
 * A carry out of 64 bits answers 0. Sets `inexact`, `roundedUp`.
 */
function roundAt(keep: i32): u64 {
  let k: u64;
  // `rest`: top bit is half a place, the others sticky
  let rest: u64;
  if (keep == 64) {
    k = hi;
    rest = lo;
  } else if (keep > 0) {
    k = hi >> (64 - keep);
    rest = (hi << keep) | u64(lo != 0);
  } else if (keep == 0) {
    k = 0;
    rest = hi | u64(lo != 0);
  } else {
    k = 0;
    rest = 1;
  }
  inexact = rest != 0;
  let up = false;
  if (rest) {
    if (mode == NEAREST) up = rest > TOP || (rest == TOP && (k & 1) != 0);
    else if (mode == DOWN) up = sign != 0;
    else if (mode == UP) up = sign == 0;
  }
  roundedUp = up;
  return k + u64(up);
}

/**
 * The result in an IEEE format of `p` bits of precision and largest exponent `emax`: 24, 127 or 53, 1023.
 * `masks`: masked exceptions. `flush`: MXCSR.FTZ. After an unmasked overflow or underflow the answer is void.
 */
export function packIeee(p: i32, emax: i32, masks: u32, flush: bool): u64 {
  const s = <u64>sign << (p == 24 ? 31 : 63);
  if (!hi) return s;
  const hidden: u64 = <u64>1 << (p - 1);
  const infinity: u64 = <u64>(2 * emax + 1) << (p - 1);
  let k = roundAt(p);
  let e = exp;
  if (k >> p) {
    k >>= 1;
    e++;
  }
  if (e > emax) {
    flags |= OE;
    if (!(masks & OE)) {
      if (inexact) flags |= PE;
      return 0;
    }
    flags |= PE;
    roundedUp = toInfinity();
    return s | (roundedUp ? infinity : infinity - 1);
  }
  const emin = 1 - emax;
  if (e < emin) {
    if (!(masks & UE)) {
      flags |= UE;
      if (inexact) flags |= PE;
      return 0;
    }
    if (flush) {
      flags |= UE | PE;
      return s;
    }
    k = roundAt(p - (emin - exp));
    if (inexact) flags |= UE | PE;
    return s | k;
  }
  if (inexact) flags |= PE;
  return s | (<u64>(e + emax) << (p - 1)) | (k & (hidden - 1));
}

/** Does a masked overflow give infinity? Else the largest finite number. */
function toInfinity(): bool {
  return mode == NEAREST || (mode == UP && !sign) || (mode == DOWN && sign != 0);
}

/** Rounds to `p` bits, left aligned. A carry is worked into `exp` (the answer has its top bit set). */
function roundTop(p: i32): u64 {
  let k = roundAt(p);
  if (p == 64) {
    if (!k) {
      k = TOP;
      exp++;
    }
    return k;
  }
  if (k >> p) {
    k >>= 1;
    exp++;
  }
  return k << (64 - p);
}

/**
 * The result as double extended with `p` significant bits (precision control). Answers the significand; `packedSe`.
 * Unmasked overflow and underflow deliver the number with its exponent moved by 24576 (SDM vol. 1, 8.5.4, 8.5.5).
 */
export function pack80(p: i32, masks: u32): u64 {
  const s = sign << 15;
  if (!hi) {
    packedSe = s;
    return 0;
  }
  const e0 = exp;
  const k = roundTop(p);
  let e = exp;
  if (e > 16383) {
    flags |= OE;
    if (!(masks & OE)) {
      if (inexact) flags |= PE;
      e -= 24576;
      if (e > 16383) {
        // still too large (FSCALE)
        flags |= PE;
        roundedUp = true;
        packedSe = s | 0x7fff;
        return TOP;
      }
      packedSe = s | (e + 16383);
      return k;
    }
    flags |= PE;
    roundedUp = toInfinity();
    packedSe = roundedUp ? s | 0x7fff : s | 0x7ffe;
    return roundedUp ? TOP : p == 64 ? <u64>-1 : (<u64>-1) << (64 - p);
  }
  if (e < -16382) {
    if (!(masks & UE)) {
      flags |= UE;
      if (inexact) flags |= PE;
      e += 24576;
      if (e < -16382) {
        flags |= PE;
        roundedUp = false;
        packedSe = s;
        return 0;
      }
      packedSe = s | (e + 16383);
      return k;
    }
    // again, with the places that a denormal number has left
    const d = -16382 - e0;
    const keep = p - d;
    const r = roundAt(keep);
    if (inexact) flags |= UE | PE;
    const sig = p == 64 ? r : r << (64 - p);
    packedSe = s | <u32>(sig >> 63);
    return sig;
  }
  if (inexact) flags |= PE;
  packedSe = s | (e + 16383);
  return k;
}

/** a as an integer, rounded; true if its magnitude is 2^64 or more. Sets `inexact`, `roundedUp`; the magnitude is `integer`. */
export let integer: u64 = 0;

export function toInteger(): bool {
  sign = aSign;
  hi = aSig;
  lo = 0;
  inexact = false;
  roundedUp = false;
  if (!aSig) {
    integer = 0;
    return false;
  }
  if (aExp > 63) return true;
  integer = roundAt(aExp + 1);
  return false;
}

/** a compared with b: -1, 0, 1. */
export function compareCore(): i32 {
  if (!aSig && !bSig) return 0;
  if (!aSig) return bSign ? 1 : -1;
  if (!bSig) return aSign ? -1 : 1;
  if (aSign != bSign) return aSign ? -1 : 1;
  const above = aSign ? -1 : 1;
  if (aExp != bExp) return aExp > bExp ? above : -above;
  if (aSig != bSig) return aSig > bSig ? above : -above;
  return 0;
}
