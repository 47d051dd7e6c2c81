/**
 * The transport of a guest: its xenstore ring page (docs/misc/xenstore-ring.txt).
 *
 * The guest writes the page as it likes, at any time between our runs. Each shared index is read once a step and checked
 * before use; a page that breaks the rules is given up for good, with the reason in its `error` word. An answer that
 * does not fit waits in the outbox; a guest that leaves its answers lying is not read from.
 */

import type { MappedFrame } from "../abi/hypercall.ts";
import {
  XENSTORE_CONNECTED,
  XENSTORE_ERROR_NONE,
  XENSTORE_ERROR_PROTO,
  XENSTORE_ERROR_RINGIDX,
  XENSTORE_RECONNECT,
  XENSTORE_REQ_RING,
  XENSTORE_RING_SIZE,
  XENSTORE_RSP_RING,
  XENSTORE_SERVER_FEATURE_ERROR,
  XENSTORE_SERVER_FEATURE_RECONNECTION,
  xenstoreDomainInterface,
} from "../abi/io/xs-wire.ts";
import { type Connection, resetConnection } from "./connection.ts";
import { encode, type Packet, PacketParser } from "./wire.ts";

const OFFSET = {
  reqCons: xenstoreDomainInterface.field.req_cons.offset,
  reqProd: xenstoreDomainInterface.field.req_prod.offset,
  rspCons: xenstoreDomainInterface.field.rsp_cons.offset,
  rspProd: xenstoreDomainInterface.field.rsp_prod.offset,
  features: xenstoreDomainInterface.field.server_features.offset,
  connection: xenstoreDomainInterface.field.connection.offset,
  error: xenstoreDomainInterface.field.error.offset,
} as const;

export interface RingOptions {
  readonly frame: MappedFrame;
  /** Tells the guest that indices have moved. */
  readonly notify: () => void;
  readonly request: (packet: Packet) => void;
  /** Answers waiting beyond which nothing is read. */
  readonly outstanding: () => number;
}

export class DomainRing {
  readonly #frame: MappedFrame;
  readonly #options: RingOptions;
  #parser = new PacketParser();
  /** The message at the front of the outbox as bytes, and how many of them are in the ring already. */
  #sending: Uint8Array | undefined;
  #sent = 0;
  #connection: Connection | undefined;
  #state: "open" | "broken" | "closed" = "open";

  constructor(options: RingOptions) {
    this.#options = options;
    this.#frame = options.frame;
  }

  /** A fresh page for a domain that has just been introduced (or introduced again). */
  open(connection: Connection): void {
    this.#connection = connection;
    this.#frame.setUint32(
      OFFSET.features,
      XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR,
    );
    this.#frame.setUint32(OFFSET.error, XENSTORE_ERROR_NONE);
    this.#restart();
  }

  get isBroken(): boolean {
    return this.#state === "broken";
  }

  /** The guest has sent an event: takes its requests and gives it what waits, as far as room allows. */
  service(): void {
    if (this.#state !== "open") return;
    if (this.#frame.getUint32(OFFSET.connection) === XENSTORE_RECONNECT) {
      this.#restart();
      this.#options.notify();
      return;
    }
    // Ends: the guest does not run meanwhile, so each step uses up what one of its rings holds.
    let moved = false;
    for (;;) {
      const took = this.#take();
      const gave = this.#give();
      moved = moved || took || gave;
      if (!took && !gave) break;
    }
    if (moved) this.#options.notify();
  }

  /** Something new is in the outbox. */
  flush(): void {
    if (this.#give()) this.#options.notify();
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    if (this.#connection !== undefined) resetConnection(this.#connection);
    this.#frame.unmap();
  }

  #restart(): void {
    if (this.#connection !== undefined) resetConnection(this.#connection);
    this.#parser = new PacketParser();
    this.#sending = undefined;
    for (const index of [OFFSET.reqCons, OFFSET.reqProd, OFFSET.rspCons, OFFSET.rspProd]) {
      this.#frame.setUint32(index, 0);
    }
    this.#frame.setUint32(OFFSET.connection, XENSTORE_CONNECTED);
  }

  #giveUp(error: number): void {
    this.#state = "broken";
    this.#frame.setUint32(OFFSET.error, error);
    this.#sending = undefined;
    if (this.#connection !== undefined) resetConnection(this.#connection);
  }

  /** Reads one message or a part of it; true when bytes moved. */
  #take(): boolean {
    if (this.#state !== "open" || this.#connection === undefined) return false;
    if (this.#connection.outbox.answers >= this.#options.outstanding()) return false;
    const cons = this.#frame.getUint32(OFFSET.reqCons);
    const prod = this.#frame.getUint32(OFFSET.reqProd);
    const filled = (prod - cons) >>> 0;
    if (filled > XENSTORE_RING_SIZE) {
      this.#giveUp(XENSTORE_ERROR_RINGIDX);
      return false;
    }
    const at = cons % XENSTORE_RING_SIZE;
    const length = Math.min(filled, this.#parser.wants(), XENSTORE_RING_SIZE - at);
    if (length === 0) return false;
    const parsed = this.#parser.push(this.#frame.read(XENSTORE_REQ_RING + at, length));
    this.#frame.setUint32(OFFSET.reqCons, (cons + length) >>> 0);
    if (parsed === "too long") this.#giveUp(XENSTORE_ERROR_PROTO);
    else if (parsed !== "more") this.#options.request(parsed.packet);
    return true;
  }

  /** Writes as much of the outbox as there is room for; true when bytes moved. */
  #give(): boolean {
    let moved = false;
    while (this.#state === "open" && this.#connection !== undefined) {
      const { outbox } = this.#connection;
      if (this.#sending === undefined) {
        const next = outbox.peek();
        if (next === undefined) break;
        this.#sending = encode(next);
        this.#sent = 0;
      }
      const cons = this.#frame.getUint32(OFFSET.rspCons);
      const prod = this.#frame.getUint32(OFFSET.rspProd);
      const filled = (prod - cons) >>> 0;
      if (filled > XENSTORE_RING_SIZE) {
        this.#giveUp(XENSTORE_ERROR_RINGIDX);
        break;
      }
      const at = prod % XENSTORE_RING_SIZE;
      const left = this.#sending.length - this.#sent;
      const length = Math.min(XENSTORE_RING_SIZE - filled, XENSTORE_RING_SIZE - at, left);
      if (length === 0) break;
      this.#frame.write(XENSTORE_RSP_RING + at, this.#sending.subarray(this.#sent, this.#sent + length));
      this.#frame.setUint32(OFFSET.rspProd, (prod + length) >>> 0);
      this.#sent += length;
      moved = true;
      if (this.#sent === this.#sending.length) {
        this.#sending = undefined;
        outbox.take();
      }
    }
    return moved;
  }
}
