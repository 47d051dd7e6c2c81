// Constants and transcendental instructions of the x87. SDM vol. 1, 8.3.8 to 8.3.11.
//
// Constants: exact in every rounding mode.
// FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1: series in 128 bits (wide.ts), rounded once to 64 bits as RC says. That is
// nearer to the true value than processors promise (one unit in the last place), so the last bit and C1 may differ from
// theirs; special operands and other flags do not. Angles are reduced by the processor's pi of 66 bits.
// Operands outside the documented range: F2XM1 leaves them, FYL2XP1 goes on like FYL2X.

import {
  addCore, aExp, aSig, aSign, bExp, bSig, bSign, exp, hi, lo, mode, mulCore, setA, setA80, setB, setB80, setResult, sign, signal,
} from "./soft";
import { DE, IE, NEAREST, PE, UE, UP, ZE } from "./state";
import {
  alternating, divNormal, exponential, inverse, mulW, normaliseW, setWide, toFraction, we, wh, wl,
} from "./wide";
import { chooseNan, finish80, passNan } from "./x87-arith";
import { BIT63, classOf, DENORMAL, INFINITE, QNAN, resSe, resSig, setIndefinite, setResult80, ZERO } from "./x87-stack";

/** By the opcode's low nibble: FYL2X, FPATAN, FYL2XP1. */
export const TAKES_TWO: u32 = (1 << 1) | (1 << 3) | (1 << 9);

const F2XM1: u32 = 0;
const FYL2X: u32 = 1;
const FPTAN: u32 = 2;
const FPATAN: u32 = 3;
const FSINCOS: u32 = 11;
const FSIN: u32 = 14;
const FCOS: u32 = 15;

/** Below this exponent the processor takes an angle for its sine and tangent, and 1 for its cosine, in every rounding mode. */
const TINY: i32 = -68;

export let pushedSe: u32 = 0, pushedSig: u64 = 0;

/** D9 E8+i: FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, cut to 64 bits; UP adds one place, NEAREST where the rest asks for it. */
export function constant80(i: u32): void {
  let se: u32, sig: u64;
  let nearestUp = true;
  switch (i) {
    case 0: setResult80(0x3fff, BIT63); return;
    case 1: se = 0x4000; sig = 0xd49a784bcd1b8afe; nearestUp = false; break;
    case 2: se = 0x3fff; sig = 0xb8aa3b295c17f0bb; break;
    case 3: se = 0x4000; sig = 0xc90fdaa22168c234; break;
    case 4: se = 0x3ffd; sig = 0x9a209a84fbcff798; break;
    case 5: se = 0x3ffe; sig = 0xb17217f7d1cf79ab; break;
    default: setResult80(0, 0); return;
  }
  setResult80(se, mode == UP || (mode == NEAREST && nearestUp) ? sig + 1 : sig);
}

const TOP: u64 = 0x8000000000000000;
// ln 2 / 2^-128, log2 e / 2^-127, pi / 2^-126
const LN2_H: u64 = 0xb17217f7d1cf79ab, LN2_L: u64 = 0xc9e3b39803f2f6af;
const LOG2E_H: u64 = 0xb8aa3b295c17f0bb, LOG2E_L: u64 = 0xbe87fed0691d3e88;
const PI_H: u64 = 0xc90fdaa22168c234, PI_L: u64 = 0xc4c6628b80dc1cd1;

