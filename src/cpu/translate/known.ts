/** What is known of the lazy flags (core/flags.ts) while code is generated. */
import { ADC, ADD, CF, DEC, EXPLICIT, INC, OF, RESULT, SBB, SUB } from "../core/flag-kinds.ts";

/** `ADD_OR_ADC`: after ADC, as its carry decides. */
export const ADD_OR_ADC = 16;

export interface Known {
  /** undefined: any */
  readonly kind: number | undefined;
  /** Width of the operands FA, FB, FC; meaningless if the kind is not known. */
  readonly size: number;
  /** FB is 0. */
  readonly zeroB: boolean;
  /** Of CF and OF: those that OVER certainly replaces, and those that it may replace. */
  readonly over: number;
  readonly maybeOver: number;
}

export const UNKNOWN: Known = { kind: undefined, size: 3, zeroB: false, over: 0, maybeOver: CF | OF };

export function same(a: Known, b: Known): boolean {
  return (
    a.kind === b.kind &&
    a.size === b.size &&
    a.zeroB === b.zeroB &&
    a.over === b.over &&
    a.maybeOver === b.maybeOver
  );
}

/** What holds after both. */
export function meet(a: Known, b: Known): Known {
  const agree = a.kind === b.kind && a.size === b.size;
  return {
    kind: agree ? a.kind : undefined,
    size: agree ? a.size : 3,
    zeroB: a.zeroB && b.zeroB,
    over: a.over & b.over,
    maybeOver: a.maybeOver | b.maybeOver,
  };
}

export { ADC, ADD, CF, DEC, EXPLICIT, INC, OF, RESULT, SBB, SUB };
