// The interpreter. One switch over the hot handlers (a br_table: test/cpu/core-shape.test.ts), the rest in slow.ts.
//
// A case ends with `continue` (next record in `rec`), or the instruction gave up and EXIT says why: stopAt. `left` is the budget at the start of the running block; records know how many instructions precede them.

import { CPU, EXIT_BUDGET, EXIT_FAULT, ICOUNT, RAX, RBP, RDX, RIP, RSP, X_VECTOR } from "../layout";
import { crossing, follow, lookup, lookupSlow } from "./blocks";
import {
  ADC, ADD, CF, DEC, EXPLICIT, INC, OF, RESULT, SBB, SUB, carry, condition, overflow, parity, setLogic, setResult, setSub,
  sign, top, replaceFlags,
} from "./flags";
import { doneW, ea, GP, isCanonical, raise, readable, SS, stackFault, writable } from "./mmu";
import { high, mulU } from "./muldiv";
import * as op from "./ops";
import { MISC_STACK, RECORD_SIZE, R_A, R_B, R_IMM, R_INDEX, R_LENGTH, R_LINK, R_MISC, R_OFF, R_OP, R_REL, UNLINKED } from "./record";
import { REGION_CELL, REGION_ENTRY, REGION_OF } from "./regions";
import { slow } from "./slow";
import { DEADLINE, EXIT, F_A, F_B, F_KIND, LEFT, NON_CANONICAL, PAGE_VA, REGION_LEFT, TLB, TMP_EA, SLOTS } from "./state";

// ── operands ──

// @ts-ignore: decorator
@inline function A(rec: u32): u32 {
  return load<u16>(rec, R_A);
}

// @ts-ignore: decorator
@inline function B(rec: u32): u32 {
  return load<u32>(rec, R_B);
}

/** To a register: 32 bits clear the upper half. */
// @ts-ignore: decorator
@inline function setReg<T>(p: u32, v: T): void {
  if (sizeof<T>() == 4) store<u64>(p, <u64>v);
  else store<T>(p, v);
}

/** What RIP is behind this record's instruction. */
// @ts-ignore: decorator
@inline function next(rec: u32): u64 {
  return load<u64>(PAGE_VA) + load<u16>(rec, R_OFF) + load<u8>(rec, R_LENGTH);
}

// ── arithmetic with flags ──

// @ts-ignore: decorator
@inline function alu<T>(kind: u32, a: T, b: T): T {
  if (kind == 0) {
    const r: T = <T>(a + b);
    setResult<T>(ADD, r, top<T>(a));
    return r;
  }
  if (kind == 1) {
    const r: T = a | b;
    setLogic<T>(r);
    return r;
  }
  if (kind == 2) {
    const c = carry();
    const r: T = <T>(a + b + <T>c);
    setResult<T>(ADD + c, r, top<T>(a));
    return r;
  }
  if (kind == 3) {
    if (carry()) {
      const r: T = <T>(a - b - 1);
      setResult<T>(SBB, r, top<T>(a));
      return r;
    }
    setSub<T>(a, b);
    return <T>(a - b);
  }
  if (kind == 4) {
    const r: T = a & b;
    setLogic<T>(r);
    return r;
  }
  if (kind == 6) {
    const r: T = a ^ b;
    setLogic<T>(r);
    return r;
  }
  setSub<T>(a, b);
  return <T>(a - b);
}

// @ts-ignore: decorator
@inline function aluAB<T>(kind: u32, rec: u32): void {
  const p = A(rec);
  const r = alu<T>(kind, load<T>(p), load<T>(B(rec)));
  if (kind != 7) setReg<T>(p, r);
}

// @ts-ignore: decorator
@inline function aluAM<T>(kind: u32, rec: u32, tlb: u32): bool {
  const m = readable<T>(ea(rec), tlb);
  if (!m) return false;
  const p = A(rec);
  const r = alu<T>(kind, load<T>(p), load<T>(m));
  if (kind != 7) setReg<T>(p, r);
  return true;
}