/** arctan(i / 16) / 2^-127, i from 0 to 16: high and low words. */
const ARCTANGENTS: usize = memory.data<u64>([
  0x0000000000000000, 0x0000000000000000, 0x07fd56edcb3f7a71, 0xb6593c96e071706a, 0x0feadd4d5617b6e3, 0x2c897989f3e888ef,
  0x17b97b4bce5b0226, 0x8f6169f103938e90, 0x1f5b75f92c80dd62, 0xadb8f3debef442fc, 0x26c4ee6e0fd7979a, 0x716aed26349ebcca,
  0x2dec3283c9bde11c, 0xe2a8c848b73f9120, 0x34c9dd879847f96d, 0x909f257a40079c4d, 0x3b58ce0ac3769ed1, 0x5bf9117b2f0ea340,
  0x4195fa536cc33f15, 0x25b504e5b0d28ae0, 0x47802eaf7bfacfcd, 0xae41af0b32e21ba3, 0x4d17c07338deed10, 0x21137c711027f9de,
  0x525e3e8c9a7b8492, 0x0cd43f9522bed64f, 0x5756261c5a6c6040, 0x0a392f179f290385, 0x5c029f15e118cf39, 0xe596d2a90852221e,
  0x606742dc56293320, 0x44eeb16237497d12, 0x6487ed5110b4611a, 0x62633145c06e0e68,
]);

/** Rounds (wh:wl, we) with sign `s`. It is never exact. */
function finishWide(s: u32): void {
  setResult(s, we, wh, wl | 1);
  finish80(64);
}

/** A sum of 1 and too little to be seen is still not 1. */
function belowOne(): void {
  if (wh == TOP && !wl) setWide(TOP - 1, -1, 0);
}

/** (wh:wl, we) times a fraction of 2^127 (a number near 1). */
function timesFraction(h: u64, l: u64): void {
  const e = we;
  mulW(wh, wl, h, l);
  setWide(wh, wl, e + 1);
  normaliseW();
}

/** Square of a normalised number below 1, as a fraction of 2^128. */
function squareFraction(h: u64, l: u64, e: i32): void {
  mulW(h, l, h, l);
  setWide(wh, wl, 2 * e + 1);
  normaliseW();
  toFraction(wh, wl, we);
}

// ── one operand ──

/** The result in resSe, resSig (and pushed*). False: the operand is too large, C2. */
export function functionOne(i: u32, se: u32, sig: u64): bool {
  const c = classOf(se, sig);
  if (c >= QNAN) {
    passNan(se, sig, c);
    pushedSe = resSe;
    pushedSig = resSig;
    return true;
  }
  if (i == F2XM1) {
    powerMinusOne(se, sig, c);
    return true;
  }
  pushedSe = 0x3fff;
  pushedSig = TOP;
  if (c == INFINITE) {
    signal(IE);
    setIndefinite();
    pushedSe = resSe;
    pushedSig = resSig;
    return true;
  }
  if (c == ZERO) {
    if (i == FPTAN || i == FSINCOS || i == FSIN) setResult80(se, sig);
    else setResult80(0x3fff, TOP);
    return true;
  }
  if ((se & 0x7fff) >= 16383 + 63) return false;
  if (c == DENORMAL) signal(DE);
  setA80(se, sig);
  if (aExp < TINY) {
    signal(PE);
    if (i == FCOS) {
      setResult80(0x3fff, TOP);
      return true;
    }
    if (aExp < -16382) signal(UE);
    setResult(aSign, aExp, aSig, 0);
    finish80(64);
    return true;
  }
  const s = aSign;
  reduceAngle();
  if (i == FPTAN) {
    cosine();
    const ch = wh, cl = wl, ce = we;
    sine();
    const swapped = (quadrant & 1) != 0;
    if (swapped) divNormal(ch, cl, ce, wh, wl, we);
    else divNormal(wh, wl, we, ch, cl, ce);
    // tan(q + r) is tan r, or -1 / tan r
    finishWide(s ^ u32(angleNegative) ^ u32(swapped));
    return true;
  }
  if (i == FSINCOS) {
    sineOf(s, quadrant, true);
    const se1 = resSe, sig1 = resSig;
    sineOf(s, quadrant + 1, false);
    pushedSe = resSe;
    pushedSig = resSig;
    setResult80(se1, sig1);
  } else if (i == FSIN) {
    sineOf(s, quadrant, true);
  } else {
    sineOf(s, quadrant + 1, false);
  }
  return true;
}

