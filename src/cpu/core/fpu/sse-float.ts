// SSE and SSE2 arithmetic and comparisons. SDM vol. 1, 10.4.1, 11.4.1. Lanes are computed in lanes.ts.
// Order within an instruction: #UD/#NM, memory, arithmetic, #XM, commit.

import { flagsSetZPC } from "../flags";
import { FP_IMM, FP_OPCODE, FP_PP } from "../record";
import {
  add32, add64, comi32, comi64, compare32, compare64, div32, div64, finishSse, max32, max64, min32, min64, mul32, mul64,
  reciprocal, reciprocalRoot, sqrt32, sqrt64, startSse, sub32, sub64, vectorised,
} from "./lanes";
import { dest, FP_OPERATION, PD, PS, source, source16, SS } from "./operands";
import { sseReady } from "./state";

type Single = (a: u32, b: u32) => u32;
type Double = (a: u64, b: u64) => u64;

const ADD: u32 = 0x58;
const MUL: u32 = 0x59;
const SUB: u32 = 0x5c;
const DIV: u32 = 0x5e;

function singleOf(op: u32): Single {
  switch (op) {
    case 0x51: return sqrt32;
    case ADD: return add32;
    case MUL: return mul32;
    case SUB: return sub32;
    case 0x5d: return min32;
    case DIV: return div32;
    default: return max32;
  }
}

function doubleOf(op: u32): Double {
  switch (op) {
    case 0x51: return sqrt64;
    case ADD: return add64;
    case MUL: return mul64;
    case SUB: return sub64;
    case 0x5d: return min64;
    case DIV: return div64;
    default: return max64;
  }
}

/** Index of the lane function for an opcode: 51 SQRT, 58 ADD, 59 MUL, 5C SUB, 5D MIN, 5E DIV, 5F MAX. */
export function floatOperation(op: u32, double: bool): u32 {
  return double ? doubleOf(op).index : singleOf(op).index;
}

/** Where lanes wait until all exceptions are known. */
export const LANES: usize = memory.data(16, 16);

export function commitLanes(d: usize): i32 {
  if (!finishSse()) return 0;
  v128.store(d, v128.load(LANES));
  return 1;
}

/** ADDSD and kin, by FP_OPERATION. */
export function scalarDouble(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 8);
  if (!p) return 0;
  startSse();
  const d = dest(rec);
  const r = call_indirect<u64>(load<u32>(rec, FP_OPERATION), load<u64>(d), load<u64>(p));
  if (!finishSse()) return 0;
  store<u64>(d, r);
  return 1;
}

/** ADDSS and kin. */
export function scalarSingle(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 4);
  if (!p) return 0;
  startSse();
  const d = dest(rec);
  const r = call_indirect<u32>(load<u32>(rec, FP_OPERATION), load<u32>(d), load<u32>(p));
  if (!finishSse()) return 0;
  store<u32>(d, r);
  return 1;
}

/** ADDPD and kin. Lanes that are all ordinary are done at once. */
export function packedDouble(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  startSse();
  const d = dest(rec);
  const op: u32 = load<u8>(rec, FP_OPCODE);
  if (vectorised() && ((1 << (op & 15)) & VECTORS)) {
    const a = v128.load(d), b = v128.load(p);
    let r: v128;
    if (op == ADD) r = f64x2.add(a, b);
    else if (op == MUL) r = f64x2.mul(a, b);
    else if (op == SUB) r = f64x2.sub(a, b);
    else r = f64x2.div(a, b);
    if (v128.any_true(v128.or(v128.or(odd64(a), odd64(b)), odd64(r))) == false) {
      v128.store(d, r);
      return 1;
    }
  }
  const f = load<u32>(rec, FP_OPERATION);
  store<u64>(LANES, call_indirect<u64>(f, load<u64>(d), load<u64>(p)));
  store<u64>(LANES, call_indirect<u64>(f, load<u64>(d, 8), load<u64>(p, 8)), 8);
  return commitLanes(d);
}

