/** The guest's half of a xenstore ring, as a kernel drives it, for tests. */
import {
  XENSTORE_REQ_RING,
  XENSTORE_RING_SIZE,
  XENSTORE_RSP_RING,
  xenstoreDomainInterface,
} from "../../src/abi/io/xs-wire.ts";
import { encode, type Packet, PacketParser } from "../../src/xenstore/wire.ts";
import type { FakeFrame } from "../support/fake-gate.ts";

const { req_cons, req_prod, rsp_cons, rsp_prod } = xenstoreDomainInterface.field;

export class GuestRing {
  readonly frame: FakeFrame;
  readonly #parser = new PacketParser();
  #out: number[] = [];

  constructor(frame: FakeFrame) {
    this.frame = frame;
  }

  queue(packet: Packet): void {
    this.#out.push(...encode(packet));
  }

  /** Bytes not yet in the ring. */
  get queued(): number {
    return this.#out.length;
  }

  /** Writes at most `most` bytes of what is queued; how many went. */
  push(most = Number.POSITIVE_INFINITY): number {
    const cons = this.frame.getUint32(req_cons.offset);
    let prod = this.frame.getUint32(req_prod.offset);
    const room = XENSTORE_RING_SIZE - ((prod - cons) >>> 0);
    const bytes = this.#out.splice(0, Math.min(room, most));
    for (const byte of bytes) {
      this.frame.setUint8(XENSTORE_REQ_RING + (prod % XENSTORE_RING_SIZE), byte);
      prod = (prod + 1) >>> 0;
    }
    this.frame.setUint32(req_prod.offset, prod);
    return bytes.length;
  }

  /** Reads at most `most` bytes; whole messages found. */
  pull(most = Number.POSITIVE_INFINITY): Packet[] {
    let cons = this.frame.getUint32(rsp_cons.offset);
    const prod = this.frame.getUint32(rsp_prod.offset);
    const found: Packet[] = [];
    for (let left = most; left > 0 && cons !== prod; left--) {
      const byte = this.frame.getUint8(XENSTORE_RSP_RING + (cons % XENSTORE_RING_SIZE));
      cons = (cons + 1) >>> 0;
      const parsed = this.#parser.push(Uint8Array.of(byte));
      if (typeof parsed === "object") found.push(parsed.packet);
    }
    this.frame.setUint32(rsp_cons.offset, cons);
    return found;
  }

  /** Moves all four indices to `at`, as after that many bytes both ways. */
  startAt(at: number): void {
    for (const index of [req_cons, req_prod, rsp_cons, rsp_prod]) this.frame.setUint32(index.offset, at);
  }
}
