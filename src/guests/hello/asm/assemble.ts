/**
 * A small x86-64 assembler: Intel syntax in, sections with fixed addresses out. It knows as much as our own guest needs.
 *
 *   name:            label; `.name:` belongs to the label before it
 *   name equ expr    constant
 *   section .text    .text, .data, .bss; each starts on a page of its own
 *   org expr         virtual address of the first section (before any code)
 *   db dw dd dq …    data; db takes strings.  resb n, align n
 *   entry name       where execution starts
 *   note TYPE, v …   a note of Xen's: strings with their NUL, numbers as 8 bytes
 *
 * Passes repeat until nothing moves; jumps begin short and only ever grow.
 */
import { encode, immediate, isMnemonic, littleEndian, PREFIXES } from "./encode.ts";
import { type Expr, type Lookup, parseExpr } from "./expr.ts";
import { AsmError, lex, show, Tokens } from "./lex.ts";
import { type Operand, parseOperand, register, SIZES, type Size } from "./operand.ts";

const SECTIONS = [".text", ".data", ".bss"] as const;
type SectionName = (typeof SECTIONS)[number];

interface AssembledSection {
  readonly name: SectionName;
  readonly address: bigint;
  /** Empty for .bss. */
  readonly bytes: Uint8Array;
  readonly size: number;
}

export interface Assembled {
  readonly sections: readonly AssembledSection[];
  readonly entry: bigint;
  /** By note type name; in order. */
  readonly notes: readonly { readonly type: string; readonly value: bigint | string }[];
  /** Labels without local ones, in order of definition. */
  readonly symbols: readonly { readonly name: string; readonly address: bigint }[];
}

export interface SourceError {
  readonly line: number;
  readonly message: string;
}

export type AssembleResult =
  | { readonly ok: true; readonly value: Assembled }
  | { readonly ok: false; readonly errors: readonly SourceError[] };

/** What a line does in each pass. */
type Action =
  | { readonly kind: "label" | "entry"; readonly name: string }
  | { readonly kind: "equ"; readonly name: string; readonly expr: Expr }
  | { readonly kind: "section"; readonly name: SectionName }
  | { readonly kind: "org" | "align" | "res"; readonly expr: Expr; readonly unit: number }
  | { readonly kind: "data"; readonly size: Size; readonly items: readonly (Expr | Uint8Array)[] }
  | { readonly kind: "note"; readonly type: string; readonly value: Expr | string }
  | {
      readonly kind: "code";
      readonly prefixes: readonly number[];
      readonly mnemonic: string;
      readonly operands: readonly Operand[];
    };

interface Statement {
  readonly line: number;
  readonly action: Action;
  /** The label that local names belong to here. */
  readonly scope: string;
  far: boolean;
}

const PAGE = 4096n;
const MAX_PASSES = 64;
const MAX_SECTION = 16 << 20;
const DATA: Readonly<Record<string, Size>> = { db: 1, dw: 2, dd: 4, dq: 8 };
const RESERVE: Readonly<Record<string, number>> = { resb: 1, resw: 2, resd: 4, resq: 8 };

export function assemble(source: string): AssembleResult {
  const errors: SourceError[] = [];
  const statements = parse(source, errors);
  if (errors.length > 0) return { ok: false, errors };
  let known = new Map<string, bigint>();
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const run = runPass(statements, known, errors, false);
    if (errors.length > 0) return { ok: false, errors };
    const settled = !run.grew && sameSymbols(known, run.names);
    known = run.names;
    if (!settled) continue;
    const last = runPass(statements, known, errors, true);
    if (errors.length > 0) return { ok: false, errors };
    return { ok: true, value: last.result() };
  }
  return {
    ok: false,
    errors: [{ line: 0, message: "the code does not settle: sizes and addresses keep changing" }],
  };
}

/** `file:line: message` for each, as editors like it. */
export const formatErrors = (file: string, errors: readonly SourceError[]): string =>
  errors.map((error) => `${file}:${error.line}: ${error.message}`).join("\n");

const sameSymbols = (a: ReadonlyMap<string, bigint>, b: ReadonlyMap<string, bigint>): boolean =>
  a.size === b.size && [...b].every(([name, value]) => a.get(name) === value);

/** Runs `act`; a mistake in the source becomes an error of that line. */
function attempt(errors: SourceError[], line: number, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof AsmError)) throw error;
    errors.push({ line, message: error.message });
  }
}

