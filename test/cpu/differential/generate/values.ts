/** Values worth trying: edges first, then anything. */
import type { Random } from "../prng.ts";

const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0x81n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffff80000000n,
  0xffffffff7fffffffn,
  0xffffffffffffff80n,
  0xffffffffffff8000n,
  0xfffffffffffffffen,
  0xffffffffffffffffn,
  0x5555555555555555n,
  0xaaaaaaaaaaaaaaaan,
] as const; // prettier-ignore

export function integer(rng: Random): bigint {
  switch (rng.below(10)) {
    case 0:
    case 1:
    case 2:
      return rng.u64();
    case 3:
      return BigInt(rng.below(256));
    case 4:
      return 1n << BigInt(rng.below(64));
    case 5:
    case 6:
      return rng.pick(EDGES);
    case 7:
      return BigInt(rng.u32());
    case 8:
      return BigInt.asUintN(64, BigInt(rng.u32() | 0));
    default:
      return BigInt.asUintN(64, (rng.pick(EDGES) << BigInt(rng.below(64))) - BigInt(rng.below(3)));
  }
}

/** Last value of a kind: the next is often its neighbour, so that differences cancel. */
export interface Floats {
  f32(): number;
  f64(): bigint;
  /** Sign and exponent, significand. */
  f80(): { readonly head: number; readonly significand: bigint };
}

const F32_EDGES = [
  0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000,
  0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff, 0x7fc12345,
  0xffe54321, 0x3f000000, 0x3fc00000, 0xc0200000, 0x4f000000, 0xcf000000, 0x4effffff, 0xcf000001, 0x5f000000,
  0xdf000000, 0x5effffff, 0x4b7fffff, 0x4b000001, 0x33800000, 0x40490fdb, 0x3eaaaaab,
] as const; // prettier-ignore

const F64_EDGES = [
  0x0000000000000000n,
  0x8000000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x0000000000000001n,
  0x8000000000000001n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x8010000000000000n,
  0x7fefffffffffffffn,
  0xffefffffffffffffn,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000000n,
  0x7ff0000000000001n,
  0xfff7ffffffffffffn,
  0x7ff8123456789abcn,
  0xfffcba9876543210n,
  0x3fe0000000000000n,
  0x3ff8000000000000n,
  0xc004000000000000n,
  0x41dfffffffc00000n,
  0x41e0000000000000n,
  0xc1e0000000000000n,
  0xc1e0000000200000n,
  0x41dfffffffe00000n,
  0x43e0000000000000n,
  0xc3e0000000000000n,
  0x43dfffffffffffffn,
  0x433fffffffffffffn,
  0x4330000000000001n,
  0x36a0000000000000n,
  0x369fffffffffffffn,
  0x380fffffffffffffn,
  0x47efffffe0000000n,
  0x47efffffefffffffn,
  0x47effffff0000000n,
  0x400921fb54442d18n,
  0x3fd5555555555555n,
] as const; // prettier-ignore

const J = 0x8000000000000000n;
const QUIET = 0x4000000000000000n;

const F80_EDGES = [
  [0x0000, 0n],
  [0x8000, 0n],
  [0x3fff, J],
  [0xbfff, J],
  [0x3ffe, J],
  [0x4000, J],
  [0x3fff, J | QUIET],
  [0x0000, 1n],
  [0x8000, 1n],
  [0x0000, J - 1n],
  [0x0001, J],
  [0x8001, J],
  [0x0000, J],
  [0x0000, J | 1n],
  [0x7ffe, 2n * J - 1n],
  [0xfffe, 2n * J - 1n],
  [0x7fff, J],
  [0xffff, J],
  [0x7fff, J | QUIET],
  [0xffff, J | QUIET],
  [0x7fff, J | 1n],
  [0xffff, J | (QUIET - 1n)],
  [0x7fff, J | QUIET | 0x123456789n],
  [0x7fff, 0n],
  [0x7fff, 1n],
  [0xffff, QUIET],
  [0x3fff, 0n],
  [0x4001, QUIET],
  [0x400e, J],
  [0xc00e, J],
  [0x400d, 0xfffe000000000000n],
  [0x400d, 0xffff000000000000n],
  [0x401e, J],
  [0xc01e, J],
  [0x401d, 0xfffffffe00000000n],
  [0x401d, 0xffffffff00000000n],
  [0x403e, J],
  [0xc03e, J],
  [0x403d, 2n * J - 2n],
  [0x403d, 2n * J - 1n],
  [0xc03e, J | 1n],
  [0x403a, 0xde0b6b3a7640000n << 4n],
  [0x407f, J],
  [0x3f80, 0xffffff0000000000n],
  [0x3f69, J],
  [0x3c00, 0xfffffffffffff800n],
  [0x3bcc, J],
  [0x43ff, J],
  [0x4000, 0xc90fdaa22168c235n],
  [0x3ffe, 0xb17217f7d1cf79acn],
  [0x3fff, J | 0x400n],
  [0x3fff, J | 0x8000000000n],
] as const satisfies readonly (readonly [number, bigint])[]; // prettier-ignore

