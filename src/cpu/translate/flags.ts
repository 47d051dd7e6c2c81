/** Lazy flags in locals: setting them, and asking them for a condition. */

import { ADD, CF, DEC, EXPLICIT, INC, OF, SBB, SUB } from "../core/flag-kinds.ts";
import { MEM, OP, typed } from "./code.ts";
import type { Emitter, Push } from "./emitter.ts";
import { ADD_OR_ADC, type Known } from "./known.ts";
import { FA, FB, FC, KIND, OVER } from "./locals.ts";
import { HELPER } from "./module.ts";

/** What KIND says of flags set from operands of this size: their shift is still to be made. */
export function kindWord(kind: number, size: number): number {
  const shift = 64 - (8 << size);
  return kind | (shift << 8) | (shift << 16);
}

function setKind(e: Emitter, kind: number, size: number, zeroB: boolean): void {
  e.code.i32(kindWord(kind, size)).set(KIND).i32(0).set(OVER);
  e.known = { kind, size, zeroB, over: 0, maybeOver: 0 };
  e.flagsWritten = true;
}

/** After a - b. */
export function setSub(e: Emitter, size: number, a: Push, b: Push): void {
  a();
  e.extend(size);
  e.code.set(FA);
  b();
  e.extend(size);
  e.code.set(FB);
  setKind(e, SUB, size, false);
}

/** After AND, OR, XOR, TEST. */
export function setLogic(e: Emitter, size: number, result: Push): void {
  result();
  e.extend(size);
  e.code.set(FA).i64(0).set(FB);
  setKind(e, SUB, size, true);
}

/** As core/flags.ts: result and, of an i64, first operand, old CF or the flags themselves. */
export function setResult(e: Emitter, kind: number, size: number, result: Push, c: Push): void {
  c();
  e.code.set(FC);
  result();
  e.extend(size);
  e.code.set(FA).i64(0).set(FB);
  setKind(e, kind, size, true);
}

/** CF and OF are replaced; values as an i32 in their places. */
export function setOver(e: Emitter, mask: number, values: Push): void {
  const { known } = e;
  if (known.maybeOver & ~mask) {
    // what stays replaced
    e.code
      .get(OVER)
      .i32(~(mask | (mask << 16)))
      .op(OP.i32And);
    values();
    e.code.op(OP.i32Or);
  } else values();
  e.code
    .i32(mask << 16)
    .op(OP.i32Or)
    .set(OVER);
  e.known = { ...known, over: known.over | mask, maybeOver: known.maybeOver | mask };
  e.flagsWritten = true;
}

/** All flags of memory are those in force (a helper has set them). */
export function loadFlags(e: Emitter, at: { a: number; b: number; c: number; kind: number }): void {
  const { code } = e;
  code.i32(0).memory(MEM.i64Load, at.a).set(FA);
  code.i32(0).memory(MEM.i64Load, at.b).set(FB);
  code.i32(0).memory(MEM.i64Load, at.c).set(FC);
  code.i32(0).memory(MEM.i32Load, at.kind).set(KIND);
  code.i32(0).set(OVER);
  e.known = { kind: undefined, size: 3, zeroB: false, over: 0, maybeOver: 0 };
}

export function pushAll(e: Emitter): void {
  e.code.get(FA).get(FB).get(FC).get(KIND).get(OVER);
}

// ── asking ──

const SIGNED = { lt: OP.i32LtS, le: OP.i32LeS } as const;

/** Pushes an operand of the flags as an i32 or, of 64 bits, i64. */
function operand(e: Emitter, local: number, size: number): void {
  e.code.get(local);
  if (size !== 3) e.code.op(OP.wrap);
}

/** The same with its sign in the top bit. */
function signedOperand(e: Emitter, local: number, size: number): void {
  operand(e, local, size);
  if (size < 2) e.code.i32(32 - (8 << size)).op(OP.i32Shl);
}

function compare(e: Emitter, op: number, known: Known): void {
  const { size } = known;
  operand(e, FA, size);
  if (known.zeroB && op === OP.i32Eq) {
    e.op(OP.i32Eqz, size);
    return;
  }
  if (known.zeroB) e.constant(0, size);
  else operand(e, FB, size);
  e.op(op, size);
}

function compareSigned(e: Emitter, op: number, known: Known): void {
  signedOperand(e, FA, known.size);
  if (known.zeroB) e.constant(0, known.size);
  else signedOperand(e, FB, known.size);
  e.op(op, known.size);
}

function flag(e: Emitter, bit: number): void {
  e.code.get(FC).op(OP.wrap);
  if (bit > 0) e.code.i32(bit).op(OP.i32ShrU);
  e.code.i32(1).op(OP.i32And);
}

/** Pushes the difference (or result) with its sign in the top bit: i32, or i64 of 64 bits. */
function difference(e: Emitter, known: Known): void {
  const { size } = known;
  operand(e, FA, size);
  if (!known.zeroB) {
    operand(e, FB, size);
    e.op(OP.i32Sub, size);
  }
  if (size < 2) e.code.i32(32 - (8 << size)).op(OP.i32Shl);
}

function zero(e: Emitter): void {
  const { known, code } = e;
  if (known.kind !== undefined) compare(e, OP.i32Eq, known);
  else code.get(FA).get(FB).op(OP.i64Eq);
}

function canSign(known: Known): boolean {
  return known.kind !== undefined;
}

