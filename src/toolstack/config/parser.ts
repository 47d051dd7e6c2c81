/**
 * Sentences of an xl.cfg: `name = value` and `name += value`, ended by a newline or `;`.
 *
 *   file       := statement* [assignment]
 *   statement  := assignment (NEWLINE | ';') | NEWLINE | ';' | error NEWLINE
 *   assignment := IDENT ('=' | '+=') value
 *   value      := STRING | NUMBER | '[' nl* (value nl* (',' nl* value nl*)* [',' nl*])? ']'
 *
 * xl's parser is made by bison, and its messages show through: which tokens are "expecting", when a second message is
 * held back (three tokens must pass after an error), and that an error right after a whole assignment ends the parse.
 * This parser walks the same states, so its messages are the same. Lists nest on a stack of its own, not on JavaScript's.
 */
import { bug } from "../../lib/absurd.ts";
import type { CfgSetting, CfgValue, Span } from "./grammar.ts";
import { createLexer, type Token, type TokenKind } from "./lexer.ts";

/** By name; of a name that is set twice, the last setting. */
export type Settings = ReadonlyMap<string, CfgSetting>;

export type ParseOutcome =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly messages: readonly string[] };

/** What xl prints once, after the errors, when a bad word began like a Python expression. */
const PYTHON_WARNING = [
  "warning: Config file looks like it contains Python code.",
  "warning:  Arbitrary Python is no longer supported.",
  "warning:  See https://wiki.xen.org/wiki/PythonInXlConfig",
];

/** bison holds messages back until this many tokens have been accepted since the last error. */
const TOKENS_AFTER_ERROR = 3;

/** How deep lists nest before bison's stack of 10,000 is full. */
const MAX_DEPTH = 4996;

type State =
  | { readonly at: "statement" }
  | { readonly at: "name"; readonly name: Token }
  | { readonly at: "operator"; readonly name: Token; readonly op: "=" | "+=" }
  | { readonly at: "list"; readonly name: Token; readonly op: "=" | "+=" }
  | { readonly at: "assigned" }
  | { readonly at: "error" };

/** What a list that is still open waits for. */
type ListState = "item-or-end" | "comma-or-end";

interface OpenList {
  readonly at: Span;
  readonly items: CfgValue[];
  state: ListState;
}

const STATEMENT: State = { at: "statement" };
const ASSIGNED: State = { at: "assigned" };
const ERROR: State = { at: "error" };