export function floats(rng: Random): Floats {
  let last32 = 0x3f800000;
  let last64 = 0x3ff0000000000000n;
  let last80 = { head: 0x3fff, significand: J };
  return {
    f32() {
      const kind = rng.below(8);
      let v: number;
      if (kind < 3) v = rng.pick(F32_EDGES);
      else if (kind === 3) v = rng.u32();
      else if (kind === 4) v = (last32 ^ rng.pick([0, 1, 0x80000000, 0x80000001, 0x800000, 3])) >>> 0;
      else if (kind === 5) v = ((rng.u32() & 0x807fffff) | ((120 + rng.below(40)) << 23)) >>> 0;
      else if (kind === 6) v = ((rng.u32() & 0x80fff000) | ((100 + rng.below(60)) << 23)) >>> 0;
      else
        v = ((rng.u32() & 0x80000000) | ((rng.chance(0.5) ? 1 : 250) << 23) | (rng.u32() & 0x1ffffff)) >>> 0;
      last32 = v;
      return v;
    },
    f64() {
      const kind = rng.below(8);
      let v: bigint;
      if (kind < 3) v = rng.pick(F64_EDGES);
      else if (kind === 3) v = rng.u64();
      else if (kind === 4)
        v = last64 ^ rng.pick([0n, 1n, 1n << 63n, (1n << 63n) | 1n, 1n << 52n, 0x20000000n, 0x10000000n]);
      else if (kind === 5) v = (rng.u64() & 0x800fffffffffffffn) | (BigInt(1016 + rng.below(64)) << 52n);
      else if (kind === 6) v = (rng.u64() & 0x800fffffe0000000n) | (BigInt(880 + rng.below(300)) << 52n);
      else v = (rng.u64() & 0x801fffffffffffffn) | (BigInt(rng.chance(0.5) ? 0 : 2044) << 52n);
      last64 = v;
      return v;
    },
    f80() {
      const kind = rng.below(10);
      const sign = rng.u32() & 0x8000;
      let head: number;
      let significand: bigint;
      if (kind < 3) {
        const [h, s] = rng.pick(F80_EDGES);
        head = h;
        significand = s;
      } else if (kind === 3) {
        head = rng.u32() & 0xffff;
        significand = rng.u64() | J;
      } else if (kind === 4) {
        head = last80.head ^ rng.pick([0, 0x8000, 1, 0x8001]);
        significand = last80.significand ^ rng.pick([0n, 1n, 0x400n, 0x800n, 0x8000000000n]);
      } else if (kind === 5) {
        head = sign | (0x3ff0 + rng.below(0x60));
        significand = rng.u64() | J;
      } else if (kind === 6) {
        // exact in single or double precision, or half a unit beside it
        head = sign | (0x3ff0 + rng.below(0x40));
        const bits = rng.pick([24n, 53n]);
        significand = (((rng.u64() | J) >> (63n - bits)) << (63n - bits)) & (2n * J - 1n);
        if (rng.chance(0.3)) significand |= 1n;
      } else if (kind === 7) {
        head =
          sign |
          rng.pick([0, 1, 2, 40, 0x7ffd, 0x7ffe, 0x3c00, 0x3c01, 0x3bd0, 0x43fe, 0x3f81, 0x3f6a, 0x407e]);
        significand = rng.u64() | J;
      } else if (kind === 8) {
        const n = BigInt(rng.below(2) === 0 ? rng.below(1000) : rng.u32());
        head = sign | 0x403e;
        significand = n;
        while (significand !== 0n && significand < J) {
          significand <<= 1n;
          head--;
        }
        if (n === 0n) head = sign;
      } else {
        head = rng.u32() & 0xffff;
        significand = rng.u64();
        if (rng.chance(0.6)) significand |= J;
        if (rng.chance(0.4)) head &= 0x8000; // denormals of either kind
      }
      last80 = { head, significand };
      return last80;
    },
  };
}