/** What is left of |a| in multiples of pi/2: nearest multiple (modulo 4), magnitude and sign of the rest. */
let quadrant: u32 = 0;
let angleNegative: bool = false;
let angleH: u64 = 0, angleL: u64 = 0, angleE: i32 = 0;

// pi/2 of 66 bits, in units of 2^-65
const HALF_PI_H: u64 = 3;
const HALF_PI_L: u64 = 0x243f6a8885a308d3;

function reduceAngle(): void {
  quadrant = 0;
  angleNegative = false;
  if (aExp < -1) {
    angleH = aSig;
    angleL = 0;
    angleE = aExp;
    return;
  }
  let h: u64 = 0, l = aSig;
  for (let i = aExp + 2; i > 0; i--) {
    h = (h << 1) | (l >> 63);
    l <<= 1;
    quadrant <<= 1;
    if (h > HALF_PI_H || (h == HALF_PI_H && l >= HALF_PI_L)) {
      h -= HALF_PI_H + u64(l < HALF_PI_L);
      l -= HALF_PI_L;
      quadrant |= 1;
    }
  }
  const h2 = (h << 1) | (l >> 63), l2 = l << 1;
  if (h2 > HALF_PI_H || (h2 == HALF_PI_H && l2 > HALF_PI_L)) {
    h = HALF_PI_H - h - u64(HALF_PI_L < l);
    l = HALF_PI_L - l;
    quadrant++;
    angleNegative = true;
  }
  setWide(h, l, 62);
  normaliseW();
  angleH = wh;
  angleL = wl;
  angleE = we;
}

/** sin of the rest's magnitude. */
function sine(): void {
  squareFraction(angleH, angleL, angleE);
  alternating(wh, wl, 1);
  belowOne();
  const h = wh, l = wl;
  setWide(angleH, angleL, angleE);
  timesFraction(h, l);
}

/** cos of the rest. */
function cosine(): void {
  squareFraction(angleH, angleL, angleE);
  alternating(wh, wl, -1);
  belowOne();
  setWide(wh, wl, 0);
  normaliseW();
}

/** Result: the sine, `q` quarter turns on; `odd`: of an angle of sign s. */
function sineOf(s: u32, q: u32, odd: bool): void {
  let negative = (q & 2) != 0;
  if (q & 1) {
    cosine();
  } else {
    sine();
    negative = negative != angleNegative;
  }
  finishWide(u32(negative) ^ (odd ? s : 0));
}

/** F2XM1: 2^x - 1 for -1 <= x <= 1. */
function powerMinusOne(se: u32, sig: u64, c: u32): void {
  if (c == ZERO) {
    setResult80(se, sig);
    return;
  }
  if (c == INFINITE) {
    setResult80(se >> 15 ? 0xbfff : se, TOP);
    return;
  }
  const e = se & 0x7fff;
  if (e >= 0x3fff) {
    if (e == 0x3fff && sig == TOP) setResult80(se >> 15 ? 0xbffe : se, TOP);
    else setResult80(se, sig);
    signal(PE);
    return;
  }
  if (c == DENORMAL) signal(DE);
  setA80(se, sig);
  const s = aSign;
  mulW(aSig, 0, LN2_H, LN2_L);
  setWide(wh, wl, aExp);
  normaliseW();
  const yh = wh, yl = wl, ye = we;
  toFraction(yh, yl, ye);
  exponential(wh, wl, s != 0);
  if (s) belowOne();
  const h = wh, l = wl;
  setWide(yh, yl, ye);
  timesFraction(h, l);
  finishWide(s);
}

// ── two operands ──