function parse(source: string, errors: SourceError[]): Statement[] {
  const out: Statement[] = [];
  const defined = new Set<string>();
  let scope = "";
  source.split(/\r?\n/).forEach((text, i) => {
    const line = i + 1;
    const push = (action: Action): void => void out.push({ line, action, scope, far: false });
    const define = (name: string): void => {
      if (register(name) !== undefined || isMnemonic(name.toLowerCase()))
        throw new AsmError(`"${name}" is no name: it means something already`);
      if (defined.has(name)) throw new AsmError(`"${name}" is defined twice`);
      defined.add(name);
    };
    attempt(errors, line, () => {
      const tokens = new Tokens(lex(text));
      for (;;) {
        const word = tokens.peek();
        const colon = tokens.peek(1);
        if (word?.kind !== "word" || colon?.kind !== "punct" || colon.text !== ":") break;
        tokens.take();
        tokens.take();
        if (!word.text.startsWith(".")) scope = word.text;
        const name = qualify(word.text, scope);
        define(name);
        push({ kind: "label", name });
      }
      if (!tokens.done) push(parseStatement(tokens, scope, define));
      tokens.end();
    });
  });
  return out;
}

const qualify = (name: string, scope: string): string => (name.startsWith(".") ? scope + name : name);

function parseStatement(tokens: Tokens, scope: string, define: (name: string) => void): Action {
  const first = tokens.take();
  if (first.kind !== "word")
    throw new AsmError(`a line starts with a label, an instruction or a directive, not with ${show(first)}`);
  const next = tokens.peek();
  if (next?.kind === "word" && next.text === "equ") {
    tokens.take();
    const constant = qualify(first.text, scope);
    define(constant);
    return { kind: "equ", name: constant, expr: parseExpr(tokens) };
  }
  const word = first.text.toLowerCase();
  if (Object.hasOwn(DATA, word))
    return { kind: "data", size: DATA[word] as Size, items: list(tokens, dataItem) };
  if (Object.hasOwn(RESERVE, word))
    return { kind: "res", unit: RESERVE[word] as number, expr: parseExpr(tokens) };
  switch (word) {
    case "align":
    case "org":
      return { kind: word, unit: 1, expr: parseExpr(tokens) };
    case "entry":
      return { kind: "entry", name: name(tokens) };
    case "section": {
      const wanted = name(tokens);
      const found = SECTIONS.find((section) => section === wanted);
      if (found === undefined)
        throw new AsmError(`there is no section ${wanted}: only ${SECTIONS.join(", ")}`);
      return { kind: "section", name: found };
    }
    case "note": {
      const type = name(tokens);
      tokens.expect(",");
      const value = dataItem(tokens);
      return {
        kind: "note",
        type,
        value: value instanceof Uint8Array ? new TextDecoder().decode(value) : value,
      };
    }
    default:
      return instruction(tokens, word);
  }
}

function instruction(tokens: Tokens, first: string): Action {
  const prefixes: number[] = [];
  let mnemonic = first;
  while (Object.hasOwn(PREFIXES, mnemonic)) {
    prefixes.push(PREFIXES[mnemonic] as number);
    mnemonic = name(tokens).toLowerCase();
  }
  if (!isMnemonic(mnemonic)) throw new AsmError(`unknown instruction "${mnemonic}"`);
  return { kind: "code", prefixes, mnemonic, operands: tokens.done ? [] : list(tokens, parseOperand) };
}

function name(tokens: Tokens): string {
  const token = tokens.take();
  if (token.kind !== "word") throw new AsmError(`expected a name, not ${show(token)}`);
  return token.text;
}

function list<T>(tokens: Tokens, item: (tokens: Tokens) => T): T[] {
  const out = [item(tokens)];
  while (tokens.accept(",")) out.push(item(tokens));
  return out;
}

function dataItem(tokens: Tokens): Expr | Uint8Array {
  const token = tokens.peek();
  if (token?.kind !== "string") return parseExpr(tokens);
  tokens.take();
  return token.bytes;
}

interface Pass {
  readonly names: Map<string, bigint>;
  readonly grew: boolean;
  result(): Assembled;
}

