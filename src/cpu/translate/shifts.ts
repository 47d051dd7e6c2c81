/** Shifts and rotations of registers by a constant; products. `size`: 2 or 3. */

import { CF, OF, RESULT } from "../core/flag-kinds.ts";
import { OP } from "./code.ts";
import type { Emitter, Push } from "./emitter.ts";
import { setOver, setResult } from "./flags.ts";
import { A, A32, B, R, T0, T1, T2, T3 } from "./locals.ts";
import { RAX, RDX } from "./moves.ts";

const OPS = [OP.i32Shl, OP.i32ShrU, OP.i32ShrS, OP.i32Rotl, OP.i32Rotr] as const;

/** 0 shl 1 shr 2 sar 3 rol 4 ror */
export function shiftAI(e: Emitter, kind: number, size: number, setFlags: boolean): void {
  const { code, a } = e;
  const bits = 8 << size;
  const n = Number(e.records.immediate(e.rec));
  const local = R(size === 3);
  /** Bit `at` of what is pushed, as an i32. */
  const bit = (push: Push, at: number): void => {
    push();
    if (at > 0) {
      e.constant(at, size);
      e.op(OP.i32ShrU, size);
    }
    if (size === 3) code.op(OP.wrap);
    code.i32(1).op(OP.i32And);
  };
  const value: Push = () => e.read(a, size);
  const result: Push = () => {
    code.get(local);
  };
  /** CF, and OF if it differs from `other`. */
  const withOverflow = (carry: Push, other: Push): void => {
    carry();
    code.tee(A32);
    other();
    code.get(A32).op(OP.i32Xor).i32(11).op(OP.i32Shl, OP.i32Or);
  };
  value();
  e.constant(n, size);
  e.op(OPS[kind as 0], size);
  code.set(local);
  if (setFlags) {
    const top = bits - 1;
    if (kind === 0)
      setResult(e, RESULT, size, result, () => {
        withOverflow(
          () => bit(value, bits - n),
          () => bit(result, top),
        );
        code.op(OP.extendU);
      });
    else if (kind === 1)
      setResult(e, RESULT, size, result, () => {
        bit(value, n - 1);
        bit(value, top);
        code.i32(11).op(OP.i32Shl, OP.i32Or, OP.extendU);
      });
    else if (kind === 2)
      setResult(e, RESULT, size, result, () => {
        bit(value, n - 1);
        code.op(OP.extendU);
      });
    else
      setOver(e, CF | OF, () =>
        kind === 3
          ? withOverflow(
              () => bit(result, 0),
              () => bit(result, top),
            )
          : withOverflow(
              () => bit(result, top),
              () => bit(result, top - 1),
            ),
      );
  }
  result();
  e.write(a, size);
}

/** Pushes the high half of the unsigned product of two locals; clobbers T0…T3. */
function pushHigh(e: Emitter, x: number, y: number): void {
  const { code } = e;
  const low = (local: number): void => {
    code.get(local).i64(0xffff_ffff).op(OP.i64And);
  };
  const high = (local: number): void => {
    code.get(local).i64(32).op(OP.i64ShrU);
  };
  low(x);
  low(y);
  code.op(OP.i64Mul).set(T0);
  high(x);
  low(y);
  code.op(OP.i64Mul);
  high(T0);
  code.op(OP.i64Add).set(T1);
  low(x);
  high(y);
  code.op(OP.i64Mul);
  low(T1);
  code.op(OP.i64Add).set(T2);
  high(x);
  high(y);
  code.op(OP.i64Mul);
  high(T1);
  code.op(OP.i64Add);
  high(T2);
  code.op(OP.i64Add);
}

/** Signed product of A and B (locals) into R, CF and OF if it does not fit. */
function multiply(e: Emitter, size: number, setFlags: boolean): Push {
  const { code } = e;
  const wide = size === 3;
  const [x, y, r] = [A(wide), B(wide), R(wide)];
  const result: Push = () => {
    code.get(r);
  };
  code.get(x).get(y);
  e.op(OP.i32Mul, size);
  code.set(r);
  if (!setFlags) return result;
  setResult(e, RESULT, size, result, () => {
    if (wide) {
      pushHigh(e, x, y);
      code.set(T3);
      // for negative factors, less the other one
      code.get(T3).get(x).i64(63).op(OP.i64ShrS).get(y).op(OP.i64And, OP.i64Sub);
      code.get(y).i64(63).op(OP.i64ShrS).get(x).op(OP.i64And, OP.i64Sub);
      code.get(r).i64(63).op(OP.i64ShrS, OP.i64Ne);
    } else {
      code.get(x).op(OP.extendS).get(y).op(OP.extendS, OP.i64Mul);
      code.get(r).op(OP.extendS, OP.i64Ne);
    }
    code.i32(CF | OF).op(OP.i32Mul, OP.extendU);
  });
  return result;
}

export function imulAB(e: Emitter, size: number, setFlags: boolean): void {
  const wide = size === 3;
  e.read(e.a, size);
  e.code.set(A(wide));
  e.pushB(size)();
  e.code.set(B(wide));
  multiply(e, size, setFlags)();
  e.write(e.a, size);
}

export function imulAM(e: Emitter, size: number): void {
  const wide = size === 3;
  e.address();
  e.readable(1 << size);
  e.load(size);
  e.code.set(B(wide));
  e.read(e.a, size);
  e.code.set(A(wide));
  multiply(e, size, true)();
  e.write(e.a, size);
}

export function imulABI(e: Emitter, size: number, setFlags: boolean): void {
  const wide = size === 3;
  const imm = e.records.immediate(e.rec);
  e.pushB(size)();
  e.code.set(A(wide));
  if (wide) e.code.i64(imm);
  else e.code.i32(Number(BigInt.asIntN(32, imm)));
  e.code.set(B(wide));
  multiply(e, size, setFlags)();
  e.write(e.a, size);
}

/** RDX:RAX = RAX × B, unsigned. */
export function mul64(e: Emitter, setFlags: boolean): void {
  const { code } = e;
  const [x, y, r] = [A(true), B(true), R(true)];
  e.read(RAX, 3);
  code.set(x);
  e.pushB(3)();
  code.set(y).get(x).get(y).op(OP.i64Mul).set(r);
  pushHigh(e, x, y);
  code.set(T3);
  if (setFlags)
    setResult(
      e,
      RESULT,
      3,
      () => code.get(r),
      () =>
        code
          .get(T3)
          .op(OP.i64Eqz, OP.i32Eqz)
          .i32(CF | OF)
          .op(OP.i32Mul, OP.extendU),
    );
  code.get(r);
  e.write(RAX, 3);
  code.get(T3);
  e.write(RDX, 3);
}