// @ts-ignore: decorator
@inline function aluMB<T>(kind: u32, rec: u32, tlb: u32): bool {
  const va = ea(rec);
  if (kind == 7) {
    const m = readable<T>(va, tlb);
    if (!m) return false;
    alu<T>(kind, load<T>(m), load<T>(B(rec)));
  } else {
    const m = writable<T>(va, tlb);
    if (!m) return false;
    store<T>(m, alu<T>(kind, load<T>(m), load<T>(B(rec))));
    if (m < SLOTS) doneW();
  }
  return true;
}

/** 0 inc, 1 dec, 2 neg, 3 not */
// @ts-ignore: decorator
@inline function unary<T>(kind: u32, v: T): T {
  if (kind == 0) {
    const r: T = <T>(v + 1);
    setResult<T>(INC, r, carry());
    return r;
  }
  if (kind == 1) {
    const r: T = <T>(v - 1);
    setResult<T>(DEC, r, carry());
    return r;
  }
  if (kind == 2) {
    setSub<T>(0, v);
    return <T>(0 - v);
  }
  return ~v;
}

// @ts-ignore: decorator
@inline function unaryA<T>(kind: u32, rec: u32): void {
  const p = A(rec);
  setReg<T>(p, unary<T>(kind, load<T>(p)));
}

// @ts-ignore: decorator
@inline function unaryM<T>(kind: u32, rec: u32, tlb: u32): bool {
  const m = writable<T>(ea(rec), tlb);
  if (!m) return false;
  store<T>(m, unary<T>(kind, load<T>(m)));
  if (m < SLOTS) doneW();
  return true;
}

// @ts-ignore: decorator
@inline function movAM<T>(rec: u32, tlb: u32): bool {
  const m = readable<T>(ea(rec), tlb);
  if (!m) return false;
  setReg<T>(A(rec), load<T>(m));
  return true;
}

// @ts-ignore: decorator
@inline function movMB<T>(rec: u32, tlb: u32): bool {
  const m = writable<T>(ea(rec), tlb);
  if (!m) return false;
  store<T>(m, load<T>(B(rec)));
  if (m < SLOTS) doneW();
  return true;
}

/** A (any width up to 64 bit) = memory of type F, as type T. */
// @ts-ignore: decorator
@inline function extendM<F, T>(rec: u32, tlb: u32): bool {
  const m = readable<F>(ea(rec), tlb);
  if (!m) return false;
  store<T>(A(rec), <T>load<F>(m));
  return true;
}

/** 0 shl 1 shr 2 sar 3 rol 4 ror of a register by 1 … bits - 1 */
// @ts-ignore: decorator
@inline function shiftAI<T>(kind: u32, rec: u32): void {
  const p = A(rec);
  const v = load<T>(p);
  const n: T = load<T>(rec, R_IMM);
  const bits: u32 = <u32>sizeof<T>() << 3;
  if (kind == 0) {
    const r: T = v << n;
    const c = <u32>(v >> (<T>bits - n)) & 1;
    setResult<T>(RESULT, r, c | ((c ^ <u32>(r >> <T>(bits - 1))) << 11));
    setReg<T>(p, r);
  } else if (kind == 1) {
    const r: T = v >> n;
    setResult<T>(RESULT, r, (<u32>(v >> (n - 1)) & 1) | (<u32>(v >> <T>(bits - 1)) << 11));
    setReg<T>(p, r);
  } else if (kind == 2) {
    let r: T;
    if (sizeof<T>() == 4) r = <T>(<i32>v >> <i32>n);
    else r = <T>(<i64>v >> <i64>n);
    setResult<T>(RESULT, r, <u32>(v >> (n - 1)) & 1);
    setReg<T>(p, r);
  } else if (kind == 3) {
    const r = rotl<T>(v, n);
    const c = <u32>r & 1;
    replaceFlags(CF | OF, c | ((c ^ <u32>(r >> <T>(bits - 1))) << 11));
    setReg<T>(p, r);
  } else {
    const r = rotr<T>(v, n);
    const c = <u32>(r >> <T>(bits - 1));
    replaceFlags(CF | OF, c | ((c ^ (<u32>(r >> <T>(bits - 2)) & 1)) << 11));
    setReg<T>(p, r);
  }
}

// @ts-ignore: decorator
@inline function multiply<T>(a: T, b: T): T {
  if (sizeof<T>() == 4) {
    const wide = <i64><i32>a * <i64><i32>b;
    const r = <T>wide;
    setResult<T>(RESULT, r, <i64><i32>wide == wide ? 0 : CF | OF);
    return r;
  }
  return <T>multiply64(<u64>a, <u64>b);
}

