/** Mini-OS's xenstore client: the ring of its own page, a thread waiting for each answer. */

import type { MappedFrame } from "../../abi/hypercall.ts";
import { XS } from "../../abi/io/xs-wire.ts";
import type { Port } from "../../abi/types.ts";
import type { ProgramStart } from "../../dombuild/program.ts";
import { bug } from "../../lib/absurd.ts";
import type { Nanos } from "../../lib/brand.ts";
import {
  octetsOfText,
  outcomeOf,
  type Packet,
  stringsOf,
  textOf,
  XsRingClient,
} from "../../xenstore/client/ring-client.ts";
import type { MiniOs } from "./kernel.ts";
import { type Thread, WaitQueue, wait } from "./threads.ts";

/** A watch: `changed` waits until something under its path has changed (at once, the first time). */
export interface Watch {
  changed(until?: Nanos): Thread<boolean>;
  cancel(): Thread<void>;
}

/** A request was refused. */
export class XenbusError extends Error {
  override readonly name = "XenbusError";
}

export class Xenbus {
  readonly #os: MiniOs;
  readonly #port: Port;
  readonly #frame: MappedFrame;
  readonly #ring: XsRingClient;
  readonly #answers = new Map<number, Packet>();
  readonly #answered = new WaitQueue();
  readonly #watches = new Map<string, { fired: boolean; readonly queue: WaitQueue; readonly path: string }>();
  #requests = 0;
  #tokens = 0;

  constructor(os: MiniOs, start: ProgramStart) {
    this.#os = os;
    this.#port = start.storePort;
    const frame = os.gate.memory.mapForeign(os.gate.domid, start.storeMfn, "write");
    this.#frame = frame.ok ? frame.value : bug(`mini-os: xenstore page: ${frame.errno}`);
    this.#ring = new XsRingClient(this.#frame, () => void os.gate.evtchn.send(this.#port));
  }

  begin(): void {
    this.#os.onEvent(this.#port, () => this.#receive());
  }

  /** Undefined: no such node. */
  *read(path: string): Thread<string | undefined> {
    const answer = yield* this.#request(XS.READ, `${path}\0`);
    if (!answer.ok && answer.errno === "ENOENT") return undefined;
    return textOf(this.#must(answer, `read ${path}`));
  }

  *directory(path: string): Thread<string[] | undefined> {
    const answer = yield* this.#request(XS.DIRECTORY, `${path}\0`);
    if (!answer.ok && answer.errno === "ENOENT") return undefined;
    return stringsOf(this.#must(answer, `directory ${path}`));
  }

  *write(path: string, value: string): Thread<void> {
    this.#must(yield* this.#request(XS.WRITE, `${path}\0${octetsOfText(value)}`), `write ${path}`);
  }

  /** False: it was not there. */
  *remove(path: string): Thread<boolean> {
    const answer = yield* this.#request(XS.RM, `${path}\0`);
    if (!answer.ok && answer.errno === "ENOENT") return false;
    this.#must(answer, `rm ${path}`);
    return true;
  }

  *watch(path: string): Thread<Watch> {
    const token = `minios-${++this.#tokens}`;
    const record = { fired: false, queue: new WaitQueue(), path };
    this.#watches.set(token, record);
    const set = yield* this.#request(XS.WATCH, `${path}\0${token}\0`);
    if (!set.ok) this.#watches.delete(token);
    this.#must(set, `watch ${path}`);
    const os = this.#os;
    return {
      *changed(until) {
        while (!record.fired) {
          if (until !== undefined && os.now() >= until) return false;
          yield* wait(record.queue, until);
        }
        record.fired = false;
        return true;
      },
      cancel: () => this.#unwatch(token),
    };
  }

  /** Waits until the node says one of these; undefined: it is gone, or time is up. */
  *waitForState(path: string, wanted: (state: number) => boolean, until?: Nanos): Thread<number | undefined> {
    const watch = yield* this.watch(path);
    try {
      for (;;) {
        const said = yield* this.read(path);
        if (said !== undefined && wanted(Number(said))) return Number(said);
        if (!(yield* watch.changed(until))) return undefined;
      }
    } finally {
      yield* watch.cancel();
    }
  }

  /** Before another kernel takes the ring over: nothing of ours is to arrive there. */
  *release(): Thread<void> {
    for (const token of [...this.#watches.keys()]) yield* this.#unwatch(token);
    this.#frame.unmap();
  }

  *#unwatch(token: string): Thread<void> {
    const record = this.#watches.get(token);
    if (record === undefined) return;
    this.#watches.delete(token);
    yield* this.#request(XS.UNWATCH, `${record.path}\0${token}\0`);
  }

  *#request(type: number, payload: string): Thread<ReturnType<typeof outcomeOf>> {
    this.#requests = (this.#requests + 1) >>> 0;
    const reqId = this.#requests;
    this.#ring.send({ type, reqId, txId: 0, payload });
    for (;;) {
      const answer = this.#answers.get(reqId);
      if (answer !== undefined) {
        this.#answers.delete(reqId);
        return outcomeOf(answer);
      }
      yield* wait(this.#answered);
    }
  }

  #must(answer: ReturnType<typeof outcomeOf>, what: string): string {
    if (!answer.ok) throw new XenbusError(`xenbus: ${what}: ${answer.errno}`);
    return answer.value;
  }

  #receive(): void {
    for (const packet of this.#ring.receive()) {
      if (packet.type === XS.WATCH_EVENT) {
        const watch = this.#watches.get(stringsOf(packet.payload)[1] ?? "");
        if (watch === undefined) continue;
        watch.fired = true;
        watch.queue.wake();
      } else {
        this.#answers.set(packet.reqId, packet);
        this.#answered.wake();
      }
    }
  }
}
