/**
 * libxc's progress on a terminal: one line that is written over. Where stderr is none, the lines stand as they come; while
 * a migration is under way they are not shown at all.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { warn } from "../output.ts";

const PROGRESS = /^xc: progress: (.*: (\d+)\/(\d+) {2} *\d+%)$/;

export class ProgressLog {
  readonly #overwrites: boolean;
  readonly #hidden: boolean;
  /** Width of what stands on the line. */
  #width = 0;

  constructor(options: { readonly hidden?: boolean; readonly overwrites?: boolean } = {}) {
    this.#overwrites = options.overwrites ?? isatty(2);
    this.#hidden = options.hidden ?? false;
  }

  line(text: string): void {
    const progress = PROGRESS.exec(text);
    if (progress === null) {
      this.end();
      warn(text);
    } else if (!this.#hidden) {
      if (this.#overwrites) this.#over(progress[1] ?? "", progress[2] === progress[3]);
      else warn(text);
    }
  }

  /** The line is wiped. */
  end(): void {
    if (this.#width === 0) return;
    writeSync(2, `\r${" ".repeat(this.#width)}\r`);
    this.#width = 0;
  }

  #over(what: string, last: boolean): void {
    const text = `xc: ${what}${last ? "\n" : ""}`;
    const rest = this.#width - text.length;
    writeSync(2, `${this.#width > 0 ? "\r" : ""}${text}${rest > 0 ? `${" ".repeat(rest)}\r` : ""}`);
    this.#width = text.length;
  }
}