/** Parses `text`; `source` is the name that messages carry. */
export function parseConfig(source: string, text: string): ParseOutcome {
  const messages: string[] = [];
  const settings = new Map<string, CfgSetting>();
  const open: OpenList[] = [];
  let failed = false;
  let looksLikePython = false;
  /** Once a line had a bad word, nothing more is said up to its end. */
  let silentUpTo = 0;
  /** Tokens to accept before the next message, counting down. */
  let quiet = 0;

  const say = (word: string, line: number, message: string): void => {
    failed = true;
    if (line <= silentUpTo) return;
    // xl counts the newline that the word itself ends with, and then names the line before.
    const named = word.endsWith("\n") ? line - 1 : line;
    messages.push(`${source}:${named}: config parsing error near ${quote(word)}: ${message}`);
  };

  /** As {@link say}, of a mistake within one token. */
  const sayOnce = (word: string, line: number, message: string): void => {
    say(word, line, message);
    silentUpTo = line;
  };

  const lexer = createLexer(text, {
    lexical(word, line, python) {
      if (word !== undefined) sayOnce(word, line, "lexical error");
      looksLikePython ||= python;
    },
    quoting(word, line, message) {
      if (!failed) sayOnce(word, line, message);
    },
  });

  const unexpected = (token: Token, expecting: string): void => {
    if (quiet === 0) {
      const message = `syntax error, unexpected ${nameOf(token.kind)}, expecting ${expecting}`;
      say(token.text, token.line, message);
    }
    failed = true;
    quiet = TOKENS_AFTER_ERROR;
  };

  const store = (name: Token, op: "=" | "+=", value: CfgValue, near: Token): void => {
    if (failed) return;
    const before = op === "+=" ? settings.get(name.text) : undefined;
    const whole = before === undefined ? value : append(before.value, value);
    if (whole === undefined) sayOnce(near.text, near.line, `can't add [list] to "string" or vice versa`);
    else settings.set(name.text, { name: name.text, op, value: whole, at: name.at });
  };

  const verdict = (): ParseOutcome => {
    if (!failed) return { ok: true, settings };
    if (looksLikePython) messages.push(...PYTHON_WARNING);
    return { ok: false, messages };
  };

  let state: State = STATEMENT;
  for (;;) {
    const token = lexer.next();
    const accept = (next: State): void => {
      if (quiet > 0) quiet--;
      state = next;
    };
    const refuse = (expecting: string): void => {
      unexpected(token, expecting);
      open.length = 0;
      state = ERROR;
    };

    switch (state.at) {
      case "statement":
        if (token.kind === "$end") return verdict();
        if (token.kind === "IDENT") accept({ at: "name", name: token });
        else if (isTerminator(token)) accept(STATEMENT);
        else refuse("$end or IDENT or NEWLINE or ';'");
        break;

      case "name":
        if (token.kind === "=" || token.kind === "+=")
          accept({ at: "operator", name: state.name, op: token.kind });
        else refuse("+= or '='");
        break;

      case "operator":
        if (isScalar(token)) {
          store(state.name, state.op, scalar(token), token);
          accept(ASSIGNED);
        } else if (token.kind === "[") {
          open.push({ at: token.at, items: [], state: "item-or-end" });
          accept({ at: "list", name: state.name, op: state.op });
        } else {
          refuse("STRING or NUMBER or '['");
        }
        break;

      case "list": {
        const list = open.at(-1);
        if (list === undefined) return bug("a list state without an open list");
        if (token.kind === "NEWLINE") {
          accept(state);
        } else if (token.kind === "]") {
          open.pop();
          const value: CfgValue = { kind: "list", items: list.items, at: list.at };
          const outer = open.at(-1);
          if (outer === undefined) {
            store(state.name, state.op, value, token);
            accept(ASSIGNED);
          } else {
            outer.items.push(value);
            outer.state = "comma-or-end";
            accept(state);
          }
        } else if (list.state === "comma-or-end" && token.kind === ",") {
          list.state = "item-or-end";
          accept(state);
        } else if (list.state === "item-or-end" && isScalar(token)) {
          list.items.push(scalar(token));
          list.state = "comma-or-end";
          accept(state);
        } else if (list.state === "item-or-end" && token.kind === "[") {
          if (open.length === MAX_DEPTH) {
            say(token.text, token.line, "memory exhausted");
            return verdict();
          }
          open.push({ at: token.at, items: [], state: "item-or-end" });
          accept(state);
        } else {
          refuse("']'");
        }
        break;
      }

      case "assigned":
        if (token.kind === "$end") return verdict();
        if (!isTerminator(token)) {
          // bison has reduced the whole file by now: nothing is left to resume with.
          unexpected(token, "$end");
          return verdict();
        }
        accept(STATEMENT);
        break;

      case "error":
        break;
    }

    // After an error everything up to the newline is dropped, the offending token too unless it is that newline.
    if (state.at === "error") {
      if (token.kind === "$end") return verdict();
      if (token.kind === "NEWLINE") accept(STATEMENT);
    }
  }
}

const isTerminator = (token: Token): boolean => token.kind === "NEWLINE" || token.kind === ";";

const isScalar = (token: Token): boolean => token.kind === "STRING" || token.kind === "NUMBER";

const scalar = (token: Token): CfgValue => ({ kind: "string", text: token.value ?? "", at: token.at });

/** `before += added`; undefined when one is a list and the other is not. Lists grow in place: `before` is given up. */
function append(before: CfgValue, added: CfgValue): CfgValue | undefined {
  if (before.kind === "string" && added.kind === "string") {
    return { kind: "string", text: before.text + added.text, at: added.at };
  }
  if (before.kind === "list" && added.kind === "list") {
    for (const item of added.items) before.items.push(item);
    return { kind: "list", items: before.items, at: added.at };
  }
  return undefined;
}

/** A token's name in a message: bison keeps the quotes of single characters. */
const nameOf = (kind: TokenKind): string => (/^[=,[\];]$/.test(kind) ? `'${kind}'` : kind);

/** The offending text as xl shows it: without trailing blanks, a bare newline named, and nothing after a NUL. */
function quote(word: string): string {
  const newline = word.endsWith("\n");
  const shown = (newline ? word.slice(0, -1) : word).replace(/[ \t]+$/, "").replace(/\0.*$/s, "");
  return shown === "" && newline ? "<newline>" : `\`${shown}'`;
}