/** ADDPS and kin. */
export function packedSingle(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  startSse();
  const d = dest(rec);
  const op: u32 = load<u8>(rec, FP_OPCODE);
  if (vectorised() && ((1 << (op & 15)) & VECTORS)) {
    const a = v128.load(d), b = v128.load(p);
    let r: v128;
    if (op == ADD) r = f32x4.add(a, b);
    else if (op == MUL) r = f32x4.mul(a, b);
    else if (op == SUB) r = f32x4.sub(a, b);
    else r = f32x4.div(a, b);
    if (v128.any_true(v128.or(v128.or(odd32(a), odd32(b)), odd32(r))) == false) {
      v128.store(d, r);
      return 1;
    }
  }
  const f = load<u32>(rec, FP_OPERATION);
  for (let i: usize = 0; i < 16; i += 4) store<u32>(LANES + i, call_indirect<u32>(f, load<u32>(d + i), load<u32>(p + i)));
  return commitLanes(d);
}

/** The operations that wasm has lanes for, by the opcode's low nibble: ADD MUL SUB DIV. */
const VECTORS: u32 = (1 << 8) | (1 << 9) | (1 << 12) | (1 << 14);

/** Ones in every lane that is not an ordinary number: zero, denormal, the smallest normals, infinity, NaN. */
// @ts-ignore: decorator
@inline function odd32(v: v128): v128 {
  const n = i32x4.sub(v128.and(v, i32x4.splat(0x7fffffff)), i32x4.splat(0x01000000));
  return i32x4.ge_u(n, i32x4.splat(0x7e800000));
}

/** High halves only: what is borrowed from the low ones does not matter. */
// @ts-ignore: decorator
@inline function odd64(v: v128): v128 {
  const h = i32x4.shuffle(v, v, 1, 3, 1, 3);
  const n = i32x4.sub(v128.and(h, i32x4.splat(0x7fffffff)), i32x4.splat(0x00200000));
  return i32x4.ge_u(n, i32x4.splat(0x7fd00000));
}

/** CMPPS, CMPPD, CMPSS, CMPSD. */
export function compares(rec: usize): i32 {
  if (!sseReady()) return 0;
  const pp: u32 = load<u8>(rec, FP_PP);
  const p = pp < SS ? source16(rec) : source(rec, pp == SS ? 4 : 8);
  if (!p) return 0;
  const predicate: u32 = load<u8>(rec, FP_IMM) & 7;
  const d = dest(rec);
  startSse();
  v128.store(LANES, v128.load(d));
  if (pp & 1) {
    const n: usize = pp == PD ? 16 : 8;
    for (let i: usize = 0; i < n; i += 8) {
      store<u64>(LANES + i, compare64(predicate, load<u64>(d + i), load<u64>(p + i)) ? <u64>-1 : 0);
    }
  } else {
    const n: usize = pp == PS ? 16 : 4;
    for (let i: usize = 0; i < n; i += 4) {
      store<u32>(LANES + i, compare32(predicate, load<u32>(d + i), load<u32>(p + i)) ? <u32>-1 : 0);
    }
  }
  return commitLanes(d);
}

/** UCOMISD (2E), COMISD (2F). */
export function comisd(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 8);
  if (!p) return 0;
  startSse();
  const r = comi64(load<u8>(rec, FP_OPCODE) == 0x2e, load<u64>(dest(rec)), load<u64>(p));
  if (!finishSse()) return 0;
  flagsSetZPC((r & 4) != 0, (r & 2) != 0, (r & 1) != 0);
  return 1;
}

/** UCOMISS, COMISS. */
export function comiss(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 4);
  if (!p) return 0;
  startSse();
  const r = comi32(load<u8>(rec, FP_OPCODE) == 0x2e, load<u32>(dest(rec)), load<u32>(p));
  if (!finishSse()) return 0;
  flagsSetZPC((r & 4) != 0, (r & 2) != 0, (r & 1) != 0);
  return 1;
}

/** RSQRTPS, RSQRTSS (52), RCPPS, RCPSS (53). */
export function reciprocals(rec: usize): i32 {
  if (!sseReady()) return 0;
  const all = load<u8>(rec, FP_PP) == PS;
  const p = all ? source16(rec) : source(rec, 4);
  if (!p) return 0;
  const roots = load<u8>(rec, FP_OPCODE) == 0x52;
  const d = dest(rec);
  v128.store(LANES, all ? v128.load(p) : v128.load32_zero(p));
  const n: usize = all ? 16 : 4;
  for (let i: usize = 0; i < n; i += 4) {
    const x = load<u32>(LANES + i);
    store<u32>(d + i, roots ? reciprocalRoot(x) : reciprocal(x));
  }
  return 1;
}
