/** ModRM, SIB and displacement for an address that is already decided: registers are given the values that make it. */
import type { Random } from "../prng.ts";

export interface MemoryOperand {
  /** mod and r/m; the reg field is the caller's. */
  readonly modrm: number;
  /** SIB and displacement. */
  readonly rest: readonly number[];
  /** REX.X and REX.B. */
  readonly rex: number;
  /** The displacement (last four of `rest`) counts from the end of the instruction: the caller fills it in. */
  readonly ripRelative: boolean;
}

export interface AddressWish {
  readonly effective: bigint;
  readonly addressSize: 4 | 8;
  /** Registers that already have their value. */
  readonly fixed: ReadonlySet<number>;
  /** Address of the code, near enough. */
  readonly near: bigint;
  get(r: number): bigint;
  fix(r: number, v: bigint): void;
}

export function chooseSegment(rng: Random): number {
  return rng.pick([0x64, 0x64, 0x65, 0x65, 0x2e, 0x36, 0x3e, 0x26]);
}

const RSP = 4;

function le32(v: bigint): number[] {
  const n = Number(BigInt.asUintN(32, v));
  return [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];
}

export function encodeMemory(rng: Random, wish: AddressWish): MemoryOperand {
  const bits = 8 * wish.addressSize;
  const cut = (v: bigint): bigint => BigInt.asUintN(bits, v);
  const fits = (v: bigint, n: number): boolean => cut(BigInt.asIntN(n, v)) === cut(v);
  const want = cut(wish.effective);

  for (;;) {
    const form = rng.below(100);
    if (form < 6) {
      if (!fits(want, 32)) continue;
      return { modrm: 4, rest: [0x25 | (rng.below(4) << 6), ...le32(want)], rex: 0, ripRelative: false };
    }
    if (form < 16) {
      if (!fits(want - wish.near + 0x1000000n, 32) || !fits(want - wish.near - 0x1000000n, 32)) continue;
      return { modrm: 5, rest: le32(0n), rex: 0, ripRelative: true };
    }
    if (form < 28) return indexOnly(rng, wish, want, fits);
    if (form < 32) return sameTwice(rng, wish, want);
    const operand = baseAndIndex(rng, wish, want, fits);
    if (operand) return operand;
  }
}

/** A register's value of which only the low bits count. */
function widen(rng: Random, wish: AddressWish, v: bigint): bigint {
  if (wish.addressSize === 8) return BigInt.asUintN(64, v);
  return BigInt.asUintN(32, v) | (rng.chance(0.7) ? BigInt(rng.u32()) << 32n : 0n);
}

function freeRegister(rng: Random, wish: AddressWish): number {
  for (;;) {
    const r = rng.below(16);
    if (r !== RSP && !wish.fixed.has(r)) return r;
  }
}

function displacement(rng: Random): bigint {
  switch (rng.below(4)) {
    case 0:
      return 0n;
    case 1:
      return BigInt(rng.below(256) - 128);
    case 2:
      return BigInt(rng.u32() | 0);
    default:
      return rng.pick([0x7fn, -0x80n, 0x80n, -0x81n, 0x7fffffffn, -0x80000000n]);
  }
}

/** [index * scale + disp32] */
function indexOnly(
  rng: Random,
  wish: AddressWish,
  want: bigint,
  fits: (v: bigint, n: number) => boolean,
): MemoryOperand {
  const index = freeRegister(rng, wish);
  const scale = rng.below(4);
  const step = 1n << BigInt(scale);
  let disp = displacement(rng);
  disp += (((want - disp) % step) + step) % step;
  if (!fits(disp, 32) || disp > 0x7fffffffn) disp = want % step;
  let v = BigInt.asUintN(8 * wish.addressSize, want - disp) >> BigInt(scale);
  // bits that the scale shifts out
  if (scale > 0 && rng.chance(0.5))
    v |= BigInt(rng.below(1 << scale)) << BigInt(8 * wish.addressSize - scale);
  wish.fix(index, widen(rng, wish, v));
  return {
    modrm: 4,
    rest: [(scale << 6) | ((index & 7) << 3) | 5, ...le32(disp)],
    rex: index >= 8 ? 2 : 0,
    ripRelative: false,
  };
}

/** [r + r * scale + disp8] */
function sameTwice(rng: Random, wish: AddressWish, want: bigint): MemoryOperand {
  const r = freeRegister(rng, wish);
  const scale = rng.below(4);
  const times = 1n + (1n << BigInt(scale));
  wish.fix(r, widen(rng, wish, want / times));
  const low = r & 7;
  return {
    modrm: 0x44,
    rest: [(scale << 6) | (low << 3) | low, Number(want % times)],
    rex: r >= 8 ? 3 : 0,
    ripRelative: false,
  };
}

/** [base + disp] and [base + index * scale + disp] */
function baseAndIndex(
  rng: Random,
  wish: AddressWish,
  want: bigint,
  fits: (v: bigint, n: number) => boolean,
): MemoryOperand | undefined {
  const base = rng.below(16);
  let rest = want;
  let index = -1;
  const scale = rng.below(4);
  if (rng.chance(0.45)) {
    index = rng.below(16);
    if (index === RSP || index === base) return undefined;
    if (!wish.fixed.has(index) && rng.chance(0.5))
      wish.fix(index, widen(rng, wish, BigInt(rng.below(0x10000) - 0x8000)));
    rest = want - (wish.get(index) << BigInt(scale));
  }
  let disp = displacement(rng);
  if (wish.fixed.has(base)) {
    disp = BigInt.asIntN(8 * wish.addressSize, rest - wish.get(base));
    if (!fits(disp, 32)) return undefined;
    disp = BigInt.asIntN(32, disp);
  } else {
    wish.fix(base, widen(rng, wish, rest - disp));
  }
  if (index >= 0) wish.fix(index, wish.get(index));

  const low = base & 7;
  let mod = disp === 0n ? 0 : disp >= -128n && disp <= 127n ? 1 : 2;
  if (mod === 0 && low === 5) mod = 1;
  if (mod < 2 && rng.chance(0.08)) mod = 2; // longer than need be
  const dispBytes = mod === 0 ? [] : mod === 1 ? le32(disp).slice(0, 1) : le32(disp);
  const rex = (base >= 8 ? 1 : 0) | (index >= 8 ? 2 : 0);
  if (index >= 0 || low === 4 || rng.chance(0.1)) {
    const sib = (scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | low;
    return { modrm: (mod << 6) | 4, rest: [sib, ...dispBytes], rex, ripRelative: false };
  }
  return { modrm: (mod << 6) | low, rest: dispBytes, rex, ripRelative: false };
}