function multiply64(a: u64, b: u64): u64 {
  const r = mulU(a, b);
  let h = high;
  if (<i64>a < 0) h -= b;
  if (<i64>b < 0) h -= a;
  setResult<u64>(RESULT, r, h == <u64>(<i64>r >> 63) ? 0 : CF | OF);
  return r;
}

// ── conditions ──

/** 0 o 1 b 2 z 3 be 4 s 5 p 6 l 7 le */
// @ts-ignore: decorator
@inline function holds(cc: u32): bool {
  if (cc == 0) return <bool>overflow();
  if (cc == 1) return load<u8>(F_KIND) == SUB ? load<u64>(F_A) < load<u64>(F_B) : <bool>carry();
  if (cc == 2) return load<u64>(F_A) == load<u64>(F_B);
  if (cc == 3) return load<u8>(F_KIND) == SUB ? load<u64>(F_A) <= load<u64>(F_B) : condition(6);
  if (cc == 4) return load<u8>(F_KIND) != EXPLICIT ? <i64>(load<u64>(F_A) - load<u64>(F_B)) < 0 : <bool>sign();
  if (cc == 5) return <bool>parity();
  if (cc == 6) return load<u8>(F_KIND) == SUB ? load<i64>(F_A) < load<i64>(F_B) : condition(12);
  return load<u8>(F_KIND) == SUB ? load<i64>(F_A) <= load<i64>(F_B) : condition(14);
}

// ── leaving ──

/** The instruction in this record gave up: RIP at it. */
function stopAt(rec: u32, left: i32): i32 {
  store<u64>(CPU + RIP, load<u64>(PAGE_VA) + load<u16>(rec, R_OFF));
  store<u64>(CPU + ICOUNT, load<u64>(DEADLINE) - <u64><i64>left + load<u8>(rec, R_INDEX));
  const why = load<i32>(EXIT);
  if (why == EXIT_FAULT && load<u32>(NON_CANONICAL) && load<u8>(rec, R_MISC) & MISC_STACK) store<u32>(CPU + X_VECTOR, SS);
  return why;
}

/** The same when it was the stack that could not be reached. */
function stopAtStack(rec: u32, left: i32): i32 {
  stackFault();
  return stopAt(rec, left);
}

/** Between two instructions: RIP is set. */
function stopBetween(left: i32): void {
  store<u64>(CPU + ICOUNT, load<u64>(DEADLINE) - <u64><i64>left);
}

/** After a block whose branch went to RIP: the record to go on with; 0: stop, EXIT says why. */
function arrive(left: i32): u32 {
  if (left <= 0) {
    store<u32>(EXIT, EXIT_BUDGET);
    stopBetween(left);
    return 0;
  }
  const rec = lookup();
  if (!rec) stopBetween(left);
  return rec;
}

/** The same for a direct branch, or NEXT (no length, no displacement): goes to its target and links it. */
function depart(rec: u32, left: i32): u32 {
  store<u64>(CPU + RIP, next(rec) + <u64>load<i32>(rec, R_REL));
  if (left <= 0) {
    store<u32>(EXIT, EXIT_BUDGET);
    stopBetween(left);
    return 0;
  }
  const to = follow(rec + R_LINK);
  if (!to) stopBetween(left);
  return to;
}

/** RIP = to, for indirect branches; false: #GP, the branch gave up. */
// @ts-ignore: decorator
@inline function canGo(to: u64): bool {
  if (isCanonical(to)) return true;
  raise(GP, true, 0);
  return false;
}

