// SSE2 on packed integers, and what is alike: logic on floats, unpacking, shuffles. SDM vol. 1, 11.4.

import { addrR, effectiveAddress } from "../mmu";
import { FP_IMM, FP_MODRM, FP_PP, FP_REG, FP_RM } from "../record";
import { maskedStore } from "./masked";
import { dest, FP_OPERATION, gpr, PD, rmXmm, SD, setGpr, source16, SS } from "./operands";
import { shuffleWords } from "./packed";
import { isMem, sseReady } from "./state";

/** xmm op= xmm/m128, by FP_OPERATION. */
export function packed(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  const d = dest(rec);
  v128.store(d, call_indirect<v128>(load<u32>(rec, FP_OPERATION), v128.load(d), v128.load(p)));
  return 1;
}

/** Shifts by immediate, by FP_OPERATION. */
export function packedShift(rec: usize): i32 {
  if (!sseReady()) return 0;
  const d = rmXmm(rec);
  v128.store(d, call_indirect<v128>(load<u32>(rec, FP_OPERATION), v128.load(d), i64x2.splat(load<u8>(rec, FP_IMM))));
  return 1;
}

/** PSLLDQ, PSRLDQ. */
export function shiftBytes(rec: usize): i32 {
  if (!sseReady()) return 0;
  const n: u32 = load<u8>(rec, FP_IMM);
  if (!n) return 1;
  const d = rmXmm(rec);
  const l = load<u64>(d), h = load<u64>(d, 8);
  const s: u64 = (n & 7) << 3;
  let a: u64 = 0, b: u64 = 0;
  if (n == 8) {
    if (isLeft(rec)) b = l;
    else a = h;
  } else if (isLeft(rec)) {
    if (n < 8) {
      a = l << s;
      b = (h << s) | (l >> (64 - s));
    } else if (n < 16) {
      b = l << s;
    }
  } else if (n < 8) {
    a = (l >> s) | (h << (64 - s));
    b = h >> s;
  } else if (n < 16) {
    a = h >> s;
  }
  store<u64>(d, a);
  store<u64>(d, b, 8);
  return 1;
}

/** ModRM.reg 7, not 3. */
// @ts-ignore: decorator
@inline function isLeft(rec: usize): bool {
  return (load<u8>(rec, FP_MODRM) & 0x20) != 0;
}

/** PSHUFD; SHUFPS with two sources: lanes of `a`, then of `b`. */
// @ts-ignore: decorator
@inline function shuffleLanes(d: usize, a: usize, b: usize, imm: u32): void {
  const v0 = load<u32>(a + ((imm & 3) << 2)), v1 = load<u32>(a + (imm & 12));
  const v2 = load<u32>(b + ((imm >> 2) & 12)), v3 = load<u32>(b + ((imm >> 4) & 12));
  store<u32>(d, v0);
  store<u32>(d, v1, 4);
  store<u32>(d, v2, 8);
  store<u32>(d, v3, 12);
}

export function pshufd(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  shuffleLanes(dest(rec), p, p, load<u8>(rec, FP_IMM));
  return 1;
}

/** PSHUFLW (F2), PSHUFHW (F3). */
export function pshufWords(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  const imm: u32 = load<u8>(rec, FP_IMM);
  const pp: u32 = load<u8>(rec, FP_PP);
  const l = load<u64>(p), h = load<u64>(p, 8);
  const d = dest(rec);
  store<u64>(d, pp == SD ? shuffleWords(l, imm) : l);
  store<u64>(d, pp == SS ? shuffleWords(h, imm) : h, 8);
  return 1;
}

/** SHUFPS, SHUFPD. */
export function shufp(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  const imm: u32 = load<u8>(rec, FP_IMM);
  const d = dest(rec);
  if (load<u8>(rec, FP_PP) == PD) {
    const l = load<u64>(d + ((imm & 1) << 3)), h = load<u64>(p + ((imm & 2) << 2));
    store<u64>(d, l);
    store<u64>(d, h, 8);
  } else {
    shuffleLanes(d, d, p, imm);
  }
  return 1;
}

export function pinsrw(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = isMem(rec) ? addrR(effectiveAddress(rec), 2) : gpr(load<u8>(rec, FP_RM));
  if (!p) return 0;
  store<u16>(dest(rec) + ((load<u8>(rec, FP_IMM) & 7) << 1), load<u16>(p));
  return 1;
}

export function pextrw(rec: usize): i32 {
  if (!sseReady()) return 0;
  setGpr(load<u8>(rec, FP_REG), load<u16>(rmXmm(rec) + ((load<u8>(rec, FP_IMM) & 7) << 1)));
  return 1;
}

export function pmovmskb(rec: usize): i32 {
  if (!sseReady()) return 0;
  setGpr(load<u8>(rec, FP_REG), i8x16.bitmask(v128.load(rmXmm(rec))));
  return 1;
}

/** MOVMSKPS, MOVMSKPD. */
export function movmskp(rec: usize): i32 {
  if (!sseReady()) return 0;
  const v = v128.load(rmXmm(rec));
  setGpr(load<u8>(rec, FP_REG), load<u8>(rec, FP_PP) == PD ? i64x2.bitmask(v) : i32x4.bitmask(v));
  return 1;
}

export function maskmovdqu(rec: usize): i32 {
  if (!sseReady()) return 0;
  return i32(maskedStore(rec, v128.load(dest(rec)), v128.load(rmXmm(rec))));
}