/** a is ST(0), b is ST(1). */
export function functionTwo(i: u32, aSe: u32, aSg: u64, bSe: u32, bSg: u64): void {
  const ac = classOf(aSe, aSg), bc = classOf(bSe, bSg);
  if (ac >= QNAN || bc >= QNAN) {
    chooseNan(aSe, aSg, ac, bSe, bSg, bc);
    return;
  }
  if (i == FPATAN) arcTangent(aSe, aSg, ac, bSe, bSg, bc);
  else if (i == FYL2X) yLog(aSe, aSg, ac, bSe, bSg, bc);
  else yLogPlusOne(aSe, aSg, ac, bSe, bSg, bc);
}

/** The logarithm's magnitude, normalised or zero; its sign. */
let logH: u64 = 0, logL: u64 = 0, logE: i32 = 0, logSign: u32 = 0;

/** 2 artanh(t) log2 e, t normalised and below 0.18: log2((1 + t) / (1 - t)). */
function logOfRatio(th: u64, tl: u64, te: i32): void {
  squareFraction(th, tl, te);
  inverse(wh, wl, 25, false);
  const h = wh, l = wl;
  setWide(th, tl, te + 1);
  timesFraction(h, l);
  timesFraction(LOG2E_H, LOG2E_L);
  logH = wh;
  logL = wl;
  logE = we;
}

/** log2 of (h:l, e), which is positive and not a power of two. */
function logOf(h: u64, l: u64, e: i32): void {
  // t = (m - 1) / (m + 1) with m from sqrt 1/2 to sqrt 2
  let nh: u64, nl: u64;
  const halve = h > 0xb504f333f9de6484;
  logSign = u32(halve);
  if (halve) {
    e++;
    // m / 2: (1 - m) and (1 + m) in units of 2^-128
    nl = 0 - l;
    nh = 0 - h - u64(l != 0);
  } else {
    nh = h - TOP;
    nl = l;
  }
  setWide(nh, nl, halve ? -1 : 0);
  normaliseW();
  nh = wh;
  nl = wl;
  const ne = we;
  // m + 1 has a bit more than 128 can hold
  const dh = halve ? (h >> 1) | TOP : ((h + TOP) >> 1) | TOP;
  const dl = (l >> 1) | (h << 63);
  divNormal(nh, nl, ne, dh, dl, halve ? 0 : 1);
  logOfRatio(wh, wl, we);
  if (!e) return;
  // e ± the small one, both in units of 2^-112
  const magnitude: u64 = e < 0 ? -e : e;
  const negative = u32(e < 0);
  let fh = logH, fl = logL;
  const shift = 15 - logE;
  if (shift < 64) {
    fl = (fl >> shift) | (fh << (64 - shift));
    fh >>= shift;
  } else if (shift < 128) {
    fl = shift == 64 ? fh : fh >> (shift - 64);
    fh = 0;
  } else {
    fl = 0;
    fh = 0;
  }
  let sh = magnitude << 48, sl: u64 = 0;
  if (logSign == negative) {
    sl = fl;
    sh += fh;
  } else {
    sl = 0 - fl;
    sh -= fh + u64(fl != 0);
  }
  logSign = negative;
  setWide(sh, sl, 15);
  normaliseW();
  logH = wh;
  logL = wl;
  logE = we;
}

/** y log2 x, the logarithm being in log*: rounds. y is in b. */
function timesY(bSe: u32, bSg: u64): void {
  setB80(bSe, bSg);
  mulW(logH, logL, bSig, 0);
  setWide(wh, wl, logE + bExp + 1);
  normaliseW();
  finishWide(bSign ^ logSign);
}

/** y times the logarithm of 2^e: processors come out just below the exact product. */
function timesExponent(e: i32, bSe: u32, bSg: u64): void {
  setA(u32(e < 0), 63, e < 0 ? -e : e);
  setB80(bSe, bSg);
  mulCore();
  setWide(hi - u64(lo == 0), lo - 1, exp);
  normaliseW();
  finishWide(sign);
}

