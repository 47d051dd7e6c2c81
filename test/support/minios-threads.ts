/** Runs one thread of Mini-OS alone: its console is a terminal, its clock stands until it waits for nothing else. */

import { type Thread, WaitQueue, wait } from "../../src/guests/minios/threads.ts";
import type { ScreenIo } from "../../src/guests/pv-grub/screen/screen.ts";
import { Nanos } from "../../src/lib/brand.ts";
import { Terminal } from "./terminal.ts";

const STEPS_MAX = 100_000;

export class ThreadBench {
  readonly terminal: Terminal;
  /** All that was sent. */
  sent = "";
  #now = 0;
  #typed: Uint8Array[] = [];
  readonly #queue = new WaitQueue();
  #thread: Thread<unknown> | undefined;
  #until: Nanos | undefined;
  #ended = false;
  result: unknown;
  readonly io: ScreenIo = {
    write: (text) => {
      this.sent += text;
      this.terminal.write(text);
    },
    read: (until) => this.#read(until),
    drained: function* () {},
    now: () => Nanos(this.#now),
  };

  constructor(rows = 24, columns = 80) {
    this.terminal = new Terminal(rows, columns);
  }

  *#read(until?: Nanos): Thread<Uint8Array> {
    for (;;) {
      const typed = this.#typed.shift();
      if (typed !== undefined) return typed;
      if (until !== undefined && this.#now >= until) return new Uint8Array();
      yield* wait(this.#queue, until);
    }
  }

  start(thread: Thread<unknown>): this {
    this.#thread = thread;
    this.#run();
    return this;
  }

  /** Typed at once, as the console's ring hands it over. */
  type(text: string | Uint8Array): this {
    this.#typed.push(typeof text === "string" ? new TextEncoder().encode(text) : text);
    this.#run();
    // A lone Escape is one only after a while.
    if (text === "\u001b") this.pass(0.05);
    return this;
  }

  /** Lets so many seconds pass. */
  pass(seconds: number): this {
    const end = this.#now + Math.round(seconds * 1e9);
    while (!this.#ended && this.#until !== undefined && this.#until <= end) {
      this.#now = Math.max(this.#now, this.#until);
      this.#run();
    }
    this.#now = end;
    return this;
  }

  get ended(): boolean {
    return this.#ended;
  }

  #run(): void {
    for (let step = 0; step < STEPS_MAX && !this.#ended; step++) {
      const next = this.#thread?.next();
      if (next === undefined) return;
      if (next.done === true) {
        this.#ended = true;
        this.result = next.value;
        return;
      }
      if (next.value.wait === "schedule") continue;
      this.#until = next.value.until;
      if (this.#typed.length === 0) return;
    }
    if (!this.#ended) throw new Error("the thread does not stop");
  }
}
