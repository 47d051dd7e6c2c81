/**
 * The guest's end of a xenstore ring page: messages in order, as room allows. Who waits for an answer is the caller's affair
 * (guests/minios/xenbus.ts); replies carry the request's id, events the id 0.
 */
import type { MappedFrame } from "../../abi/hypercall.ts";
import {
  XENSTORE_REQ_RING,
  XENSTORE_RING_SIZE,
  XENSTORE_RSP_RING,
  xenstoreDomainInterface,
} from "../../abi/io/xs-wire.ts";
import { encode, type Packet, PacketParser } from "../wire.ts";

export { octetsOfText, textOf } from "../octets.ts";
export { outcomeOf, type Packet, stringsOf } from "../wire.ts";

const OFFSET = {
  reqCons: xenstoreDomainInterface.field.req_cons.offset,
  reqProd: xenstoreDomainInterface.field.req_prod.offset,
  rspCons: xenstoreDomainInterface.field.rsp_cons.offset,
  rspProd: xenstoreDomainInterface.field.rsp_prod.offset,
} as const;

export class XsRingClient {
  readonly #frame: MappedFrame;
  readonly #notify: () => void;
  readonly #parser = new PacketParser();
  readonly #waiting: Uint8Array[] = [];

  constructor(frame: MappedFrame, notify: () => void) {
    this.#frame = frame;
    this.#notify = notify;
  }

  send(packet: Packet): void {
    this.#waiting.push(encode(packet));
    this.#flush();
  }

  /** After an event: what has arrived; and room may have come for what waits. */
  receive(): Packet[] {
    const packets: Packet[] = [];
    for (;;) {
      const cons = this.#frame.getUint32(OFFSET.rspCons);
      const filled = (this.#frame.getUint32(OFFSET.rspProd) - cons) >>> 0;
      const at = cons % XENSTORE_RING_SIZE;
      const length = Math.min(filled, this.#parser.wants(), XENSTORE_RING_SIZE - at);
      if (length === 0) break;
      const parsed = this.#parser.push(this.#frame.read(XENSTORE_RSP_RING + at, length));
      this.#frame.setUint32(OFFSET.rspCons, (cons + length) >>> 0);
      this.#notify();
      if (typeof parsed === "object") packets.push(parsed.packet);
    }
    this.#flush();
    return packets;
  }

  #flush(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const prod = this.#frame.getUint32(OFFSET.reqProd);
      const filled = (prod - this.#frame.getUint32(OFFSET.reqCons)) >>> 0;
      const at = prod % XENSTORE_RING_SIZE;
      const length = Math.min(XENSTORE_RING_SIZE - filled, XENSTORE_RING_SIZE - at, next.length);
      if (length <= 0) return;
      this.#frame.write(XENSTORE_REQ_RING + at, next.subarray(0, length));
      this.#frame.setUint32(OFFSET.reqProd, (prod + length) >>> 0);
      this.#notify();
      if (length === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(length);
    }
  }
}
