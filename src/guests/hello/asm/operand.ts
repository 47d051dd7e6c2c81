/** Operands in Intel's order and words: registers, [memory], constants. */

import { add, constant, type Expr, negate, parseExpr, TERM } from "./expr.ts";
import { AsmError, type Tokens } from "./lex.ts";

export type Size = 1 | 2 | 4 | 8;

export interface Register {
  readonly kind: "reg";
  readonly name: string;
  readonly size: Size;
  readonly number: number;
}

export interface Memory {
  readonly kind: "mem";
  /** From `byte`, `word`, `dword`, `qword`; undefined: the other operand says. */
  readonly size: Size | undefined;
  readonly base: Register | undefined;
  readonly index: Register | undefined;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: Expr;
}

export interface Immediate {
  readonly kind: "imm";
  readonly size: Size | undefined;
  readonly expr: Expr;
}

export type Operand = Register | Memory | Immediate;

export const SIZES: Readonly<Record<string, Size>> = { byte: 1, word: 2, dword: 4, qword: 8 };
const CLASSIC = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const LOW_BYTES = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];

const REGISTERS: ReadonlyMap<string, Register> = (() => {
  const out = new Map<string, Register>();
  const add = (name: string, size: Size, number: number): void =>
    void out.set(name, { kind: "reg", name, size, number });
  for (let i = 0; i < 8; i++) {
    const name = CLASSIC[i] as string;
    add(`r${name}`, 8, i);
    add(`e${name}`, 4, i);
    add(name, 2, i);
    add(LOW_BYTES[i] as string, 1, i);
  }
  for (let i = 8; i < 16; i++) {
    add(`r${i}`, 8, i);
    add(`r${i}d`, 4, i);
    add(`r${i}w`, 2, i);
    add(`r${i}b`, 1, i);
  }
  return out;
})();

export const register = (name: string): Register | undefined => REGISTERS.get(name.toLowerCase());

export function parseOperand(tokens: Tokens): Operand {
  const first = tokens.peek();
  let size: Size | undefined;
  if (first?.kind === "word") {
    const found = register(first.text);
    if (found !== undefined) {
      tokens.take();
      return found;
    }
    size = SIZES[first.text.toLowerCase()];
    if (size !== undefined) tokens.take();
    const then = tokens.peek();
    if (size !== undefined && then?.kind === "word" && then.text.toLowerCase() === "ptr") tokens.take();
  }
  if (tokens.accept("[")) return parseMemory(tokens, size);
  return { kind: "imm", size, expr: parseExpr(tokens) };
}

/** After "[": base + index*scale + displacement, in any order. */
function parseMemory(tokens: Tokens, size: Size | undefined): Memory {
  let base: Register | undefined;
  let index: Register | undefined;
  let scale: Memory["scale"] = 1;
  let disp = constant(0n);
  let minus = tokens.accept("-");
  do {
    const token = tokens.peek();
    const found = token?.kind === "word" ? register(token.text) : undefined;
    if (found === undefined) {
      const term = parseExpr(tokens, TERM);
      disp = add(disp, minus ? negate(term) : term);
    } else {
      tokens.take();
      if (minus) throw new AsmError(`${found.name} cannot be subtracted in an address`);
      if (found.size !== 8) throw new AsmError(`an address is made of 64-bit registers, not ${found.name}`);
      if (tokens.accept("*")) {
        if (index !== undefined) throw new AsmError("an address has at most one scaled register");
        index = found;
        scale = scaleOf(tokens);
      } else if (base === undefined) base = found;
      else if (index === undefined) index = found;
      else throw new AsmError("an address has at most two registers");
    }
    minus = tokens.accept("-");
  } while (minus || tokens.accept("+"));
  tokens.expect("]");
  if (index?.number === 4 && scale === 1 && base !== undefined && base.number !== 4)
    [base, index] = [index, base];
  if (index?.number === 4) throw new AsmError("rsp cannot be an index");
  return { kind: "mem", size, base, index, scale, disp };
}

function scaleOf(tokens: Tokens): Memory["scale"] {
  const token = tokens.take();
  if (token.kind === "number") for (const n of [1, 2, 4, 8] as const) if (token.value === BigInt(n)) return n;
  throw new AsmError("a register is scaled by 1, 2, 4 or 8");
}
