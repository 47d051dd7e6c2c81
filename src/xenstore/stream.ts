/**
 * The transport of a program in dom0: a byte stream (the host's Unix socket). Whoever has the stream brings bytes in
 * any pieces and takes bytes away; whoever breaks the protocol, or leaves more events lying than is decent, is cut off.
 *
 *   const peer = new StreamPeer(xenstored, { write, drop });
 *   peer.receive(chunk)      while `peer.isFull` stop reading: answers wait to be fetched
 *   peer.drained()           `write` had said no, and may be called again
 *   peer.close()             the stream has ended
 */
import { type Connection, resetConnection } from "./connection.ts";
import { Outbox } from "./outbox.ts";
import { encode, PacketParser } from "./wire.ts";
import type { Xenstored } from "./xenstored.ts";

export interface StreamOutput {
  /** False: enough for now; {@link StreamPeer.drained} follows. */
  write(bytes: Uint8Array): boolean;
  /** Ends the stream. */
  drop(): void;
}

/** Bytes of events that may wait for a reader. More, and it is cut off: events left out would be a lie. */
export const STREAM_QUEUE_BYTES = 4 * 1024 * 1024;

const NOTHING = new Uint8Array(0);

export class StreamPeer {
  readonly #xs: Xenstored;
  readonly #output: StreamOutput;
  readonly #connection: Connection;
  readonly #parser = new PacketParser();
  /** Received and not yet looked at. */
  #input: Uint8Array = NOTHING;
  /** `write` said no. */
  #blocked = false;
  #closed = false;

  constructor(xs: Xenstored, output: StreamOutput) {
    this.#xs = xs;
    this.#output = output;
    this.#connection = xs.connect(0, new Outbox(), () => this.#flush());
  }

  /** Requests wait until their answers can be sent: nothing more should be read. */
  get isFull(): boolean {
    return this.#input.length > 0;
  }

  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#input = this.#input.length === 0 ? bytes : joined(this.#input, bytes);
    this.#serve();
  }

  drained(): void {
    this.#blocked = false;
    this.#flush();
    this.#serve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#input = NOTHING;
    resetConnection(this.#connection);
    this.#xs.disconnect(this.#connection);
  }

  #serve(): void {
    while (!this.#closed && !this.#blocked && this.#input.length > 0) {
      const length = Math.min(this.#parser.wants(), this.#input.length);
      const parsed = this.#parser.push(this.#input.subarray(0, length));
      this.#input = this.#input.subarray(length);
      if (parsed === "too long") this.#cutOff();
      else if (parsed !== "more") this.#xs.request(this.#connection, parsed.packet);
    }
  }

  #flush(): void {
    const { outbox } = this.#connection;
    while (!this.#closed && !this.#blocked) {
      const packet = outbox.take();
      if (packet === undefined) return;
      this.#blocked = !this.#output.write(encode(packet));
    }
    if (outbox.bytes > STREAM_QUEUE_BYTES) this.#cutOff();
  }

  #cutOff(): void {
    this.close();
    this.#output.drop();
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