function sign(e: Emitter): void {
  const { known } = e;
  if (known.kind === EXPLICIT) flag(e, 7);
  else {
    difference(e, known);
    e.constant(0, known.size);
    e.op(OP.i32LtS, known.size);
  }
}

function parity(e: Emitter): void {
  const { known, code } = e;
  if (known.kind === EXPLICIT) {
    flag(e, 2);
    return;
  }
  operand(e, FA, known.size);
  if (!known.zeroB) {
    operand(e, FB, known.size);
    e.op(OP.i32Sub, known.size);
  }
  if (known.size === 3) code.op(OP.wrap);
  code.i32(0xff).op(OP.i32And, OP.i32Popcnt).i32(1).op(OP.i32And, OP.i32Eqz);
}

/** Can CF be asked without help? */
function canCarry(known: Known): boolean {
  return (
    (known.over & CF) !== 0 || (known.kind !== undefined && !(known.maybeOver & CF) && known.kind !== SBB)
  );
}

function knownCarry(e: Emitter): void {
  const { known, code } = e;
  if (known.over & CF) {
    code.get(OVER).i32(CF).op(OP.i32And);
    return;
  }
  switch (known.kind) {
    case SUB:
      if (known.zeroB) code.i32(0);
      else compare(e, OP.i32LtU, known);
      return;
    case ADD:
      code.get(FA).get(FC).op(OP.i64LtU);
      return;
    case ADD_OR_ADC:
      // ADC differs from ADD by bit 1
      code.get(FA).get(FC).op(OP.i64LtU).get(FA).get(FC).op(OP.i64Eq);
      code.get(KIND).i32(1).op(OP.i32ShrU, OP.i32And, OP.i32Or);
      return;
    default:
      flag(e, 0);
  }
}

/** Pushes CF as an i32, 0 or 1. */
export function carry(e: Emitter): void {
  if (canCarry(e.known)) knownCarry(e);
  else {
    pushAll(e);
    e.code.call(HELPER.regionCarry);
  }
}

function canOverflow(known: Known): boolean {
  if (known.over & OF) return true;
  if (known.maybeOver & OF) return false;
  return known.kind !== undefined && known.kind !== ADD_OR_ADC;
}

function overflow(e: Emitter): void {
  const { known, code } = e;
  const { size } = known;
  if (known.over & OF) {
    code.get(OVER).i32(11).op(OP.i32ShrU).i32(1).op(OP.i32And);
    return;
  }
  const top = (): void => {
    if (size === 3) code.i64(63).op(OP.i64ShrU, OP.wrap);
    else
      code
        .i32((8 << size) - 1)
        .op(OP.i32ShrU)
        .i32(1)
        .op(OP.i32And);
  };
  const [xor, and, sub] = [OP.i32Xor, OP.i32And, OP.i32Sub].map((op) => typed(op, size === 3)) as [
    number,
    number,
    number,
  ];
  const push = (local: number): void => operand(e, local, size);
  switch (known.kind) {
    case SUB:
      if (known.zeroB) {
        code.i32(0);
        return;
      }
      // (a ^ b) & (a ^ (a - b))
      push(FA);
      push(FB);
      code.op(xor);
      push(FA);
      push(FA);
      push(FB);
      code.op(sub, xor, and);
      top();
      return;
    case ADD:
      // (c ^ a) & ((a - c) ^ a)
      push(FC);
      push(FA);
      code.op(xor);
      push(FA);
      push(FC);
      code.op(sub);
      push(FA);
      code.op(xor, and);
      top();
      return;
    case INC:
    case DEC: {
      const bits = 8n << BigInt(size);
      const at = (1n << (bits - 1n)) - (known.kind === DEC ? 1n : 0n);
      code.get(FA).i64(at).op(OP.i64Eq);
      return;
    }
    default:
      flag(e, 11);
  }
}

/** Pushes condition `cc` (0…15, as in Jcc) as an i32, 0 or 1. */
export function condition(e: Emitter, cc: number): void {
  const { known, code } = e;
  const plain = known.kind === SUB && known.maybeOver === 0;
  const negate = (cc & 1) !== 0;
  let asked = true;
  switch (cc >> 1) {
    case 0:
      if (canOverflow(known)) overflow(e);
      else asked = false;
      break;
    case 1:
      if (canCarry(known)) knownCarry(e);
      else asked = false;
      break;
    case 2:
      zero(e);
      break;
    case 3:
      if (plain && !known.zeroB) compare(e, OP.i32LeU, known);
      else if (canCarry(known)) {
        zero(e);
        knownCarry(e);
        code.op(OP.i32Or);
      } else asked = false;
      break;
    case 4:
      if (canSign(known)) sign(e);
      else asked = false;
      break;
    case 5:
      if (canSign(known)) parity(e);
      else asked = false;
      break;
    default: {
      const orEqual = cc >> 1 === 7;
      if (plain) compareSigned(e, orEqual ? SIGNED.le : SIGNED.lt, known);
      else if (canSign(known) && canOverflow(known)) {
        sign(e);
        overflow(e);
        code.op(OP.i32Xor);
        if (orEqual) {
          zero(e);
          code.op(OP.i32Or);
        }
      } else asked = false;
    }
  }
  if (asked) {
    if (negate) code.op(OP.i32Eqz);
    return;
  }
  pushAll(e);
  code.i32(cc).call(HELPER.regionCondition);
}