/** Executes from this record until something stops it. Answers an EXIT_*; RIP and ICOUNT are exact, flags still lazy. */
export function exec(start: u32, budget: i32): i32 {
  let rec: u32 = start;
  let left = budget;
  const tlb = load<u32>(TLB);
  for (;;) {
    switch (<u32>load<u16>(rec, R_OP)) {
      case op.NEXT + 0: {
        left -= load<u8>(rec, R_INDEX);
        const t = load<u32>(rec, R_LINK);
        if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
        rec = depart(rec, left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.LOOKUP + 0: {
        left -= load<u8>(rec, R_INDEX);
        store<u64>(CPU + RIP, load<u64>(PAGE_VA) + load<u16>(rec, R_OFF));
        rec = lookupSlow();
        if (rec) continue;
        stopBetween(left);
        return load<i32>(EXIT);
      }
      case op.CROSS + 0: {
        const to = crossing(rec);
        if (!to) return stopAt(rec, left);
        rec = to;
        continue;
      }
      case op.MICRO_EA + 0: {
        let va = ea(rec);
        if (load<u8>(rec, R_MISC) & 1) va &= 0xffffffff;
        store<u64>(TMP_EA, va + load<u64>(B(rec)));
        rec += RECORD_SIZE;
        continue;
      }
      case op.MICRO_ABS + 0: store<u64>(TMP_EA, load<u64>(rec, R_IMM) + load<u64>(B(rec))); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 0: aluAB<u8>(0, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 1: aluAB<u16>(0, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 2: aluAB<u32>(0, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 3: aluAB<u64>(0, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 4: aluAB<u8>(1, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 5: aluAB<u16>(1, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 6: aluAB<u32>(1, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 7: aluAB<u64>(1, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 8: aluAB<u8>(2, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 9: aluAB<u16>(2, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 10: aluAB<u32>(2, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 11: aluAB<u64>(2, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 12: aluAB<u8>(3, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 13: aluAB<u16>(3, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 14: aluAB<u32>(3, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 15: aluAB<u64>(3, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 16: aluAB<u8>(4, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 17: aluAB<u16>(4, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 18: aluAB<u32>(4, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 19: aluAB<u64>(4, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 20: aluAB<u8>(5, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 21: aluAB<u16>(5, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 22: aluAB<u32>(5, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 23: aluAB<u64>(5, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 24: aluAB<u8>(6, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 25: aluAB<u16>(6, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 26: aluAB<u32>(6, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 27: aluAB<u64>(6, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 28: aluAB<u8>(7, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 29: aluAB<u16>(7, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 30: aluAB<u32>(7, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AB + 31: aluAB<u64>(7, rec); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 0: if (!aluAM<u8>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 1: if (!aluAM<u16>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 2: if (!aluAM<u32>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 3: if (!aluAM<u64>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 4: if (!aluAM<u8>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 5: if (!aluAM<u16>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 6: if (!aluAM<u32>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 7: if (!aluAM<u64>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 8: if (!aluAM<u8>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 9: if (!aluAM<u16>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 10: if (!aluAM<u32>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 11: if (!aluAM<u64>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 12: if (!aluAM<u8>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 13: if (!aluAM<u16>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 14: if (!aluAM<u32>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 15: if (!aluAM<u64>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 16: if (!aluAM<u8>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 17: if (!aluAM<u16>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 18: if (!aluAM<u32>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 19: if (!aluAM<u64>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 20: if (!aluAM<u8>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 21: if (!aluAM<u16>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 22: if (!aluAM<u32>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 23: if (!aluAM<u64>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 24: if (!aluAM<u8>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 25: if (!aluAM<u16>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 26: if (!aluAM<u32>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 27: if (!aluAM<u64>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 28: if (!aluAM<u8>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 29: if (!aluAM<u16>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 30: if (!aluAM<u32>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_AM + 31: if (!aluAM<u64>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 0: if (!aluMB<u8>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 1: if (!aluMB<u16>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 2: if (!aluMB<u32>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 3: if (!aluMB<u64>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 4: if (!aluMB<u8>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 5: if (!aluMB<u16>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 6: if (!aluMB<u32>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 7: if (!aluMB<u64>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 8: if (!aluMB<u8>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 9: if (!aluMB<u16>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 10: if (!aluMB<u32>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 11: if (!aluMB<u64>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 12: if (!aluMB<u8>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 13: if (!aluMB<u16>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 14: if (!aluMB<u32>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 15: if (!aluMB<u64>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 16: if (!aluMB<u8>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 17: if (!aluMB<u16>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 18: if (!aluMB<u32>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 19: if (!aluMB<u64>(4, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 20: if (!aluMB<u8>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 21: if (!aluMB<u16>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 22: if (!aluMB<u32>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 23: if (!aluMB<u64>(5, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 24: if (!aluMB<u8>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 25: if (!aluMB<u16>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 26: if (!aluMB<u32>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 27: if (!aluMB<u64>(6, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 28: if (!aluMB<u8>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 29: if (!aluMB<u16>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 30: if (!aluMB<u32>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.ALU_MB + 31: if (!aluMB<u64>(7, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.TEST_AB + 0: setLogic<u8>(load<u8>(A(rec)) & load<u8>(B(rec))); rec += RECORD_SIZE; continue;
      case op.TEST_AB + 1: setLogic<u16>(load<u16>(A(rec)) & load<u16>(B(rec))); rec += RECORD_SIZE; continue;
      case op.TEST_AB + 2: setLogic<u32>(load<u32>(A(rec)) & load<u32>(B(rec))); rec += RECORD_SIZE; continue;
      case op.TEST_AB + 3: setLogic<u64>(load<u64>(A(rec)) & load<u64>(B(rec))); rec += RECORD_SIZE; continue;
      case op.TEST_MB + 0: {
        const m = readable<u8>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        setLogic<u8>(load<u8>(m) & load<u8>(B(rec)));
        rec += RECORD_SIZE; continue;
      }
      case op.TEST_MB + 1: {
        const m = readable<u16>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        setLogic<u16>(load<u16>(m) & load<u16>(B(rec)));
        rec += RECORD_SIZE; continue;
      }
      case op.TEST_MB + 2: {
        const m = readable<u32>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        setLogic<u32>(load<u32>(m) & load<u32>(B(rec)));
        rec += RECORD_SIZE; continue;
      }
      case op.TEST_MB + 3: {
        const m = readable<u64>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        setLogic<u64>(load<u64>(m) & load<u64>(B(rec)));
        rec += RECORD_SIZE; continue;
      }
      case op.MOV_AB + 0: setReg<u8>(A(rec), load<u8>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOV_AB + 1: setReg<u16>(A(rec), load<u16>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOV_AB + 2: setReg<u32>(A(rec), load<u32>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOV_AB + 3: setReg<u64>(A(rec), load<u64>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOV_AM + 0: if (!movAM<u8>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_AM + 1: if (!movAM<u16>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_AM + 2: if (!movAM<u32>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_AM + 3: if (!movAM<u64>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_MB + 0: if (!movMB<u8>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_MB + 1: if (!movMB<u16>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_MB + 2: if (!movMB<u32>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOV_MB + 3: if (!movMB<u64>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.INC_A + 0: unaryA<u8>(0, rec); rec += RECORD_SIZE; continue;
      case op.INC_A + 1: unaryA<u16>(0, rec); rec += RECORD_SIZE; continue;
      case op.INC_A + 2: unaryA<u32>(0, rec); rec += RECORD_SIZE; continue;
      case op.INC_A + 3: unaryA<u64>(0, rec); rec += RECORD_SIZE; continue;
      case op.DEC_A + 0: unaryA<u8>(1, rec); rec += RECORD_SIZE; continue;
      case op.DEC_A + 1: unaryA<u16>(1, rec); rec += RECORD_SIZE; continue;
      case op.DEC_A + 2: unaryA<u32>(1, rec); rec += RECORD_SIZE; continue;
      case op.DEC_A + 3: unaryA<u64>(1, rec); rec += RECORD_SIZE; continue;
      case op.NEG_A + 0: unaryA<u8>(2, rec); rec += RECORD_SIZE; continue;
      case op.NEG_A + 1: unaryA<u16>(2, rec); rec += RECORD_SIZE; continue;
      case op.NEG_A + 2: unaryA<u32>(2, rec); rec += RECORD_SIZE; continue;
      case op.NEG_A + 3: unaryA<u64>(2, rec); rec += RECORD_SIZE; continue;
      case op.NOT_A + 0: unaryA<u8>(3, rec); rec += RECORD_SIZE; continue;
      case op.NOT_A + 1: unaryA<u16>(3, rec); rec += RECORD_SIZE; continue;
      case op.NOT_A + 2: unaryA<u32>(3, rec); rec += RECORD_SIZE; continue;
      case op.NOT_A + 3: unaryA<u64>(3, rec); rec += RECORD_SIZE; continue;
      case op.INC_M + 0: if (!unaryM<u8>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.INC_M + 1: if (!unaryM<u16>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.INC_M + 2: if (!unaryM<u32>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.INC_M + 3: if (!unaryM<u64>(0, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.DEC_M + 0: if (!unaryM<u8>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.DEC_M + 1: if (!unaryM<u16>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.DEC_M + 2: if (!unaryM<u32>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.DEC_M + 3: if (!unaryM<u64>(1, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NEG_M + 0: if (!unaryM<u8>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NEG_M + 1: if (!unaryM<u16>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NEG_M + 2: if (!unaryM<u32>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NEG_M + 3: if (!unaryM<u64>(2, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NOT_M + 0: if (!unaryM<u8>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NOT_M + 1: if (!unaryM<u16>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NOT_M + 2: if (!unaryM<u32>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.NOT_M + 3: if (!unaryM<u64>(3, rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOVZX_A + 0: store<u64>(A(rec), load<u8>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVZX_A + 1: store<u64>(A(rec), load<u16>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVZX_M + 0: if (!extendM<u8, u64>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOVZX_M + 1: if (!extendM<u16, u64>(rec, tlb)) return stopAt(rec, left); rec += RECORD_SIZE; continue;
      case op.MOVSX_A + 0: store<u64>(A(rec), <u32><i32>load<i8>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVSX_A + 1: store<u64>(A(rec), <i64>load<i8>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVSX_A + 2: store<u64>(A(rec), <u32><i32>load<i16>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVSX_A + 3: store<u64>(A(rec), <i64>load<i16>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVSX_A + 4: store<u64>(A(rec), <i64>load<i32>(B(rec))); rec += RECORD_SIZE; continue;
      case op.MOVSX_M + 0: {
        const m = readable<i8>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        store<u64>(A(rec), <u32><i32>load<i8>(m));
        rec += RECORD_SIZE; continue;
      }
      case op.MOVSX_M + 1: {
        const m = readable<i8>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        store<u64>(A(rec), <i64>load<i8>(m));
        rec += RECORD_SIZE; continue;
      }
      case op.MOVSX_M + 2: {
        const m = readable<i16>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        store<u64>(A(rec), <u32><i32>load<i16>(m));
        rec += RECORD_SIZE; continue;
      }
      case op.MOVSX_M + 3: {
        const m = readable<i16>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        store<u64>(A(rec), <i64>load<i16>(m));
        rec += RECORD_SIZE; continue;
      }
      case op.MOVSX_M + 4: {
        const m = readable<i32>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        store<u64>(A(rec), <i64>load<i32>(m));
        rec += RECORD_SIZE; continue;
      }
      case op.LEA32 + 0: store<u64>(A(rec), <u32>ea(rec)); rec += RECORD_SIZE; continue;
      case op.LEA64 + 0: store<u64>(A(rec), ea(rec)); rec += RECORD_SIZE; continue;
      case op.PUSH_B + 0: {
        const sp = load<u64>(CPU + RSP) - 8;
        const m = writable<u64>(sp, tlb);
        if (!m) return stopAtStack(rec, left);
        store<u64>(m, load<u64>(B(rec)));
        if (m < SLOTS) doneW();
        store<u64>(CPU + RSP, sp);
        rec += RECORD_SIZE;
        continue;
      }
      case op.POP_A + 0: {
        const sp = load<u64>(CPU + RSP);
        const m = readable<u64>(sp, tlb);
        if (!m) return stopAtStack(rec, left);
        store<u64>(CPU + RSP, sp + 8);
        store<u64>(A(rec), load<u64>(m));
        rec += RECORD_SIZE;
        continue;
      }
      case op.CALL + 0: {
        const sp = load<u64>(CPU + RSP) - 8;
        const m = writable<u64>(sp, tlb);
        if (!m) return stopAtStack(rec, left);
        store<u64>(m, next(rec));
        if (m < SLOTS) doneW();
        store<u64>(CPU + RSP, sp);
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        const t = load<u32>(rec, R_LINK);
        if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
        rec = depart(rec, left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.CALL_B + 0: {
        const to = load<u64>(B(rec));
        const sp = load<u64>(CPU + RSP) - 8;
        const m = writable<u64>(sp, tlb);
        if (!m) return stopAtStack(rec, left);
        store<u64>(m, next(rec));
        if (m < SLOTS) doneW();
        // processors have stored by the time they look where it goes
        if (!canGo(to)) return stopAt(rec, left);
        store<u64>(CPU + RSP, sp);
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        store<u64>(CPU + RIP, to);
        rec = arrive(left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.CALL_M + 0: {
        const f = readable<u64>(ea(rec), tlb);
        if (!f) return stopAt(rec, left);
        const to = load<u64>(f);
        const sp = load<u64>(CPU + RSP) - 8;
        const m = writable<u64>(sp, tlb);
        if (!m) return stopAtStack(rec, left);
        store<u64>(m, next(rec));
        if (m < SLOTS) doneW();
        // processors have stored by the time they look where it goes
        if (!canGo(to)) return stopAt(rec, left);
        store<u64>(CPU + RSP, sp);
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        store<u64>(CPU + RIP, to);
        rec = arrive(left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.RET + 0: {
        const sp = load<u64>(CPU + RSP);
        const m = readable<u64>(sp, tlb);
        if (!m) return stopAtStack(rec, left);
        const to = load<u64>(m);
        if (!canGo(to)) return stopAt(rec, left);
        store<u64>(CPU + RSP, sp + 8);
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        store<u64>(CPU + RIP, to);
        rec = arrive(left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.JMP + 0: {
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        const t = load<u32>(rec, R_LINK);
        if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
        rec = depart(rec, left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.JMP_B + 0: {
        const to = load<u64>(B(rec));
        if (!canGo(to)) return stopAt(rec, left);
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        store<u64>(CPU + RIP, to);
        rec = arrive(left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.JMP_M + 0: {
        const f = readable<u64>(ea(rec), tlb);
        if (!f) return stopAt(rec, left);
        const to = load<u64>(f);
        if (!canGo(to)) return stopAt(rec, left);
        left -= <i32>load<u8>(rec, R_INDEX) + 1;
        store<u64>(CPU + RIP, to);
        rec = arrive(left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
      case op.LEAVE + 0: {
        const bp = load<u64>(CPU + RBP);
        const m = readable<u64>(bp, tlb);
        if (!m) return stopAtStack(rec, left);
        store<u64>(CPU + RSP, bp + 8);
        store<u64>(CPU + RBP, load<u64>(m));
        rec += RECORD_SIZE;
        continue;
      }
      case op.JCC + 0: {
        if (holds(0)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 1: {
        if (!holds(0)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 2: {
        if (holds(1)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 3: {
        if (!holds(1)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 4: {
        if (holds(2)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 5: {
        if (!holds(2)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 6: {
        if (holds(3)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 7: {
        if (!holds(3)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 8: {
        if (holds(4)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 9: {
        if (!holds(4)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 10: {
        if (holds(5)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 11: {
        if (!holds(5)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 12: {
        if (holds(6)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 13: {
        if (!holds(6)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 14: {
        if (holds(7)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.JCC + 15: {
        if (!holds(7)) {
          left -= <i32>load<u8>(rec, R_INDEX) + 1;
          const t = load<u32>(rec, R_LINK);
          if (!(t & UNLINKED) && left > 0) { rec = t; continue; }
          rec = depart(rec, left);
          if (rec) continue;
          return load<i32>(EXIT);
        }
        rec += RECORD_SIZE; continue;
      }
      case op.SHL_AI + 0: shiftAI<u32>(0, rec); rec += RECORD_SIZE; continue;
      case op.SHL_AI + 1: shiftAI<u64>(0, rec); rec += RECORD_SIZE; continue;
      case op.SHR_AI + 0: shiftAI<u32>(1, rec); rec += RECORD_SIZE; continue;
      case op.SHR_AI + 1: shiftAI<u64>(1, rec); rec += RECORD_SIZE; continue;
      case op.SAR_AI + 0: shiftAI<u32>(2, rec); rec += RECORD_SIZE; continue;
      case op.SAR_AI + 1: shiftAI<u64>(2, rec); rec += RECORD_SIZE; continue;
      case op.ROL_AI + 0: shiftAI<u32>(3, rec); rec += RECORD_SIZE; continue;
      case op.ROL_AI + 1: shiftAI<u64>(3, rec); rec += RECORD_SIZE; continue;
      case op.ROR_AI + 0: shiftAI<u32>(4, rec); rec += RECORD_SIZE; continue;
      case op.ROR_AI + 1: shiftAI<u64>(4, rec); rec += RECORD_SIZE; continue;
      case op.IMUL_AB + 0: setReg<u32>(A(rec), multiply<u32>(load<u32>(A(rec)), load<u32>(B(rec)))); rec += RECORD_SIZE; continue;
      case op.IMUL_AB + 1: setReg<u64>(A(rec), multiply<u64>(load<u64>(A(rec)), load<u64>(B(rec)))); rec += RECORD_SIZE; continue;
      case op.IMUL_AM + 0: {
        const m = readable<u32>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        setReg<u32>(A(rec), multiply<u32>(load<u32>(A(rec)), load<u32>(m)));
        rec += RECORD_SIZE; continue;
      }
      case op.IMUL_AM + 1: {
        const m = readable<u64>(ea(rec), tlb);
        if (!m) return stopAt(rec, left);
        setReg<u64>(A(rec), multiply<u64>(load<u64>(A(rec)), load<u64>(m)));
        rec += RECORD_SIZE; continue;
      }
      case op.IMUL_ABI + 0: setReg<u32>(A(rec), multiply<u32>(load<u32>(B(rec)), load<u32>(rec, R_IMM))); rec += RECORD_SIZE; continue;
      case op.IMUL_ABI + 1: setReg<u64>(A(rec), multiply<u64>(load<u64>(B(rec)), load<u64>(rec, R_IMM))); rec += RECORD_SIZE; continue;
      case op.SETCC_A + 0: store<u8>(A(rec), condition(load<u8>(rec, R_MISC)) ? 1 : 0); rec += RECORD_SIZE; continue;
      case op.CMOV_AB + 0: store<u64>(A(rec), load<u32>(condition(load<u8>(rec, R_MISC)) ? B(rec) : A(rec))); rec += RECORD_SIZE; continue;
      case op.CMOV_AB + 1: if (condition(load<u8>(rec, R_MISC))) store<u64>(A(rec), load<u64>(B(rec))); rec += RECORD_SIZE; continue;
      case op.BSWAP + 0: store<u64>(A(rec), bswap<u32>(load<u32>(A(rec)))); rec += RECORD_SIZE; continue;
      case op.BSWAP + 1: store<u64>(A(rec), bswap<u64>(load<u64>(A(rec)))); rec += RECORD_SIZE; continue;
      case op.CDQE + 0: store<u64>(CPU + RAX, <i64>load<i32>(CPU + RAX)); rec += RECORD_SIZE; continue;
      case op.CDQ + 0: store<u64>(CPU + RDX, load<i32>(CPU + RAX) < 0 ? 0xffffffff : 0); rec += RECORD_SIZE; continue;
      case op.CQO + 0: store<i64>(CPU + RDX, load<i64>(CPU + RAX) >> 63); rec += RECORD_SIZE; continue;
      case op.MUL64_B + 0: {
        const r = mulU(load<u64>(CPU + RAX), load<u64>(B(rec)));
        store<u64>(CPU + RAX, r);
        store<u64>(CPU + RDX, high);
        setResult<u64>(RESULT, r, high ? CF | OF : 0);
        rec += RECORD_SIZE; continue;
      }
      case op.ENTER + 0: {
        const region = load<u32>(rec - REGION_OF);
        const to = call_indirect<u32>(load<u32>(region, REGION_ENTRY), left);
        left = load<i32>(LEFT);
        store<i32>(REGION_LEFT, left);
        // a region that got nowhere leaves its first instruction to us: it stands in the cell
        rec = to == rec ? region + REGION_CELL : to;
        continue;
      }
      case op.GOTO + 0: rec = load<u32>(rec, R_LINK); continue;
      default: {
        store<i32>(LEFT, left);
        const r = slow(rec);
        left = load<i32>(LEFT);
        if (r == 1) { rec += RECORD_SIZE; continue; }
        if (r == 0) return stopAt(rec, left);
        if (r != 4) left -= <i32>load<u8>(rec, R_INDEX) + 1;
        if (r == 3) {
          stopBetween(left);
          return load<i32>(EXIT);
        }
        rec = arrive(left);
        if (rec) continue;
        return load<i32>(EXIT);
      }
    }
  }
}
