/** Mini-OS's console: the front end of the PV console's ring. */
import type { MappedFrame } from "../../abi/hypercall.ts";
import {
  XENCONS_IN_RING,
  XENCONS_IN_SIZE,
  XENCONS_OUT_RING,
  XENCONS_OUT_SIZE,
  xenconsInterface,
} from "../../abi/io/console.ts";
import type { Port } from "../../abi/types.ts";
import type { ProgramStart } from "../../dombuild/program.ts";
import { bug } from "../../lib/absurd.ts";
import type { Nanos } from "../../lib/brand.ts";
import type { MiniOs } from "./kernel.ts";
import { type Thread, WaitQueue, wait } from "./threads.ts";

const OFFSET = {
  inCons: xenconsInterface.field.in_cons.offset,
  inProd: xenconsInterface.field.in_prod.offset,
  outCons: xenconsInterface.field.out_cons.offset,
  outProd: xenconsInterface.field.out_prod.offset,
} as const;

/** What a program may have printed that has no room in the ring: beyond it, it should have waited with `drained`. */
const MOST_WAITING = 1 << 20;

export class Console {
  readonly #os: MiniOs;
  readonly #port: Port;
  readonly #frame: MappedFrame;
  /** Printed, and not in the ring yet. */
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  readonly #moved = new WaitQueue();

  constructor(os: MiniOs, start: ProgramStart) {
    this.#os = os;
    this.#port = start.consolePort;
    const frame = os.gate.memory.mapForeign(os.gate.domid, start.consoleMfn, "write");
    this.#frame = frame.ok ? frame.value : bug(`mini-os: console page: ${frame.errno}`);
  }

  begin(): void {
    this.#os.onConsoleEvent(this.#port, () => {
      this.#flush();
      this.#moved.wake();
    });
  }

  /** "\n" becomes "\r\n", as Mini-OS's console does it. Never waits: what does not fit follows when there is room. */
  print(text: string): void {
    this.printRaw(text.replace(/\r?\n/g, "\r\n"));
  }

  /** Throws when more than a MiB waits already. */
  printRaw(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#waitingBytes + bytes.length > MOST_WAITING)
      throw new Error("console: a MiB of output waits for its reader: wait for drained()");
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  /** The end of a program: printed however much waits. */
  printLast(text: string): void {
    const bytes = new TextEncoder().encode(text.replace(/\r?\n/g, "\r\n"));
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  /** All that was printed has been read, or is in the ring. */
  get isDrained(): boolean {
    return this.#waiting.length === 0;
  }

  /** Until all that was printed is in the ring: a program that prints much waits for its reader here. */
  *drained(): Thread<void> {
    while (this.#waiting.length > 0) yield* wait(this.#moved);
  }

  /** What has been typed; waits for it until `until` at most, and answers nothing then. */
  *read(until?: Nanos): Thread<Uint8Array> {
    for (;;) {
      const typed = this.#take();
      if (typed.length > 0) return typed;
      if (until !== undefined && this.#os.now() >= until) return typed;
      yield* wait(this.#moved, until);
    }
  }

  /** A read would not wait. */
  hasTyped(): boolean {
    return this.#frame.getUint32(OFFSET.inProd) !== this.#frame.getUint32(OFFSET.inCons);
  }

  /** Until the reader or the writer has moved on, or `until`. */
  *typed(until?: Nanos): Thread<void> {
    yield* wait(this.#moved, until);
  }

  /** Another kernel takes the page over. */
  release(): void {
    this.#frame.unmap();
  }

  #take(): Uint8Array {
    const cons = this.#frame.getUint32(OFFSET.inCons);
    const filled = Math.min((this.#frame.getUint32(OFFSET.inProd) - cons) >>> 0, XENCONS_IN_SIZE);
    const bytes = new Uint8Array(filled);
    for (let i = 0; i < filled; i++)
      bytes[i] = this.#frame.getUint8(XENCONS_IN_RING + ((cons + i) % XENCONS_IN_SIZE));
    if (filled === 0) return bytes;
    this.#frame.setUint32(OFFSET.inCons, (cons + filled) >>> 0);
    this.#os.gate.evtchn.send(this.#port);
    return bytes;
  }

  #flush(): void {
    let moved = false;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const prod = this.#frame.getUint32(OFFSET.outProd);
      const filled = (prod - this.#frame.getUint32(OFFSET.outCons)) >>> 0;
      const at = prod % XENCONS_OUT_SIZE;
      const length = Math.min(XENCONS_OUT_SIZE - filled, XENCONS_OUT_SIZE - at, next.length);
      if (length <= 0) break;
      this.#frame.write(XENCONS_OUT_RING + at, next.subarray(0, length));
      this.#frame.setUint32(OFFSET.outProd, (prod + length) >>> 0);
      this.#waitingBytes -= length;
      this.#os.gate.charge("byte", length);
      moved = true;
      if (length === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(length);
    }
    if (moved) this.#os.gate.evtchn.send(this.#port);
  }
}
