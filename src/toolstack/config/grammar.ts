/** Placeholder until the config room stands: the shapes that others see. */

/** A place in a config text; lines and columns from 1. */
export interface Span {
  readonly line: number;
  readonly column: number;
}

export type CfgValue =
  | { readonly kind: "string"; readonly text: string; readonly at: Span }
  | { readonly kind: "list"; readonly items: readonly CfgValue[]; readonly at: Span };

export interface CfgSetting {
  readonly name: string;
  readonly op: "=" | "+=";
  readonly value: CfgValue;
  readonly at: Span;
}
