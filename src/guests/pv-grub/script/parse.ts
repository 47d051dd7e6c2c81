/**
 * The language of grub.cfg (GRUB manual, "Shell-like scripting"), from text to commands. A statement that cannot be understood
 * becomes a fault, and reading goes on with the line behind it, as GRUB does.
 */
import { schedule, type Thread } from "../../minios/threads.ts";
import type { Argument, Block, Command, Part, Word } from "./syntax.ts";

/** Blocks in blocks. */
const DEPTH_MAX = 64;
/** Faults that are kept: behind them nothing is read any more. */
const FAULTS_MAX = 100;
/** Words of a command, or of a for; characters of one of them. */
const WORDS_MAX = 4096;
const WORD_MAX = 64 * 1024;
/** Others have a turn after so many characters. */
const CHARACTERS_PER_TURN = 4096;

const KEYWORDS = [
  "if",
  "then",
  "elif",
  "else",
  "fi",
  "for",
  "in",
  "do",
  "done",
  "while",
  "until",
  "function",
];
const ENDS_WORD = " \t\r\n;{}|&<>";

class SyntaxFault extends Error {
  override readonly name = "SyntaxFault";
}

export function* parseScript(text: string): Thread<readonly Command[]> {
  return yield* new Parser(text).script();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #turnAt = CHARACTERS_PER_TURN;

  constructor(text: string) {
    this.#text = text;
  }

  *script(): Thread<readonly Command[]> {
    const commands: Command[] = [];
    let faults = 0;
    for (;;) {
      this.#skipSeparators();
      if (this.#at >= this.#text.length || faults === FAULTS_MAX) return commands;
      this.#depth = 0;
      try {
        commands.push(yield* this.#command());
        this.#endOfCommand();
      } catch (error) {
        if (!(error instanceof SyntaxFault)) throw error;
        faults++;
        commands.push({ kind: "fault", line: this.#line(), why: error.message });
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      }
    }
  }

  *#command(): Thread<Command> {
    if (++this.#depth > DEPTH_MAX) this.#fault("its blocks are nested too deeply");
    if (this.#at >= this.#turnAt) {
      this.#turnAt = this.#at + CHARACTERS_PER_TURN;
      yield* schedule();
    }
    const command = yield* this.#commandProper();
    this.#depth--;
    return command;
  }

  *#commandProper(): Thread<Command> {
    const keyword = this.#keyword();
    switch (keyword) {
      case "if":
        return yield* this.#if();
      case "for":
        return yield* this.#for();
      case "while":
      case "until": {
        this.#expect(keyword);
        const test = yield* this.#commands(["do"]);
        this.#expect("do");
        const body = yield* this.#commands(["done"]);
        this.#expect("done");
        return { kind: "while", until: keyword === "until", test, body };
      }
      case "function": {
        this.#expect("function");
        const name = plain(this.#word());
        if (name === undefined || name === "") return this.#fault("a function's name is missing");
        this.#skipSeparators();
        return { kind: "function", name, body: (yield* this.#block()).commands };
      }
      case undefined:
        return yield* this.#simple();
      default:
        return this.#fault(`"${keyword}" stands where a command should`);
    }
  }

  *#if(): Thread<Command> {
    const branches: { test: readonly Command[]; body: readonly Command[] }[] = [];
    let otherwise: readonly Command[] = [];
    this.#expect("if");
    for (;;) {
      const test = yield* this.#commands(["then"]);
      this.#expect("then");
      branches.push({ test, body: yield* this.#commands(["elif", "else", "fi"]) });
      const next = this.#keyword();
      this.#expect(next ?? "fi");
      if (next === "elif") continue;
      if (next === "else") {
        otherwise = yield* this.#commands(["fi"]);
        this.#expect("fi");
      }
      return { kind: "if", branches, otherwise };
    }
  }

  *#for(): Thread<Command> {
    this.#expect("for");
    this.#skipBlanks();
    const name = plain(this.#word());
    if (name === undefined || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      return this.#fault("the variable of for is missing");
    this.#expect("in");
    const words: Word[] = [];
    for (this.#skipBlanks(); !this.#isAt("\n;{}|&<>") && this.#at < this.#text.length; this.#skipBlanks())
      if (words.push(this.#word()) > WORDS_MAX) return this.#fault("a for has too many words");
    this.#skipSeparators();
    this.#expect("do");
    const body = yield* this.#commands(["done"]);
    this.#expect("done");
    return { kind: "for", name, words, body };
  }

  *#simple(): Thread<Command> {
    const all: Argument[] = [];
    for (;;) {
      this.#skipBlanks();
      if (this.#at >= this.#text.length || this.#isAt("\n;}")) break;
      if (this.#isAt("|&<>")) return this.#fault(`"${this.#text[this.#at]}" means nothing to GRUB`);
      if (this.#isAt("{")) {
        if (all.length === 0) return this.#fault('"{" stands where a command should');
        all.push({ block: yield* this.#block() });
      } else all.push({ word: this.#word() });
      if (all.length > WORDS_MAX) return this.#fault("a command has too many words");
    }
    if (all.length === 0) return this.#fault(`"${this.#text[this.#at] ?? ""}" stands where a command should`);
    return { kind: "simple", arguments: all };
  }

  *#block(): Thread<Block> {
    this.#skipBlanks();
    if (!this.#isAt("{")) return this.#fault('"{" is missing');
    const from = ++this.#at;
    const commands = yield* this.#commands([]);
    if (!this.#isAt("}")) return this.#fault('"}" is missing at the end of a block');
    return { commands, source: this.#text.slice(from, this.#at++) };
  }

  /** Up to one of these keywords, a "}" or the end. */
  *#commands(ends: readonly string[]): Thread<readonly Command[]> {
    const commands: Command[] = [];
    for (;;) {
      this.#skipSeparators();
      if (this.#at >= this.#text.length || this.#isAt("}")) return commands;
      const keyword = this.#keyword();
      if (keyword !== undefined && ends.includes(keyword)) return commands;
      commands.push(yield* this.#command());
      this.#endOfCommand();
    }
  }

  #endOfCommand(): void {
    this.#skipBlanks();
    if (this.#at < this.#text.length && !this.#isAt("\n;}"))
      this.#fault("a command goes on where it should end");
  }

  /** The keyword that comes next, which is not taken. */
  #keyword(): string | undefined {
    this.#skipBlanks();
    let end = this.#at;
    while (end < this.#text.length && end - this.#at < 9 && !ENDS_WORD.includes(this.#text[end] ?? "")) end++;
    const word = this.#text.slice(this.#at, end);
    return KEYWORDS.includes(word) && (end === this.#text.length || ENDS_WORD.includes(this.#text[end] ?? ""))
      ? word
      : undefined;
  }

  #expect(keyword: string): void {
    if (this.#keyword() !== keyword) this.#fault(`"${keyword}" is missing`);
    this.#at += keyword.length;
  }

  #word(): Word {
    this.#skipBlanks();
    const parts: Part[] = [];
    let text = "";
    let quoted = false;
    const flush = () => {
      if (text !== "" || quoted) parts.push({ kind: "text", text, quoted });
      text = "";
      quoted = false;
    };
    const end = this.#at + WORD_MAX;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? "";
      if (ENDS_WORD.includes(char)) break;
      if (this.#at > end) return this.#fault("a word is too long");
      this.#at++;
      if (char === "\\") {
        const next = this.#text[this.#at++];
        if (next === "\n" || next === undefined) continue;
        flush();
        parts.push({ kind: "text", text: next, quoted: true });
      } else if (char === "'") {
        flush();
        const end = this.#text.indexOf("'", this.#at);
        if (end < 0) return this.#fault("a ' is not closed");
        parts.push({ kind: "text", text: this.#text.slice(this.#at, end), quoted: true });
        this.#at = end + 1;
      } else if (char === '"') {
        flush();
        this.#doubleQuoted(parts);
      } else if (char === "$") {
        const name = this.#variable();
        if (name === undefined) text += char;
        else {
          flush();
          parts.push({ kind: "variable", name, quoted: false });
        }
      } else text += char;
    }
    flush();
    return parts;
  }

  #doubleQuoted(parts: Part[]): void {
    const before = parts.length;
    let text = "";
    const flush = () => {
      if (text !== "") parts.push({ kind: "text", text, quoted: true });
    };
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined) {
        this.#fault('a " is not closed');
      }
      if (char === '"') break;
      if (char === "\\") {
        const next = this.#text[this.#at++] ?? "";
        if (next !== "\n") text += '"$\\'.includes(next) ? next : `\\${next}`;
        continue;
      }
      const name = char === "$" ? this.#variable() : undefined;
      if (name === undefined) text += char;
      else {
        flush();
        text = "";
        parts.push({ kind: "variable", name, quoted: true });
      }
    }
    flush();
    if (parts.length === before) parts.push({ kind: "text", text, quoted: true });
  }

  /** The name behind a "$"; undefined when the "$" is only itself. */
  #variable(): string | undefined {
    const NAME = /([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])|\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])\}/y;
    NAME.lastIndex = this.#at;
    const match = NAME.exec(this.#text);
    if (match === null) return undefined;
    this.#at = NAME.lastIndex;
    return match[1] ?? match[2];
  }

  #skipBlanks(): void {
    for (;;) {
      if (this.#isAt(" \t\r")) this.#at++;
      else if (this.#text.startsWith("\\\n", this.#at)) this.#at += 2;
      else if (this.#isAt("#")) {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else return;
    }
  }

  #skipSeparators(): void {
    for (this.#skipBlanks(); this.#isAt("\n;"); this.#skipBlanks()) this.#at++;
  }

  #isAt(chars: string): boolean {
    return this.#at < this.#text.length && chars.includes(this.#text[this.#at] ?? "");
  }

  #line(): number {
    let line = 1;
    for (let i = this.#text.indexOf("\n"); i >= 0 && i < this.#at; i = this.#text.indexOf("\n", i + 1))
      line++;
    return line;
  }

  #fault(why: string): never {
    throw new SyntaxFault(why);
  }
}

/** The text of a word without quotes and variables. */
function plain(word: Word): string | undefined {
  const [part, ...more] = word;
  return part?.kind === "text" && !part.quoted && more.length === 0 ? part.text : undefined;
}
