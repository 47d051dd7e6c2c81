/**
 * The shapes of a parsed xl.cfg: what {@link ./parser.ts} answers and {@link ./settings.ts} reads.
 *
 * Every scalar is text: `memory=512` and `memory="512"` are the same setting. What a key means is not known here.
 */

/** A place in a config text; lines and columns from 1. */
export interface Span {
  readonly line: number;
  readonly column: number;
}

export type CfgValue =
  | { readonly kind: "string"; readonly text: string; readonly at: Span }
  | { readonly kind: "list"; readonly items: CfgValue[]; readonly at: Span };

/** One assignment. After `+=` the value is the whole: what the key held before, with this appended. */
export interface CfgSetting {
  readonly name: string;
  readonly op: "=" | "+=";
  readonly value: CfgValue;
  readonly at: Span;
}
