/** ADD…CMP, TEST, INC, DEC, NEG, NOT: registers and memory. `size`: 0 = 8 bit … 3 = 64. */

import { ADD, DEC, INC } from "../core/flag-kinds.ts";
import { OP } from "./code.ts";
import type { Emitter, Push } from "./emitter.ts";
import { carry, kindWord, setLogic, setResult, setSub } from "./flags.ts";
import { ADD_OR_ADC } from "./known.ts";
import { A, B, FA, FB, FC, KIND, OVER, R } from "./locals.ts";

/** As in the opcode map. */
const ADC = 2;
const SBB = 3;
const CMP = 7;
const LOGIC: Readonly<Record<number, number>> = { 1: OP.i32Or, 4: OP.i32And, 6: OP.i32Xor };

/** Cuts an i32 result to its width. */
function cut(e: Emitter, size: number): void {
  if (size < 2) e.code.i32(size === 0 ? 0xff : 0xffff).op(OP.i32And);
}

/**
 * Computes into the local R; answers how to push the result, undefined for CMP. `setFlags` false: they are dead.
 * Operands may be registers that the result will overwrite: it is not written here.
 */
function alu(e: Emitter, kind: number, size: number, a: Push, b: Push, setFlags: boolean): Push | undefined {
  const { code } = e;
  const local = R(size === 3);
  const result: Push = () => code.get(local);
  const compute = (op: number): void => {
    a();
    b();
    e.op(op, size);
    cut(e, size);
    code.set(local);
  };
  const logic = LOGIC[kind];
  if (logic !== undefined) {
    compute(logic);
    if (setFlags) setLogic(e, size, result);
    return result;
  }
  if (kind === 0) {
    compute(OP.i32Add);
    if (setFlags)
      setResult(e, ADD, size, result, () => {
        a();
        e.extend(size);
      });
    return result;
  }
  if (kind === ADC) return adc(e, size, a, b);
  if (kind === SBB) return sbb(e, size, a, b);
  if (kind === CMP) {
    if (setFlags) setSub(e, size, a, b);
    return undefined;
  }
  compute(OP.i32Sub);
  if (setFlags) setSub(e, size, a, b);
  return result;
}

/** a + b + CF: the kind is ADD or, with a carry, ADC. */
function adc(e: Emitter, size: number, a: Push, b: Push): Push {
  const { code } = e;
  const local = R(size === 3);
  carry(e);
  code.set(OVER);
  a();
  b();
  e.op(OP.i32Add, size);
  code.get(OVER);
  if (size === 3) code.op(OP.extendU);
  e.op(OP.i32Add, size);
  cut(e, size);
  code.set(local);
  a();
  e.extend(size);
  code.set(FC).get(local);
  e.extend(size);
  code.set(FA).i64(0).set(FB);
  code.i32(kindWord(ADD, size)).get(OVER).op(OP.i32Add).set(KIND).i32(0).set(OVER);
  e.known = { kind: ADD_OR_ADC, size, zeroB: true, over: 0, maybeOver: 0 };
  e.flagsWritten = true;
  return () => code.get(local);
}

/** a - b - CF: the kind is SUB or, with a borrow, SBB. */
function sbb(e: Emitter, size: number, a: Push, b: Push): Push {
  const { code } = e;
  const local = R(size === 3);
  carry(e);
  code.set(OVER);
  a();
  b();
  e.op(OP.i32Sub, size);
  code.get(OVER);
  if (size === 3) code.op(OP.extendU);
  e.op(OP.i32Sub, size);
  cut(e, size);
  code.set(local);
  a();
  e.extend(size);
  code.set(FC);
  b();
  e.extend(size);
  code.set(FB).get(local);
  e.extend(size);
  code.get(FC).get(OVER).select().set(FA);
  code.i64(0).get(FB).get(OVER).select().set(FB);
  // SUB is 0, SBB is 3
  code.i32(kindWord(0, size)).get(OVER).i32(3).op(OP.i32Mul, OP.i32Add).set(KIND).i32(0).set(OVER);
  e.known = { kind: undefined, size: 3, zeroB: false, over: 0, maybeOver: 0 };
  e.flagsWritten = true;
  return () => code.get(local);
}

