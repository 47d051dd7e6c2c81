/**
 * Back end of a PV console: takes what the guest prints out of its ring, and puts what is typed into it.
 *
 * Flow control is the ring's own: while the sink has no room the guest's bytes stay where they are and the guest waits;
 * keys that do not fit wait here. The guest writes the page as it likes: an index that cannot be is taken for an empty
 * (out) or full (in) ring, as xenconsoled does.
 */

import type { MappedFrame } from "../../abi/hypercall.ts";
import {
  XENCONS_IN_RING,
  XENCONS_IN_SIZE,
  XENCONS_OUT_RING,
  XENCONS_OUT_SIZE,
  xenconsInterface,
} from "../../abi/io/console.ts";

const OFFSET = {
  inCons: xenconsInterface.field.in_cons.offset,
  inProd: xenconsInterface.field.in_prod.offset,
  outCons: xenconsInterface.field.out_cons.offset,
  outProd: xenconsInterface.field.out_prod.offset,
} as const;

/** Where a console's output goes. */
export interface ConsoleSink {
  /** False: leave the bytes in the ring; `service` is called when there is room again. */
  hasRoom(): boolean;
  /** Bytes in order; they are the sink's from now on. */
  write(bytes: Uint8Array): void;
  /** The console is gone; nothing follows. */
  close(): void;
}

export interface ConsoleBackOptions {
  readonly frame: MappedFrame;
  /** Tells the guest that indices have moved. */
  readonly notify: () => void;
  readonly sink: ConsoleSink;
  /** Bytes moved: the back end's work. */
  readonly charge: (bytes: number) => void;
}

export class ConsoleBack {
  readonly #frame: MappedFrame;
  readonly #options: ConsoleBackOptions;
  /** Typed, and not in the ring yet. */
  readonly #input: Uint8Array[] = [];
  #closed = false;

  constructor(options: ConsoleBackOptions) {
    this.#options = options;
    this.#frame = options.frame;
  }

  /** The guest sent an event, the sink has room again, or keys came. */
  service(): void {
    if (this.#closed) return;
    const drained = this.#options.sink.hasRoom() && this.#drain();
    const fed = this.#feed();
    if (drained || fed) this.#options.notify();
  }

  input(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#input.push(bytes);
    this.service();
  }

  /** Takes the guest's last words, whether there is room or not, and lets the page go. */
  close(): void {
    if (this.#closed) return;
    this.#drain();
    this.#closed = true;
    this.#options.sink.close();
    this.#frame.unmap();
  }

  #drain(): boolean {
    const cons = this.#frame.getUint32(OFFSET.outCons);
    const prod = this.#frame.getUint32(OFFSET.outProd);
    const filled = (prod - cons) >>> 0;
    if (filled === 0 || filled > XENCONS_OUT_SIZE) return false;
    const bytes = new Uint8Array(filled);
    const at = cons % XENCONS_OUT_SIZE;
    const first = Math.min(filled, XENCONS_OUT_SIZE - at);
    bytes.set(this.#frame.read(XENCONS_OUT_RING + at, first));
    if (filled > first) bytes.set(this.#frame.read(XENCONS_OUT_RING, filled - first), first);
    this.#frame.setUint32(OFFSET.outCons, prod);
    this.#options.charge(filled);
    this.#options.sink.write(bytes);
    return true;
  }

  #feed(): boolean {
    let moved = false;
    for (;;) {
      const next = this.#input[0];
      if (next === undefined) return moved;
      const cons = this.#frame.getUint32(OFFSET.inCons);
      const prod = this.#frame.getUint32(OFFSET.inProd);
      const filled = (prod - cons) >>> 0;
      if (filled >= XENCONS_IN_SIZE) return moved;
      const at = prod % XENCONS_IN_SIZE;
      const length = Math.min(next.length, XENCONS_IN_SIZE - filled, XENCONS_IN_SIZE - at);
      this.#frame.write(XENCONS_IN_RING + at, next.subarray(0, length));
      this.#frame.setUint32(OFFSET.inProd, (prod + length) >>> 0);
      this.#options.charge(length);
      if (length === next.length) this.#input.shift();
      else this.#input[0] = next.subarray(length);
      moved = true;
    }
  }
}
