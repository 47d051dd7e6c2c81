/**
 * PV-GRUB's screen over a serial-like console: either a whole picture ({@link Screen.show}) or lines that scroll
 * ({@link Screen.print}), and the keys. The terminal is never asked anything: one that does not answer, or that is
 * narrower, does no harm. What is typed before it is asked for waits in the console's ring.
 */
import { Nanos } from "../../../lib/brand.ts";
import type { Thread } from "../../minios/threads.ts";
import type { Terminal } from "../menu.ts";
import { COLUMNS, difference, type Grid } from "./grid.ts";
import { KeyDecoder } from "./keys.ts";
import { type LineOptions, readLine } from "./line.ts";
import { cut, harmless } from "./width.ts";

/** The console that the screen is drawn on. */
export interface ScreenIo {
  write(text: string): void;
  /** What was typed; waits until `until` at most, and answers nothing then. */
  read(until?: Nanos): Thread<Uint8Array>;
  /** All that was written has gone out. */
  drained(): Thread<void>;
  now(): Nanos;
}

/** A lone Escape is told from the beginning of another key by what follows within this time. */
const ESCAPE_NANOS = 50_000_000;
/** Bytes that may be printed before somebody waits: an endless script prints no more than this. */
const PRINTED_MAX = 1024 * 1024;
const CONTROLS = /[\p{Cc}\p{Cs}]/gu;

export class Screen implements Terminal {
  readonly #io: ScreenIo;
  readonly #keys = new KeyDecoder();
  /** What the terminal shows; undefined: lines. */
  #shown: Grid | undefined;
  #printed = 0;
  /** Nothing stands on the line that the next text goes to. */
  isAtLineStart = true;

  constructor(io: ScreenIo) {
    this.#io = io;
  }

  now(): Nanos {
    return this.#io.now();
  }

  /** Shows this picture. */
  show(picture: Grid): void {
    const bytes = difference(this.#shown, picture);
    if (bytes !== "") this.#write(bytes);
    this.#shown = picture;
  }

  /** Lines from now on. The first clears the screen when there was a picture. */
  print(text: string): void {
    if (this.#shown !== undefined) this.clear();
    const shown = text.replace(CONTROLS, (char) =>
      char === "\n" ? "\r\n" : char === "\t" ? "\t" : char === "\r" ? "" : `^${caret(char)}`,
    );
    this.#write(shown);
    if (shown !== "") this.isAtLineStart = shown.endsWith("\n");
  }

  /** On a line of its own that is empty, in place of what was noted there before. */
  note(text: string): void {
    this.#write(`\r${cut(harmless(text), COLUMNS - 1)}\x1b[K${text === "" ? "" : "\r"}`);
  }

  clear(): void {
    this.#shown = undefined;
    this.isAtLineStart = true;
    this.#write("\x1b[0m\x1b[?25h\x1b[H\x1b[2J");
  }

  /** For line editing alone: these bytes as they are. */
  send(bytes: string): void {
    this.#write(bytes);
  }

  *key(until?: Nanos): Thread<string | undefined> {
    let late = false;
    for (;;) {
      const key = this.#keys.next(late);
      if (key !== undefined) return key;
      this.#printed = 0;
      const soon = this.#keys.isUnfinished() ? Nanos(this.now() + ESCAPE_NANOS) : undefined;
      const bytes = yield* this.#io.read(soon ?? until);
      if (bytes.length > 0) this.#keys.push(bytes);
      else if (soon !== undefined) late = true;
      else if (until !== undefined && this.now() >= until) return undefined;
    }
  }

  *line(prompt: string, secret: boolean): Thread<string | undefined> {
    return yield* this.ask({ prompt, secret });
  }

  *ask(options: LineOptions): Thread<string | undefined> {
    if (this.#shown !== undefined) this.clear();
    return yield* readLine(this, options);
  }

  /** Until all that was printed has gone out. */
  *flush(): Thread<void> {
    yield* this.#io.drained();
    this.#printed = 0;
  }

  #write(text: string): void {
    if (this.#printed > PRINTED_MAX) return;
    this.#printed += text.length;
    this.#io.write(text);
  }
}

const caret = (char: string): string =>
  char === "\u007f" ? "?" : String.fromCharCode((char.charCodeAt(0) & 31) + 64);
