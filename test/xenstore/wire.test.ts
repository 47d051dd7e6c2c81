import fc from "fast-check";
import { expect, test } from "vitest";
import { XENSTORE_PAYLOAD_MAX, xsdSockmsg } from "../../src/abi/io/xs-wire.ts";
import { bytesOf, octetsOf, octetsOfText, textOf } from "../../src/xenstore/octets.ts";
import { encode, type Packet, PacketParser } from "../../src/xenstore/wire.ts";

const packets = fc.array(
  fc.record({
    type: fc.nat(30),
    reqId: fc.nat(0xffffffff),
    txId: fc.nat(0xffffffff),
    payload: fc.uint8Array({ maxLength: 300 }).map(octetsOf),
  }),
  { maxLength: 8 },
);

function parseAll(bytes: Uint8Array, cuts: readonly number[]): Packet[] {
  const parser = new PacketParser();
  const found: Packet[] = [];
  let at = 0;
  for (let step = 0; at < bytes.length; step++) {
    const piece = Math.min(parser.wants(), 1 + (cuts[step % cuts.length] ?? 0), bytes.length - at);
    const parsed = parser.push(bytes.subarray(at, at + piece));
    at += piece;
    if (parsed === "too long") throw new Error("too long");
    if (parsed !== "more") found.push(parsed.packet);
  }
  return found;
}

test("any chunking of the wire parses alike", () => {
  fc.assert(
    fc.property(packets, fc.array(fc.nat(40), { minLength: 1 }), (sent, cuts) => {
      const bytes = octetsOf(Uint8Array.from(sent.flatMap((packet) => [...encode(packet)])));
      expect(parseAll(bytesOf(bytes), cuts)).toEqual(sent);
    }),
  );
});

test("a payload over the limit is told at its header", () => {
  const header = new Uint8Array(xsdSockmsg.size);
  xsdSockmsg.write(new DataView(header.buffer), 0, {
    type: 2,
    req_id: 0,
    tx_id: 0,
    len: XENSTORE_PAYLOAD_MAX + 1,
  });
  expect(new PacketParser().push(header)).toBe("too long");
});

test("octets carry every byte, and text as UTF-8", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(bytesOf(octetsOf(bytes))).toEqual(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(textOf(octetsOfText(text))).toBe(text);
    }),
  );
});