/** Operand values that are used more than once and cost more than a local. */
function keep(e: Emitter, size: number, push: Push, local: number): Push {
  if (size >= 2) return push;
  push();
  e.code.set(local);
  return () => e.code.get(local);
}

export function aluAB(e: Emitter, kind: number, size: number, setFlags: boolean): void {
  const wide = size === 3;
  const { a } = e;
  const left = keep(e, size, () => e.read(a, size), A(wide));
  const right = keep(e, size, e.pushB(size), B(wide));
  const result = alu(e, kind, size, left, right, setFlags);
  if (result === undefined) return;
  result();
  e.write(a, size);
}

export function aluAM(e: Emitter, kind: number, size: number): void {
  const wide = size === 3;
  const { a } = e;
  e.address();
  e.readable(1 << size);
  e.load(size);
  e.code.set(B(wide));
  const left = keep(e, size, () => e.read(a, size), A(wide));
  const result = alu(e, kind, size, left, () => e.code.get(B(wide)), true);
  if (result === undefined) return;
  result();
  e.write(a, size);
}

export function aluMB(e: Emitter, kind: number, size: number): void {
  const wide = size === 3;
  e.address();
  if (kind === CMP) e.readable(1 << size);
  else e.writable(1 << size);
  e.load(size);
  e.code.set(A(wide));
  const right = keep(e, size, e.pushB(size), B(wide));
  const result = alu(e, kind, size, () => e.code.get(A(wide)), right, true);
  if (result !== undefined) e.store(size, result);
}

export function testAB(e: Emitter, size: number, setFlags: boolean): void {
  if (!setFlags) return;
  const { a } = e;
  setLogic(e, size, () => {
    e.read(a, size);
    e.pushB(size)();
    e.op(OP.i32And, size);
  });
}

export function testMB(e: Emitter, size: number): void {
  e.address();
  e.readable(1 << size);
  setLogic(e, size, () => {
    e.load(size);
    e.pushB(size)();
    e.op(OP.i32And, size);
  });
}

/** 0 inc, 1 dec, 2 neg, 3 not: from the operand to the local R; answers the result. */
function unary(e: Emitter, kind: number, size: number, v: Push, setFlags: boolean): Push {
  const { code } = e;
  const local = R(size === 3);
  const result: Push = () => code.get(local);
  if (kind < 2) {
    v();
    e.constant(1, size);
    e.op(kind === 0 ? OP.i32Add : OP.i32Sub, size);
    cut(e, size);
    code.set(local);
    if (setFlags)
      setResult(e, kind === 0 ? INC : DEC, size, result, () => {
        carry(e);
        code.op(OP.extendU);
      });
  } else if (kind === 2) {
    e.constant(0, size);
    v();
    e.op(OP.i32Sub, size);
    cut(e, size);
    code.set(local);
    if (setFlags) setSub(e, size, () => e.constant(0, size), v);
  } else {
    v();
    e.constant(-1, size);
    e.op(OP.i32Xor, size);
    cut(e, size);
    code.set(local);
  }
  return result;
}

export function unaryA(e: Emitter, kind: number, size: number, setFlags: boolean): void {
  const { a } = e;
  const v = keep(e, size, () => e.read(a, size), A(size === 3));
  unary(e, kind, size, v, setFlags)();
  e.write(a, size);
}

export function unaryM(e: Emitter, kind: number, size: number): void {
  const local = A(size === 3);
  e.address();
  e.writable(1 << size);
  e.load(size);
  e.code.set(local);
  e.store(
    size,
    unary(e, kind, size, () => e.code.get(local), true),
  );
}
