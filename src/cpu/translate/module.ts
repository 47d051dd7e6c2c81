/** A WebAssembly module of regions: they import the machine's memory and the core's helpers, never its table. */
import { Code, I32, I64 } from "./code.ts";
import { LOCALS } from "./locals.ts";

interface Signature {
  readonly takes: readonly number[];
  readonly gives: readonly number[];
}

const FLAGS = [I64, I64, I64, I32, I32];
const REGION: Signature = { takes: [I32], gives: [I32] };

/** Exports of the core that regions call; a function's number is its place here. */
export const HELPERS = {
  regionRead: { takes: [I64, I32], gives: [I32] },
  regionWrite: { takes: [I64, I32], gives: [I32] },
  regionStep: { takes: [I32, I32], gives: [I32] },
  regionFlags: { takes: FLAGS, gives: [] },
  regionCarry: { takes: FLAGS, gives: [I32] },
  regionCondition: { takes: [...FLAGS, I32], gives: [I32] },
} satisfies Record<string, Signature>;

export type HelperName = keyof typeof HELPERS;
const NAMES = Object.keys(HELPERS) as HelperName[];
export const HELPER = Object.fromEntries(NAMES.map((name, i) => [name, i])) as Record<HelperName, number>;
const TYPES: readonly Signature[] = [...Object.values(HELPERS), REGION];

function section(out: Code, id: number, content: Code): void {
  const bytes = content.bytes();
  out.byte(id).unsigned(bytes.length);
  for (const byte of bytes) out.byte(byte);
}

function name(out: Code, text: string): Code {
  out.unsigned(text.length);
  for (let i = 0; i < text.length; i++) out.byte(text.charCodeAt(i));
  return out;
}

/** The module whose exports "0", "1", … have these bodies. `pages`: of the memory, exactly as it was created. */
export function buildModule(bodies: readonly Uint8Array[], pages: number): Uint8Array {
  const out = new Code();
  out.op(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

  const types = new Code().unsigned(TYPES.length);
  for (const { takes, gives } of TYPES) {
    types
      .byte(0x60)
      .unsigned(takes.length)
      .op(...takes);
    types.unsigned(gives.length).op(...gives);
  }
  section(out, 1, types);

  const imports = new Code().unsigned(NAMES.length + 1);
  NAMES.forEach((helper, i) => {
    name(name(imports, "core"), helper).byte(0).unsigned(i);
  });
  name(name(imports, "core"), "memory").op(2, 1).unsigned(pages).unsigned(pages);
  section(out, 2, imports);

  const functions = new Code().unsigned(bodies.length);
  for (const _ of bodies) functions.unsigned(NAMES.length);
  section(out, 3, functions);

  const exports = new Code().unsigned(bodies.length);
  bodies.forEach((_, i) => {
    name(exports, String(i))
      .byte(0)
      .unsigned(NAMES.length + i);
  });
  section(out, 7, exports);

  const code = new Code().unsigned(bodies.length);
  for (const body of bodies) {
    const head = new Code().unsigned(LOCALS.length);
    for (const [count, type] of LOCALS) head.unsigned(count).byte(type);
    code.unsigned(head.bytes().length + body.length);
    for (const byte of head.bytes()) code.byte(byte);
    for (const byte of body) code.byte(byte);
  }
  section(out, 10, code);
  return out.bytes();
}
