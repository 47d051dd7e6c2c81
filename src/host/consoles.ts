/**
 * The consoles as the outside sees them: for each guest the log file, what was printed before anybody looked, and who is
 * attached. A reader that is slow makes the guest wait:
 *
 *   real  its bytes stay in the ring until there is room.
 *   warp  virtual time stands still instead (`barrier`): no more than OUTSIDE_NANOS pass after something was printed until
 *         every reader has seen it; and what a reader types in answer arrives exactly then. So a run does not depend on
 *         who reads how fast, and a scripted dialogue is the same every time.
 */
import type { Domid } from "../abi/types.ts";
import type { ConsoleSink } from "../devices/console/back.ts";
import { Backlog } from "../devices/console/backlog.ts";
import { Nanos } from "../lib/brand.ts";
import type { LogFile } from "./logs.ts";
import { OUTSIDE_NANOS } from "./outside.ts";
import type { ConsoleAttachment, ConsoleListener } from "./types.ts";

/** Bytes that may wait for one reader. */
const FULL_BYTES = 64 << 10;

interface Chunk {
  readonly bytes: Uint8Array;
  /** When the guest printed it. */
  readonly at: Nanos;
}

/** One reader: gets everything in order, at its own pace. */
class Reader {
  readonly listener: ConsoleListener;
  readonly interactive: boolean;
  /** Chunks one by one, not run together: so that in warp they do not depend on our pace either. */
  readonly #singly: boolean;
  readonly #moved: () => void;
  #queue: Chunk[] = [];
  #queued = 0;
  #pumping = false;
  #ended = false;
  #detached = false;
  /** What the listener is busy with, or was last. */
  #shown: Chunk | undefined;
  #busy = false;

  constructor(listener: ConsoleListener, interactive: boolean, singly: boolean, moved: () => void) {
    this.listener = listener;
    this.interactive = interactive;
    this.#singly = singly;
    this.#moved = moved;
  }

  isFull(): boolean {
    return !this.#detached && this.#queued >= FULL_BYTES;
  }

