/** One line of assembly as tokens. */

export type Token =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "string"; readonly bytes: Uint8Array }
  | { readonly kind: "punct"; readonly text: string };

/** A mistake in the source, told to whoever wrote it. Thrown at the token, caught at the line (assemble.ts). */
export class AsmError extends Error {
  override readonly name = "AsmError";
}

const WORD = /^[A-Za-z_.$][A-Za-z0-9_.$]*/;
const NUMBER = /^(0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*)(?![A-Za-z0-9_])/;
const PUNCT = /^(<<|>>|[[\](),:+\-*/%&|^~])/;
const ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  b: 8,
  "0": 0,
  "\\": 92,
  '"': 34,
  "'": 39,
  e: 27,
};

/** `; …` is a comment. Numbers: 12, 0x1f, 0b101, 'c'; `_` may separate digits. Strings: "…" with \n \r \t \b \0 \e \\ \". */
export function lex(line: string): Token[] {
  const out: Token[] = [];
  let rest = line;
  for (;;) {
    rest = rest.trimStart();
    if (rest === "" || rest.startsWith(";")) return out;
    const number = NUMBER.exec(rest)?.[0];
    const word = WORD.exec(rest)?.[0];
    const punct = PUNCT.exec(rest)?.[0];
    if (rest.startsWith('"') || rest.startsWith("'")) {
      const { bytes, length } = quoted(rest);
      if (rest.startsWith('"')) out.push({ kind: "string", bytes });
      else if (bytes.length === 1) out.push({ kind: "number", value: BigInt(bytes[0] ?? 0) });
      else throw new AsmError(`a character constant holds one byte: ${rest.slice(0, length)}`);
      rest = rest.slice(length);
    } else if (number !== undefined) {
      out.push({ kind: "number", value: BigInt(number.replaceAll("_", "")) });
      rest = rest.slice(number.length);
    } else if (word !== undefined) {
      out.push({ kind: "word", text: word });
      rest = rest.slice(word.length);
    } else if (punct !== undefined) {
      out.push({ kind: "punct", text: punct });
      rest = rest.slice(punct.length);
    } else throw new AsmError(`unexpected ${JSON.stringify(rest.slice(0, 10))}`);
  }
}

function quoted(text: string): { bytes: Uint8Array; length: number } {
  const quote = text[0];
  let out = "";
  for (let i = 1; i < text.length; i++) {
    const c = text[i] as string;
    if (c === quote) return { bytes: new TextEncoder().encode(out), length: i + 1 };
    if (c !== "\\") {
      out += c;
      continue;
    }
    const byte = ESCAPES[text[++i] ?? ""];
    if (byte === undefined) throw new AsmError(`unknown escape \\${text[i] ?? ""}`);
    out += String.fromCharCode(byte);
  }
  throw new AsmError(`${quote} without its partner`);
}

/** A line's tokens, taken one after another. */
export class Tokens {
  readonly #tokens: readonly Token[];
  #next = 0;
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }
  get done(): boolean {
    return this.#next >= this.#tokens.length;
  }
  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead];
  }
  take(): Token {
    const token = this.#tokens[this.#next++];
    if (token === undefined) throw new AsmError("the line ends too early");
    return token;
  }
  /** Takes the punctuation mark if it is next. */
  accept(mark: string): boolean {
    const token = this.peek();
    if (token?.kind !== "punct" || token.text !== mark) return false;
    this.#next++;
    return true;
  }
  expect(mark: string): void {
    if (!this.accept(mark))
      throw new AsmError(
        `expected "${mark}"${this.done ? " before the end of the line" : ` before ${show(this.peek())}`}`,
      );
  }
  end(): void {
    if (!this.done) throw new AsmError(`unexpected ${show(this.peek())}`);
  }
}

export function show(token: Token | undefined): string {
  switch (token?.kind) {
    case "word":
    case "punct":
      return JSON.stringify(token.text);
    case "number":
      return token.value.toString();
    case "string":
      return "a string";
    case undefined:
      return "the end of the line";
  }
}
