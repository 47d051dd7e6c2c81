// 128-bit products and quotients.

/** High half of the last product, or remainder of the last division. */
export let high: u64 = 0;

/** Low half of a × b; `high` is set. */
export function mulU(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32;
  const bl = b & 0xffffffff, bh = b >> 32;
  const ll = al * bl;
  const m1 = ah * bl + (ll >> 32);
  const m2 = al * bh + (m1 & 0xffffffff);
  high = ah * bh + (m1 >> 32) + (m2 >> 32);
  return a * b;
}

export function mulS(a: i64, b: i64): i64 {
  const low = mulU(a, b);
  if (a < 0) high -= b;
  if (b < 0) high -= a;
  return low;
}

/** Did the last division have a quotient? (Divisor 0 or too large a quotient: no.) */
export let divided: bool = false;

/** (hi:lo) / d; remainder in `high`. */
export function divU(hi: u64, lo: u64, d: u64): u64 {
  divided = hi < d;
  if (!divided) return 0;
  if (hi == 0) {
    high = lo % d;
    return lo / d;
  }
  // two digits of 32 bits, with the divisor's top bit at 63
  const s = clz(d);
  const v = d << s;
  const vh = v >> 32, vl = v & 0xffffffff;
  const u1 = s ? (hi << s) | (lo >> (64 - s)) : hi;
  const u0 = lo << s;
  const q1 = digit(u1, u0 >> 32, v, vh, vl);
  const r = high;
  const q0 = digit(r, u0 & 0xffffffff, v, vh, vl);
  high >>= s;
  return (q1 << 32) | q0;
}

/** One digit of (u × 2³² + next) / v; the remainder goes to `high`. */
function digit(u: u64, next: u64, v: u64, vh: u64, vl: u64): u64 {
  let q = u / vh;
  let r = u - q * vh;
  while (q >> 32 || q * vl > ((r << 32) | next)) {
    q--;
    r += vh;
    if (r >> 32) break;
  }
  high = ((u << 32) | next) - q * v;
  return q;
}

export function divS(hi: i64, lo: u64, d: i64): i64 {
  const negative = hi < 0;
  let h = <u64>hi, l = lo;
  if (negative) {
    l = -l;
    h = ~h + (l == 0 ? 1 : 0);
  }
  const q = divU(h, l, d < 0 ? -(<u64>d) : <u64>d);
  if (!divided) return 0;
  const flip = negative != d < 0;
  if (flip ? q > 0x8000000000000000 : q > 0x7fffffffffffffff) {
    divided = false;
    return 0;
  }
  if (negative) high = -high;
  return flip ? -(<i64>q) : <i64>q;
}