/** FYL2X: b log2 a. */
function yLog(aSe: u32, aSg: u64, ac: u32, bSe: u32, bSg: u64, bc: u32): void {
  const bs = bSe & 0x8000;
  if (aSe >> 15 && ac != ZERO) {
    signal(IE);
    setIndefinite();
    return;
  }
  if (ac == ZERO) {
    if (bc == ZERO) {
      signal(IE);
      setIndefinite();
      return;
    }
    if (bc != INFINITE) signal(ZE);
    setResult80((bs ^ 0x8000) | 0x7fff, TOP);
    return;
  }
  const isOne = aSe == 0x3fff && aSg == TOP;
  if (ac == INFINITE) {
    if (bc == ZERO) {
      signal(IE);
      setIndefinite();
      return;
    }
    if (bc == DENORMAL) signal(DE);
    setResult80(bs | 0x7fff, TOP);
    return;
  }
  if (bc == INFINITE) {
    if (isOne) {
      signal(IE);
      setIndefinite();
      return;
    }
    if (ac == DENORMAL) signal(DE);
    setResult80((aSe < 0x3fff ? bs ^ 0x8000 : bs) | 0x7fff, TOP);
    return;
  }
  if (ac == DENORMAL || bc == DENORMAL) signal(DE);
  if (bc == ZERO || isOne) {
    setResult80(aSe < 0x3fff ? bs ^ 0x8000 : bs, 0);
    return;
  }
  setA80(aSe, aSg);
  if (aSig == TOP) {
    timesExponent(aExp, bSe, bSg);
    return;
  }
  logOf(aSig, 0, aExp);
  timesY(bSe, bSg);
}

/** FYL2XP1: b log2(a + 1). */
function yLogPlusOne(aSe: u32, aSg: u64, ac: u32, bSe: u32, bSg: u64, bc: u32): void {
  const bs = bSe & 0x8000;
  const s = (aSe ^ bSe) & 0x8000;
  if (ac == INFINITE) {
    if (aSe >> 15 || bc == ZERO) {
      signal(IE);
      setIndefinite();
      return;
    }
    if (bc == DENORMAL) signal(DE);
    setResult80(bs | 0x7fff, TOP);
    return;
  }
  if (bc == INFINITE) {
    if (ac == ZERO) {
      signal(IE);
      setIndefinite();
      return;
    }
    if (ac == DENORMAL) signal(DE);
    setResult80(s | 0x7fff, TOP);
    return;
  }
  if (ac == DENORMAL || bc == DENORMAL) signal(DE);
  if (ac == ZERO || bc == ZERO) {
    setResult80(s, 0);
    return;
  }
  if (aSe >= 0xbfff) {
    // minus one and below: no logarithm
    setResult80(aSe, aSg);
    signal(PE);
    return;
  }
  setA80(aSe, aSg);
  const negative = aSign;
  if (aExp >= -2) {
    // not near 1: as it is
    setB(0, 0, TOP);
    addCore(0);
    if (hi == TOP && !lo) {
      timesExponent(exp, bSe, bSg);
      return;
    }
    logOf(hi, lo, exp);
    timesY(bSe, bSg);
    return;
  }
  // t = x / (2 + x)
  const xh = aSig, xe = aExp;
  setB(0, 1, TOP);
  addCore(0);
  divNormal(xh, 0, xe, hi, lo, exp);
  logOfRatio(wh, wl, we);
  logSign = negative;
  timesY(bSe, bSg);
}

