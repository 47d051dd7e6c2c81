// Numbers of 128 bits for the transcendental functions: as fractions, or normalised with an exponent.
//
//   fraction     (h:l) / 2^128 or / 2^127, as said
//   normalised   top bit set; the number is (h:l) * 2^(e - 127)
//
// Results are left in wh:wl (and we). Errors are a few units of the last of 128 places; callers round to 64.

import { divRemainder, divWide, mulHigh } from "./soft";

export let wh: u64 = 0, wl: u64 = 0, we: i32 = 0;

const TOP: u64 = 0x8000000000000000;

export function setWide(h: u64, l: u64, e: i32): void {
  wh = h;
  wl = l;
  we = e;
}

/** The upper 128 bits of a product. */
export function mulW(ah: u64, al: u64, bh: u64, bl: u64): void {
  const m = mulHigh(ah, bl);
  const n = mulHigh(al, bh);
  const p = ah * bh;
  const q = m + n;
  const r = p + q;
  wh = mulHigh(ah, bh) + u64(q < m) + u64(r < p);
  wl = r;
}

/** Brings the top bit up. */
export function normaliseW(): void {
  if (!wh) {
    wh = wl;
    wl = 0;
    we -= 64;
  }
  const z = <i32>clz(wh);
  if (z) {
    wh = (wh << z) | (wl >> (64 - z));
    wl <<= z;
    we -= z;
  }
}

let restHigh: u64 = 0, restLow: u64 = 0;

/** One digit of (h:l:0) / (dh:dl), h:l below it. */
function digit(h: u64, l: u64, dh: u64, dl: u64): u64 {
  let q: u64, r: u64;
  let over = false;
  if (h >= dh) {
    q = <u64>-1;
    r = l + dh;
    over = r < dh;
  } else {
    q = divWide(h, l, dh);
    r = divRemainder();
  }
  let ph = mulHigh(q, dl), pl = q * dl;
  while (!over && (ph > r || (ph == r && pl != 0))) {
    q--;
    ph -= u64(pl < dl);
    pl -= dl;
    r += dh;
    over = r < dh;
  }
  restLow = 0 - pl;
  restHigh = r - ph - u64(pl != 0);
  return q;
}

/** (nh:nl) / (dh:dl) as a fraction of 2^128; the dividend is below the divisor, whose top bit is set. */
function divW(nh: u64, nl: u64, dh: u64, dl: u64): void {
  const h = digit(nh, nl, dh, dl);
  wl = digit(restHigh, restLow, dh, dl);
  wh = h;
}

/** Quotient of two normalised numbers, normalised. */
export function divNormal(nh: u64, nl: u64, ne: i32, dh: u64, dl: u64, de: i32): void {
  if (nh > dh || (nh == dh && nl >= dl)) {
    const odd = nh & 1;
    divW(nh >> 1, (nl >> 1) | (odd << 63), dh, dl);
    we = ne - de;
  } else {
    divW(nh, nl, dh, dl);
    we = ne - de - 1;
  }
  normaliseW();
}

/** (h:l) / n, n below 2^32. */
export function divSmall(h: u64, l: u64, n: u64): void {
  wh = h / n;
  let r = h - wh * n;
  const a = (r << 32) | (l >> 32);
  const q1 = a / n;
  r = a - q1 * n;
  const b = (r << 32) | (l & 0xffffffff);
  wl = (q1 << 32) | (b / n);
}

/** A normalised number below 1 as a fraction of 2^128: shifted right by -1 - e. */
export function toFraction(h: u64, l: u64, e: i32): void {
  const d = -1 - e;
  if (d == 0) {
    wh = h;
    wl = l;
  } else if (d < 64) {
    wl = (l >> d) | (h << (64 - d));
    wh = h >> d;
  } else if (d < 128) {
    wl = h >> (d - 64);
    wh = 0;
  } else {
    wl = 0;
    wh = 0;
  }
}

// ── series ──
// Each runs inwards from its last term; `u` is a fraction of 2^128, the sum one of 2^127.

/** 1 - u / (a1) (1 - u / (a2) (1 - ...)), the k-th divisor (2k)(2k + odd), odd 1: sin(r) / r, -1: cos(r). u = r². */
export function alternating(uh: u64, ul: u64, odd: i32): void {
  let h: u64 = TOP, l: u64 = 0;
  for (let k: i32 = 17; k > 0; k--) {
    mulW(uh, ul, h, l);
    divSmall(wh, wl, 2 * k * (2 * k + odd));
    l = 0 - wl;
    h = TOP - wh - u64(wl != 0);
  }
  wh = h;
  wl = l;
}

/** 1 + y / 2 (1 + y / 3 (...)) = (e^y - 1) / y; y below ln 2, `negative`: its sign. */
export function exponential(yh: u64, yl: u64, negative: bool): void {
  let h: u64 = TOP, l: u64 = 0;
  for (let k: u64 = 34; k > 1; k--) {
    mulW(yh, yl, h, l);
    divSmall(wh, wl, k);
    if (negative) {
      l = 0 - wl;
      h = TOP - wh - u64(wl != 0);
    } else {
      l = wl;
      h = TOP + wh;
    }
  }
  wh = h;
  wl = l;
}

/** 1 ± u/3 + u²/5 ± ...: of the inverse hyperbolic tangent, or with `minus` of the arc tangent. */
export function inverse(uh: u64, ul: u64, terms: u64, minus: bool): void {
  divSmall(TOP, 0, 2 * terms + 1);
  let h = wh, l = wl;
  for (let k = terms; k > 0; k--) {
    mulW(uh, ul, h, l);
    h = wh;
    l = wl;
    divSmall(TOP, 0, 2 * k - 1);
    if (minus) {
      const borrow = u64(wl < l);
      l = wl - l;
      h = wh - h - borrow;
    } else {
      l += wl;
      h += wh + u64(l < wl);
    }
  }
  wh = h;
  wl = l;
}