  /** When the oldest thing was printed that the reader has not seen yet. */
  behindSince(): Nanos | undefined {
    if (this.#detached) return undefined;
    return this.#busy ? this.#shown?.at : this.#queue[0]?.at;
  }

  /** When that was printed which the reader saw last. */
  lastSeen(): Nanos {
    return this.#shown?.at ?? Nanos(0);
  }

  push(bytes: Uint8Array, at: Nanos): void {
    if (this.#detached || bytes.length === 0) return;
    this.#queue.push({ bytes, at });
    this.#queued += bytes.length;
    this.#pump();
  }

  end(): void {
    this.#ended = true;
    this.#pump();
  }

  detach(): void {
    this.#detached = true;
    this.#queue = [];
    this.#queued = 0;
    this.#moved();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#run();
  }

  #next(): Chunk | undefined {
    if (this.#singly || this.#queue.length < 2) return this.#queue.shift();
    const chunks = this.#queue;
    this.#queue = [];
    return { bytes: Buffer.concat(chunks.map((chunk) => chunk.bytes)), at: chunks[0]?.at ?? Nanos(0) };
  }

  /** Never within the model's own slice: a listener may do as it likes. */
  async #run(): Promise<void> {
    await Promise.resolve();
    try {
      for (let chunk = this.#next(); chunk !== undefined && !this.#detached; chunk = this.#next()) {
        this.#shown = chunk;
        this.#busy = true;
        const waits = this.listener.data(chunk.bytes);
        if (waits !== undefined) await waits;
        this.#busy = false;
        const wasFull = this.isFull();
        this.#queued = Math.max(0, this.#queued - chunk.bytes.length);
        if (this.#singly || wasFull) this.#moved();
      }
    } catch {
      this.detach(); // a reader that throws has left
    }
    this.#busy = false;
    this.#pumping = false;
    if (this.#queue.length > 0) this.#pump();
    else if (this.#ended && !this.#detached) {
      this.#detached = true;
      this.listener.end();
    }
  }
}

interface GuestConsole {
  readonly backlog: Backlog;
  readonly readers: Set<Reader>;
  log: LogFile | undefined;
}

export interface ConsolesOptions {
  readonly mode: "real" | "warp";
  readonly now: () => Nanos;
  readonly logFor: (name: string) => LogFile;
  /** Somebody who read this guest's console has got on: there may be room again, or time may go on. */
  readonly moved: (domid: Domid) => void;
  /** Keys for a guest, at a virtual instant (not before now). */
  readonly input: (domid: Domid, bytes: Uint8Array, at: Nanos) => void;
  /** How many people are at its console now. */
  readonly peopleAt: (domid: Domid, count: number) => void;
}

export class Consoles {
  readonly #options: ConsolesOptions;
  readonly #consoles = new Map<Domid, GuestConsole>();

  constructor(options: ConsolesOptions) {
    this.#options = options;
  }

  /** consoled: a guest's console has come up. */
  open(domid: Domid, name: string): ConsoleSink {
    const console = this.#console(domid);
    const log = this.#options.logFor(name);
    console.log = log;
    log.onRoom = () => this.#options.moved(domid);
    const people = this.#peopleAt(console);
    if (people > 0) this.#options.peopleAt(domid, people);
    return {
      hasRoom: () => this.#options.mode === "warp" || !isFull(console),
      write: (bytes) => {
        console.backlog.append(bytes);
        log.append(bytes);
        for (const reader of console.readers) reader.push(bytes, this.#options.now());
      },
      close: () => this.end(domid),
    };
  }

  /** What dom0 itself has to show there before the guest runs. */
  show(domid: Domid, bytes: Uint8Array): void {
    const console = this.#console(domid);
    console.backlog.append(bytes);
    for (const reader of console.readers) reader.push(bytes, this.#options.now());
  }

  attach(domid: Domid, listener: ConsoleListener, interactive: boolean): ConsoleAttachment {
    const console = this.#console(domid);
    const warp = this.#options.mode === "warp";
    const reader = new Reader(listener, interactive, warp, () => this.#options.moved(domid));
    reader.push(console.backlog.bytes(), this.#options.now());
    console.readers.add(reader);
    if (interactive) this.#options.peopleAt(domid, this.#peopleAt(console));
    let attached = true;
    return {
      write: (bytes) => {
        if (!attached) return;
        const now = this.#options.now();
        const due = warp ? Nanos(Math.max(now, reader.lastSeen() + OUTSIDE_NANOS)) : now;
        this.#options.input(domid, bytes.slice(), due);
      },
      detach: () => {
        if (!attached) return;
        attached = false;
        console.readers.delete(reader);
        reader.detach();
        if (interactive && this.#consoles.get(domid) === console) {
          this.#options.peopleAt(domid, this.#peopleAt(console));
        }
      },
    };
  }

  /** The guest is gone. */
  end(domid: Domid): void {
    const console = this.#consoles.get(domid);
    this.#consoles.delete(domid);
    if (console === undefined) return;
    for (const reader of console.readers) reader.end();
  }

  /** What it printed last. */
  backlog(domid: Domid): Uint8Array {
    return this.#consoles.get(domid)?.backlog.bytes() ?? new Uint8Array(0);
  }

  /** Somebody is about to type. */
  hasPeople(): boolean {
    for (const console of this.#consoles.values()) if (this.#peopleAt(console) > 0) return true;
    return false;
  }

  /** Warp: the instant that virtual time must not reach yet, because a reader or a disk is behind. */
  barrier(): Nanos | undefined {
    let first: number | undefined;
    for (const { readers, log } of this.#consoles.values()) {
      if (log?.isFull() === true) return this.#options.now();
      for (const reader of readers) {
        const since = reader.behindSince();
        if (since !== undefined && (first === undefined || since < first)) first = since;
      }
    }
    return first === undefined ? undefined : Nanos(first + OUTSIDE_NANOS);
  }

  endAll(): void {
    for (const domid of [...this.#consoles.keys()]) this.end(domid);
  }

  #console(domid: Domid): GuestConsole {
    const known = this.#consoles.get(domid);
    if (known !== undefined) return known;
    const made: GuestConsole = { backlog: new Backlog(), readers: new Set(), log: undefined };
    this.#consoles.set(domid, made);
    return made;
  }

  #peopleAt({ readers }: GuestConsole): number {
    return [...readers].filter((reader) => reader.interactive).length;
  }
}

const isFull = (console: GuestConsole): boolean =>
  console.log?.isFull() === true || [...console.readers].some((reader) => reader.isFull());
