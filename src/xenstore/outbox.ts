/**
 * Messages that wait for a peer, in order. Answers are never dropped: a peer that does not fetch them is not read from.
 * Events are: one that already waits in the same words is not said twice, and a guest's may not pile up without end.
 */
import { XENSTORE_PAYLOAD_MAX, XS, xsdSockmsg } from "../abi/io/xs-wire.ts";
import type { Packet } from "./wire.ts";

export class Outbox {
  readonly #queue: Packet[] = [];
  readonly #byteLimit: number;
  /** Payloads of the events that wait. */
  readonly #events = new Set<string>();
  #bytes = 0;
  #answers = 0;

  /** Limit in bytes for events. */
  constructor(byteLimit = Number.POSITIVE_INFINITY) {
    this.#byteLimit = byteLimit;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** What waits, headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Answers that wait (one being sent counts until it is taken). */
  get answers(): number {
    return this.#answers;
  }

  push(packet: Packet): void {
    const size = xsdSockmsg.size + packet.payload.length;
    if (packet.type === XS.WATCH_EVENT) {
      if (packet.payload.length > XENSTORE_PAYLOAD_MAX) return; // no peer would take it
      // @introduceDomain and @releaseDomain are said as often as they happen.
      if (!packet.payload.startsWith("@")) {
        if (this.#events.has(packet.payload)) return;
        if (this.#bytes + size > this.#byteLimit) return;
        this.#events.add(packet.payload);
      }
    } else {
      this.#answers++;
    }
    this.#bytes += size;
    this.#queue.push(packet);
  }

  /** The message at the front; it stays until {@link take}. */
  peek(): Packet | undefined {
    return this.#queue[0];
  }

  take(): Packet | undefined {
    const packet = this.#queue.shift();
    if (packet === undefined) return undefined;
    this.#bytes -= xsdSockmsg.size + packet.payload.length;
    if (packet.type === XS.WATCH_EVENT) this.#events.delete(packet.payload);
    else this.#answers--;
    return packet;
  }

  clear(): void {
    this.#queue.length = 0;
    this.#events.clear();
    this.#bytes = 0;
    this.#answers = 0;
  }
}
