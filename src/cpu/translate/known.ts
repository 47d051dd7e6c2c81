/** What is known of the lazy flags (core/flags.ts) while code is generated. */
import { CF, OF } from "../core/flag-kinds.ts";

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
