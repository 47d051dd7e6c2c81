/**
 * Constant expressions: numbers, names, `$` (this instruction's address), ( ) ~ - * / % + - << >> & ^ |, as in C.
 * Parsed once, evaluated in every pass, because a name's value may only be known in the next.
 */
import { AsmError, show, type Tokens } from "./lex.ts";

/** Names as they stand in this pass. */
export type Lookup = (name: string) => bigint;

export interface Expr {
  /** Holds a name: its value may change between passes, so its size must not be taken from it. */
  readonly symbolic: boolean;
  value(lookup: Lookup): bigint;
}

export const constant = (n: bigint): Expr => ({ symbolic: false, value: () => n });

type Operator = (a: bigint, b: bigint) => bigint;
const divide =
  (how: Operator): Operator =>
  (a, b) => {
    if (b === 0n) throw new AsmError("division by zero");
    return how(a, b);
  };
const shift =
  (how: Operator): Operator =>
  (a, b) => {
    if (b < 0n || b > 64n) throw new AsmError(`a shift by ${b} bits`);
    return how(a, b);
  };

/** From the loosest binding to the tightest. */
const LEVELS: readonly Readonly<Record<string, Operator>>[] = [
  { "|": (a, b) => a | b },
  { "^": (a, b) => a ^ b },
  { "&": (a, b) => a & b },
  { "<<": shift((a, b) => a << b), ">>": shift((a, b) => a >> b) },
  { "+": (a, b) => a + b, "-": (a, b) => a - b },
  { "*": (a, b) => a * b, "/": divide((a, b) => a / b), "%": divide((a, b) => a % b) },
];
/** Index in LEVELS of + and -: memory operands split there. */
export const TERM = 5;

export function parseExpr(tokens: Tokens, level = 0): Expr {
  const operators = LEVELS[level];
  if (operators === undefined) return parseFactor(tokens);
  let left = parseExpr(tokens, level + 1);
  for (;;) {
    const token = tokens.peek();
    const how = token?.kind === "punct" ? operators[token.text] : undefined;
    if (how === undefined) return left;
    tokens.take();
    left = combine(how, left, parseExpr(tokens, level + 1));
  }
}

const combine = (how: Operator, a: Expr, b: Expr): Expr => ({
  symbolic: a.symbolic || b.symbolic,
  value: (lookup) => how(a.value(lookup), b.value(lookup)),
});
export const add = (a: Expr, b: Expr): Expr => combine((x, y) => x + y, a, b);
export const negate = (a: Expr): Expr => ({ symbolic: a.symbolic, value: (lookup) => -a.value(lookup) });

function parseFactor(tokens: Tokens): Expr {
  if (tokens.accept("-")) return negate(parseFactor(tokens));
  if (tokens.accept("+")) return parseFactor(tokens);
  if (tokens.accept("~")) {
    const a = parseFactor(tokens);
    return { symbolic: a.symbolic, value: (lookup) => ~a.value(lookup) };
  }
  if (tokens.accept("(")) {
    const inner = parseExpr(tokens);
    tokens.expect(")");
    return inner;
  }
  const token = tokens.take();
  if (token.kind === "number") return constant(token.value);
  if (token.kind === "word") return { symbolic: true, value: (lookup) => lookup(token.text) };
  throw new AsmError(`expected a number or a name, not ${show(token)}`);
}
