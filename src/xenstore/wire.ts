/**
 * Messages as bytes: `encode`, and a parser that takes bytes in pieces of any size.
 *
 *   parser.wants()            how many bytes it can use now (never beyond the message under way)
 *   parser.push(bytes)        "more" | "too long" (the peer broke the protocol: give it up) | a whole message
 */
import { XENSTORE_PAYLOAD_MAX, XS, XSD_ERRORS, type XsErrno, xsdSockmsg } from "../abi/io/xs-wire.ts";
import { bytesOf, type Octets, octetsOf } from "./octets.ts";
import type { XsResult } from "./outcome.ts";

export interface Packet {
  /** XS_*, or whatever number a peer sent. */
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly payload: Octets;
}

export function encode(packet: Packet): Uint8Array {
  const bytes = new Uint8Array(xsdSockmsg.size + packet.payload.length);
  xsdSockmsg.write(new DataView(bytes.buffer), 0, {
    type: packet.type,
    req_id: packet.reqId,
    tx_id: packet.txId,
    len: packet.payload.length,
  });
  bytes.set(bytesOf(packet.payload), xsdSockmsg.size);
  return bytes;
}

/** The answer to `request`, errors by name: the one place where they are put into words. */
export function answer(request: Packet, result: XsResult): Packet {
  const { reqId, txId } = request;
  if (!result.ok) return { type: XS.ERROR, reqId, txId, payload: `${result.errno}\0` };
  if (result.value.length > XENSTORE_PAYLOAD_MAX) return { type: XS.ERROR, reqId, txId, payload: "E2BIG\0" };
  return { type: request.type, reqId, txId, payload: result.value };
}

/** The reverse of {@link answer}, for clients. */
export function outcomeOf(reply: Packet): XsResult {
  if (reply.type !== XS.ERROR) return { ok: true, value: reply.payload };
  const name = reply.payload.replace(/\0$/, "");
  const errno: XsErrno = XSD_ERRORS.find((known) => known === name) ?? "EINVAL";
  return { ok: false, errno };
}

export const watchEvent = (path: Octets, token: Octets): Packet => ({
  type: XS.WATCH_EVENT,
  reqId: 0,
  txId: 0,
  payload: `${path}\0${token}\0`,
});

export type Parsed = { readonly packet: Packet } | "more" | "too long";

export class PacketParser {
  readonly #header = new Uint8Array(xsdSockmsg.size);
  #payload = new Uint8Array(0);
  #have = 0;

  wants(): number {
    const header = xsdSockmsg.size;
    return this.#have < header ? header - this.#have : header + this.#payload.length - this.#have;
  }

  /** At most `wants()` bytes. */
  push(bytes: Uint8Array): Parsed {
    const size = xsdSockmsg.size;
    if (this.#have < size) {
      this.#header.set(bytes, this.#have);
      this.#have += bytes.length;
      if (this.#have < size) return "more";
      const len = xsdSockmsg.field.len.get(new DataView(this.#header.buffer), 0);
      if (len > XENSTORE_PAYLOAD_MAX) return "too long";
      this.#payload = new Uint8Array(len);
    } else {
      this.#payload.set(bytes, this.#have - size);
      this.#have += bytes.length;
    }
    if (this.#have < size + this.#payload.length) return "more";
    const { type, req_id, tx_id } = xsdSockmsg.read(new DataView(this.#header.buffer), 0);
    const packet = { type, reqId: req_id, txId: tx_id, payload: octetsOf(this.#payload) };
    this.#have = 0;
    this.#payload = new Uint8Array(0);
    return { packet };
  }
}

/** The NUL-terminated strings at the start of a payload; bytes after the last NUL are left out. */
export function stringsOf(payload: Octets): Octets[] {
  const parts = payload.split("\0");
  parts.pop();
  return parts;
}

/** A payload that is exactly one string. */
export function oneString(payload: Octets): Octets | undefined {
  return payload.indexOf("\0") === payload.length - 1 && payload.length > 0
    ? payload.slice(0, -1)
    : undefined;
}
