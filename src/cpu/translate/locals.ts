/** Locals of a region's function. */
import { I32, I64 } from "./code.ts";

/** i32: budget left at the start of the running block (the parameter). */
export const LEFT = 0;
/** i32: TLB set in force. */
export const TLB = 1;
/** i32: record with which the interpreter goes on. */
export const NEXT_RECORD = 2;
/** i32: kind of the flags and shift that is still to be made (core/regions.ts). */
export const KIND = 3;
/** i32: CF and OF that replace the kind's: mask << 16 | values. */
export const OVER = 4;
/** i32 scratch: a TLB entry, a host address, operands of at most 32 bits. */
export const ENTRY = 5;
export const HOST = 6;
export const A32 = 7;
/** i64: rax…r15. */
export const REGISTERS = 10;
/** i64: the flags' operands, not shifted yet (core/flags.ts). */
export const FA = 26;
export const FB = 27;
export const FC = 28;
/** i64 scratch: a virtual address, operands of 64 bits. */
export const VA = 29;
export const A64 = 30;
/** i64: address of the page that the running block starts in. */
export const PAGE = 33;
/** i64 scratch */
export const T0 = 34;
export const T1 = 35;
export const T2 = 36;
export const T3 = 37;

/** Two operands and the result, by width. */
export const A = (wide: boolean): number => (wide ? A64 : A32);
export const B = (wide: boolean): number => A(wide) + 1;
export const R = (wide: boolean): number => A(wide) + 2;

/** As a function's body declares them (without the parameter). */
export const LOCALS: readonly (readonly [count: number, type: number])[] = [
  [9, I32],
  [28, I64],
];
