/**
 * The consoles as the outside sees them: for each guest the log file, what was printed before anybody looked, and who is
 * attached. A reader that is slow makes the guest wait: in `real` its bytes stay in the ring; in `warp` virtual time stands
 * still instead (`isHeldUp`), so that a run does not depend on who reads how fast.
 */

import type { Domid } from "../abi/types.ts";
import type { ConsoleSink } from "../devices/console/back.ts";
import { Backlog } from "../devices/console/backlog.ts";
import type { LogFile } from "./logs.ts";
import type { ConsoleAttachment, ConsoleListener } from "./types.ts";

/** Bytes that may wait for one reader. */
const FULL_BYTES = 64 << 10;

/** One reader: gets everything in order, at its own pace. */
class Reader {
  readonly listener: ConsoleListener;
  readonly interactive: boolean;
  readonly #roomAgain: () => void;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #pumping = false;
  #ended = false;
  #detached = false;

  constructor(listener: ConsoleListener, interactive: boolean, roomAgain: () => void) {
    this.listener = listener;
    this.interactive = interactive;
    this.#roomAgain = roomAgain;
  }

  isFull(): boolean {
    return !this.#detached && this.#queued >= FULL_BYTES;
  }

  push(bytes: Uint8Array): void {
    if (this.#detached || bytes.length === 0) return;
    this.#queue.push(bytes);
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
    this.#roomAgain();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#run();
  }

  /** Never within the model's own slice: a listener may do as it likes. */
  async #run(): Promise<void> {
    await Promise.resolve();
    try {
      while (this.#queue.length > 0 && !this.#detached) {
        const bytes = this.#queue.length === 1 ? this.#queue[0] : Buffer.concat(this.#queue);
        this.#queue = [];
        if (bytes === undefined) break;
        await this.listener.data(bytes);
        const wasFull = this.isFull();
        this.#queued = Math.max(0, this.#queued - bytes.length);
        if (wasFull && !this.isFull()) this.#roomAgain();
      }
    } catch {
      this.detach(); // a reader that throws has left
    }
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
  readonly logFor: (name: string) => LogFile;
  /** There is room again for this guest's bytes. */
  readonly roomAgain: (domid: Domid) => void;
  /** Keys for a guest. */
  readonly input: (domid: Domid, bytes: Uint8Array) => void;
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
    log.onRoom = () => this.#options.roomAgain(domid);
    const people = this.#peopleAt(console);
    if (people > 0) this.#options.peopleAt(domid, people);
    return {
      hasRoom: () => this.#options.mode === "warp" || !isFull(console),
      write: (bytes) => {
        console.backlog.append(bytes);
        log.append(bytes);
        for (const reader of console.readers) reader.push(bytes);
      },
      close: () => this.end(domid),
    };
  }

  attach(domid: Domid, listener: ConsoleListener, interactive: boolean): ConsoleAttachment {
    const console = this.#console(domid);
    const reader = new Reader(listener, interactive, () => this.#options.roomAgain(domid));
    reader.push(console.backlog.bytes());
    console.readers.add(reader);
    if (interactive) this.#options.peopleAt(domid, this.#peopleAt(console));
    let attached = true;
    return {
      write: (bytes) => {
        if (attached) this.#options.input(domid, bytes.slice());
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

  /** A reader or a disk is behind: in warp, virtual time waits for it. */
  isHeldUp(): boolean {
    if (this.#options.mode === "real") return false;
    for (const console of this.#consoles.values()) if (isFull(console)) return true;
    return false;
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