/** One walk over all statements with the names of the walk before; `final`: unknown names are errors. */
function runPass(
  statements: readonly Statement[],
  known: ReadonlyMap<string, bigint>,
  errors: SourceError[],
  final: boolean,
): Pass {
  const layout = new Layout(known);
  const names = new Map<string, bigint>();
  const symbols: { name: string; address: bigint }[] = [];
  const notes: { type: string; value: bigint | string }[] = [];
  let entry: bigint | undefined;
  let grew = false;
  for (const statement of statements) {
    attempt(errors, statement.line, () => {
      const { action, scope } = statement;
      const here = layout.address;
      const lookup: Lookup = (wanted) => {
        if (wanted === "$") return here;
        if (register(wanted) !== undefined || Object.hasOwn(SIZES, wanted))
          throw new AsmError(`"${wanted}" has no value`);
        const value = names.get(qualify(wanted, scope)) ?? known.get(qualify(wanted, scope));
        if (value === undefined && final) throw new AsmError(`"${wanted}" is not defined`);
        return value ?? here; // not met yet: near, so that jumps begin short
      };
      switch (action.kind) {
        case "label":
          names.set(action.name, here);
          if (!action.name.includes(".")) symbols.push({ name: action.name, address: here });
          return;
        case "equ":
          return void names.set(action.name, action.expr.value(lookup));
        case "entry":
          entry = lookup(action.name);
          return;
        case "section":
          return layout.enter(action.name);
        case "org":
          return layout.org(action.expr.value(lookup));
        case "align":
          return layout.align(action.expr.value(lookup));
        case "res":
          return layout.reserve(action.expr.value(lookup) * BigInt(action.unit));
        case "data":
          for (const item of action.items)
            layout.put(
              item instanceof Uint8Array
                ? spread(item, action.size)
                : immediate(dataValue(item.value(lookup), action.size), action.size, final),
            );
          return;
        case "note":
          notes.push({
            type: action.type,
            value:
              typeof action.value === "string"
                ? action.value
                : BigInt.asUintN(64, action.value.value(lookup)),
          });
          return;
        case "code": {
          const tooFar = (): void => {
            if (!statement.far) grew = true;
            statement.far = true;
          };
          const address = here + BigInt(action.prefixes.length);
          layout.put([
            ...action.prefixes,
            ...encode(action.mnemonic, action.operands, {
              address,
              lookup,
              strict: final,
              far: statement.far,
              tooFar,
            }),
          ]);
        }
      }
    });
  }
  layout.close(names);
  if (final && entry === undefined) errors.push({ line: 0, message: "no entry point: say `entry name`" });
  return { names, grew, result: () => ({ sections: layout.sections(), entry: entry ?? 0n, notes, symbols }) };
}

const dataValue = (value: bigint, size: Size): bigint => (size === 8 ? BigInt.asIntN(64, value) : value);
/** A string in db is its bytes; in wider data each byte takes a unit. */
const spread = (bytes: Uint8Array, size: Size): number[] =>
  [...bytes].flatMap((byte) => littleEndian(BigInt(byte), size));

/** Where the sections stand, and their bytes. A section starts where the one before ended in the pass before. */
class Layout {
  readonly #known: ReadonlyMap<string, bigint>;
  readonly #bytes: Record<SectionName, number[]> = { ".text": [], ".data": [], ".bss": [] };
  #bss = 0;
  #origin = 0n;
  #section: SectionName = ".text";

  constructor(known: ReadonlyMap<string, bigint>) {
    this.#known = known;
  }
  #start(section: SectionName): bigint {
    const at = SECTIONS.indexOf(section);
    let address = this.#origin;
    for (const before of SECTIONS.slice(0, at))
      address = roundUp(address + (this.#known.get(`\0size${before}`) ?? 0n));
    return address;
  }
  #size(section: SectionName): number {
    return section === ".bss" ? this.#bss : this.#bytes[section].length;
  }
  get address(): bigint {
    return this.#start(this.#section) + BigInt(this.#size(this.#section));
  }
  enter(section: SectionName): void {
    this.#section = section;
  }
  org(address: bigint): void {
    if (SECTIONS.some((section) => this.#size(section) > 0))
      throw new AsmError("org must come before any code or data");
    if (address % PAGE !== 0n) throw new AsmError("org must be page aligned");
    this.#origin = address;
  }
  align(to: bigint): void {
    if (to <= 0n || to > PAGE || (to & (to - 1n)) !== 0n)
      throw new AsmError("align takes a power of two up to 4096");
    this.#fill((to - (this.address % to)) % to, this.#section === ".text" ? 0x90 : 0);
  }
  reserve(count: bigint): void {
    if (count < 0n || count > BigInt(MAX_SECTION)) throw new AsmError(`${count} bytes cannot be reserved`);
    this.#fill(count, 0);
  }
  put(bytes: readonly number[]): void {
    if (this.#section === ".bss") throw new AsmError(".bss holds no bytes: only resb and align");
    this.#room(bytes.length);
    this.#bytes[this.#section].push(...bytes);
  }
  #fill(count: bigint, byte: number): void {
    this.#room(Number(count));
    if (this.#section === ".bss") this.#bss += Number(count);
    else for (let i = 0n; i < count; i++) this.#bytes[this.#section].push(byte);
  }
  #room(count: number): void {
    if (this.#size(this.#section) + count > MAX_SECTION)
      throw new AsmError(`${this.#section} grows beyond ${MAX_SECTION} bytes`);
  }
  /** Leaves the sizes to the next pass. */
  close(names: Map<string, bigint>): void {
    for (const section of SECTIONS) names.set(`\0size${section}`, BigInt(this.#size(section)));
  }
  sections(): AssembledSection[] {
    return SECTIONS.map((section) => ({
      name: section,
      address: this.#start(section),
      bytes: Uint8Array.from(section === ".bss" ? [] : this.#bytes[section]),
      size: this.#size(section),
    }));
  }
}

const roundUp = (address: bigint): bigint => ((address + PAGE - 1n) / PAGE) * PAGE;
