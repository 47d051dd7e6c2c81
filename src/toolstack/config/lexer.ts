/**
 * Words of an xl.cfg (libxlutil's lexer, as xl-cfg.md §1 records it).
 *
 * `next()` answers one token at a time, so that messages of lexer and parser come in the order in which xl prints them.
 * Text that is no token is reported and skipped; the parser never sees it.
 */
import type { Span } from "./grammar.ts";
import { unquote } from "./quoting.ts";

export type TokenKind =
  | "IDENT"
  | "STRING"
  | "NUMBER"
  | "NEWLINE"
  | "="
  | "+="
  | ","
  | "["
  | "]"
  | ";"
  | "$end";

export interface Token {
  readonly kind: TokenKind;
  /** As written, for messages. */
  readonly text: string;
  /** What a STRING or NUMBER says; undefined for a STRING that could not be unquoted, which was reported. */
  readonly value: string | undefined;
  readonly at: Span;
  /** The line xl knows it by: at the end of the text that of the last token. */
  readonly line: number;
}

export interface LexerReports {
  /** A word that is no token; undefined: nothing is to be said of it. `python`: it looks like that language. */
  lexical(text: string | undefined, line: number, python: boolean): void;
  /** A string whose escapes are wrong. */
  quoting(text: string, line: number, message: string): void;
}

const BLANK = /[ \t]+/y;
const IDENT = /[a-z][._0-9a-z]*/y;
const NUMBER = /[0-9][0-9a-fx]*/y;
const STRING = /'(?:[^'\\\n]|\\[^\n])*'|"(?:[^"\\\n]|\\[^\n])*"/y;
const NEWLINE = /\n|#[^\n]*\n/y;
/** A bad word goes to the next blank; one of a single byte takes the blank, or the newline, with it. */
const REST_OF_BAD_WORD = /[^ \t\n]+|[ \t\n]/y;
const PUNCTUATION: ReadonlySet<string> = new Set(["=", ",", "[", "]", ";"]);
/** First characters of a bad word that xl takes for Python. */
const PYTHON = "+-.():";

export interface Lexer {
  next(): Token;
}

export function createLexer(text: string, reports: LexerReports): Lexer {
  let offset = 0;
  let line = 1;
  let lineStart = 0;
  /** xl names the line of the last token when the text ends too soon. */
  let lastLine = 1;

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    return pattern.exec(text)?.[0];
  };

  const countLine = (): void => {
    line++;
    lineStart = offset;
  };

  const take = (kind: TokenKind, word: string, value?: string): Token => {
    const token = { kind, text: word, value, at: { line, column: offset - lineStart + 1 }, line };
    lastLine = line;
    offset += word.length;
    if (kind === "NEWLINE") countLine();
    return token;
  };

  const end = (): Token => {
    const at = { line, column: offset - lineStart + 1 };
    const token = { kind: "$end" as const, text: text.slice(offset), value: undefined, at, line: lastLine };
    offset = text.length;
    return token;
  };

  /** Reports the bad word at `offset` and steps over it; false at the text's last byte, of which xl says nothing. */
  const skipBadWord = (): boolean => {
    const first = text.charAt(offset);
    const python = PYTHON.includes(first);
    REST_OF_BAD_WORD.lastIndex = offset + 1;
    const isByte = first <= "\x7f";
    const rest = REST_OF_BAD_WORD.exec(text)?.[0] ?? "";
    if (isByte && rest === "") {
      reports.lexical(undefined, line, python);
      return false;
    }
    if (!isByte && /[ \t\n]/.test(rest)) {
      reports.lexical(first, line, python);
      offset += 1;
    } else if (rest === "\n") {
      // xl looks at the newline, which belongs to the next token all the same, and counts a line too many.
      reports.lexical(first + rest, line + 1, python);
      offset += 1;
    } else {
      reports.lexical(first + rest, line, python);
      offset += 1 + rest.length;
    }
    lastLine = line;
    return true;
  };

  return {
    next() {
      for (;;) {
        const blank = match(BLANK);
        if (blank !== undefined) offset += blank.length;
        if (offset >= text.length) return end();

        const ident = match(IDENT);
        if (ident !== undefined) return take("IDENT", ident);
        const number = match(NUMBER);
        if (number !== undefined) return take("NUMBER", number, number);
        const newline = match(NEWLINE);
        if (newline !== undefined) return take("NEWLINE", newline);
        const quoted = match(STRING);
        if (quoted !== undefined && !quoted.includes("\0")) {
          const inner = unquote(quoted);
          if (!inner.ok) reports.quoting(quoted, line, inner.message);
          return take("STRING", quoted, inner.ok ? inner.text : undefined);
        }
        if (text.startsWith("+=", offset)) return take("+=", "+=");
        const first = text.charAt(offset);
        if (PUNCTUATION.has(first)) return take(first as TokenKind, first);

        if (!skipBadWord()) return end();
      }
    },
  };
}