/** FPATAN: arctan(b / a) in the right quadrant. */
function arcTangent(aSe: u32, aSg: u64, ac: u32, bSe: u32, bSg: u64, bc: u32): void {
  const s = bSe >> 15;
  const left = aSe >> 15 != 0;
  if (ac == DENORMAL || bc == DENORMAL) signal(DE);
  if (bc == INFINITE) {
    if (ac != INFINITE) piTimes(s, 2);
    else piTimes(s, left ? 3 : 1);
    return;
  }
  if (ac == INFINITE || bc == ZERO) {
    if (left) piTimes(s, 4);
    else setResult80(s << 15, 0);
    return;
  }
  if (ac == ZERO) {
    piTimes(s, 2);
    return;
  }
  setA80(aSe, aSg);
  setB80(bSe, bSg);
  const xh = aSig, xe = aExp;
  setA80(bSe, bSg);
  const yh = aSig, ye = aExp;
  // the smaller by the larger
  const steep = ye > xe || (ye == xe && yh > xh);
  if (steep) divNormal(xh, 0, xe, yh, 0, ye);
  else divNormal(yh, 0, ye, xh, 0, xe);
  arcTangentOf();
  if (!steep && !left) {
    finishWide(s);
    return;
  }
  // from a multiple of pi/2, in units of 2^-126
  let h = wh, l = wl;
  const e = we;
  toFraction(h, l, e - 2);
  h = wh;
  l = wl;
  let ph = PI_H, pl = PI_L;
  if (steep) {
    pl = (pl >> 1) | (ph << 63);
    ph >>= 1;
  }
  if (steep && left) {
    pl += l;
    ph += h + u64(pl < l);
  } else {
    ph -= h + u64(pl < l);
    pl -= l;
  }
  setWide(ph, pl, 1);
  normaliseW();
  finishWide(s);
}

/** n pi/4. */
function piTimes(s: u32, n: u64): void {
  if (n == 3) setWide(0x96cbe3f9990e91a7, 0x9394c9e8a0a5159c, 1);
  else setWide(PI_H, PI_L, n == 4 ? 1 : n == 2 ? 0 : -1);
  finishWide(s);
}

/** arctan of the quotient in (wh:wl, we), which is at most 1; normalised. */
function arcTangentOf(): void {
  const th = wh, tl = wl, te = we;
  if (te < -5) {
    arcTangentSmall(th, tl, te);
    return;
  }
  // t as a fraction of 2^127 (1 itself fits), its nearest sixteenth c, z = (t - c) / (1 + t c)
  let fh = th, fl = tl;
  if (te < 0) {
    toFraction(th, tl, te - 1);
    fh = wh;
    fl = wl;
  }
  const i = <u32>((fh + 0x0400000000000000) >> 59);
  const ch = <u64>i << 59;
  const negative = fh < ch;
  let dh: u64, dl: u64;
  if (negative) {
    dl = 0 - fl;
    dh = ch - fh - u64(fl != 0);
  } else {
    dl = fl;
    dh = fh - ch;
  }
  const base = ARCTANGENTS + (i << 4);
  const bh = load<u64>(base), bl = load<u64>(base, 8);
  if (!dh && !dl) {
    setWide(bh, bl, 0);
    normaliseW();
    return;
  }
  // 1 + t c, in units of 2^-126
  mulW(fh, fl, ch, 0);
  const oh = wh + 0x4000000000000000, ol = wl;
  setWide(oh, ol, 1);
  normaliseW();
  const nh = wh, nl = wl, ne = we;
  setWide(dh, dl, 0);
  normaliseW();
  divNormal(wh, wl, we, nh, nl, ne);
  arcTangentSmall(wh, wl, we);
  toFraction(wh, wl, we - 1);
  if (negative) {
    const borrow = u64(bl < wl);
    setWide(bh - wh - borrow, bl - wl, 0);
  } else {
    const sum = bl + wl;
    setWide(bh + wh + u64(sum < wl), sum, 0);
  }
  normaliseW();
}

/** arctan of a normalised number below 1/16. */
function arcTangentSmall(h: u64, l: u64, e: i32): void {
  squareFraction(h, l, e);
  inverse(wh, wl, 14, true);
  belowOne();
  const sh = wh, sl = wl;
  setWide(h, l, e);
  timesFraction(sh, sl);
}
