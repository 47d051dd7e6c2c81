/** xenstore over a byte stream, as the socket carries it: any bytes in any pieces harm nobody but who sent them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { XS } from "../../src/abi/io/xs-wire.ts";
import { connectLocal } from "../../src/xenstore/client/client.ts";
import { STREAM_QUEUE_BYTES, StreamPeer } from "../../src/xenstore/stream.ts";
import { encode, type Packet, PacketParser } from "../../src/xenstore/wire.ts";
import { Xenstored } from "../../src/xenstore/xenstored.ts";
import { FakeMachine } from "../support/fake-gate.ts";

/** A client that takes answers while `reads`. */
class Client {
  reads = true;
  dropped = 0;
  readonly got: Packet[] = [];
  readonly peer: StreamPeer;
  readonly #parser = new PacketParser();

  constructor(xs: Xenstored) {
    this.peer = new StreamPeer(xs, {
      write: (bytes) => {
        for (let at = 0; at < bytes.length; ) {
          const length = Math.min(this.#parser.wants(), bytes.length - at);
          const parsed = this.#parser.push(bytes.subarray(at, at + length));
          at += length;
          if (typeof parsed === "object") this.got.push(parsed.packet);
        }
        return this.reads;
      },
      drop: () => {
        this.dropped++;
      },
    });
  }
}

function machine() {
  const fake = new FakeMachine();
  const xs = new Xenstored(fake.gate);
  return { fake, xs, dom0: connectLocal(xs, fake.clock) };
}

const request = (type: number, payload: string, reqId = 1): Uint8Array =>
  encode({ type, reqId, txId: 0, payload });

const concat = (parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

describe("a stream", () => {
  test("is answered alike however it is cut", () => {
    const asked = concat([
      request(XS.WRITE, "/a\0one", 7),
      request(XS.READ, "/a\0", 8),
      request(XS.TRANSACTION_START, "\0", 9),
      request(99, "", 10),
      request(XS.READ, "/nothing\0", 11),
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (cuts) => {
        const client = new Client(machine().xs);
        for (let at = 0, n = 0; at < asked.length; n++) {
          const length = cuts[n % cuts.length] ?? 1;
          client.peer.receive(asked.subarray(at, at + length));
          at += length;
        }
        expect(client.got.map(({ reqId, payload }) => [reqId, payload])).toEqual([
          [7, "OK\0"],
          [8, "one"],
          [9, "1\0"],
          [10, "ENOSYS\0"],
          [11, "ENOENT\0"],
        ]);
      }),
      { numRuns: 100 },
    );
  });

  test("of any bytes at all leaves the store and the others whole", () => {
    const requestLike = fc
      .record({
        type: fc.nat(25),
        reqId: fc.nat(),
        txId: fc.nat(3),
        payload: fc
          .array(fc.constantFrom("/", "\0", "a", "/tool", "@releaseDomain", "n0", "0", "T", "\xff", "quota"))
          .map((words) => words.join("")),
      })
      .map((packet) => encode(packet));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 80 }), requestLike), { maxLength: 40 }),
        (chunks) => {
          const { xs, dom0 } = machine();
          const other = new Client(xs);
          const client = new Client(xs);
          dom0.write("/kept/by/dom0", "1");
          for (const chunk of chunks) client.peer.receive(chunk);
          expect(client.dropped).toBeLessThanOrEqual(1);
          other.peer.receive(request(XS.WRITE, "/own\0x"));
          expect(other.got.at(-1)?.payload).toBe("OK\0");
          expect(other.dropped).toBe(0);
          if (client.dropped === 1) {
            const before = client.got.length;
            client.peer.receive(request(XS.READ, "/own\0"));
            expect(client.got.length).toBe(before);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("with a payload over 4096 bytes is cut off, its watches and transactions forgotten", () => {
    const { xs, dom0 } = machine();
    const client = new Client(xs);
    client.peer.receive(request(XS.WATCH, "/a\0t\0"));
    const bad = request(XS.WRITE, "");
    new DataView(bad.buffer).setUint32(12, 4097, true);
    client.peer.receive(bad);
    expect(client.dropped).toBe(1);
    const before = client.got.length;
    dom0.write("/a", "1");
    expect(client.got.length).toBe(before);
  });
});

describe("a client that does not read", () => {
  test("is not served: its requests wait where they are", () => {
    const { xs } = machine();
    const client = new Client(xs);
    client.reads = false;
    for (let n = 0; n < 50; n++) client.peer.receive(request(XS.READ, "/tool\0", n));
    expect(client.got.length).toBe(1);
    expect(client.peer.isFull).toBe(true);
    client.reads = true;
    client.peer.drained();
    expect(client.got.map(({ reqId }) => reqId)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(client.peer.isFull).toBe(false);
  });

  test("of its events is cut off when too much waits, and hears nothing twice till then", () => {
    const { xs, dom0 } = machine();
    const client = new Client(xs);
    client.peer.receive(request(XS.WATCH, "/\0t\0"));
    client.reads = false;
    const pad = "x".repeat(1000);
    let written = 0;
    for (; client.dropped === 0 && written < 10_000; written++) dom0.write(`/${pad}/${written}`, "");
    expect(client.dropped).toBe(1);
    expect(written * 1000).toBeGreaterThan(STREAM_QUEUE_BYTES * 0.9);
    expect(written * 1000).toBeLessThan(STREAM_QUEUE_BYTES * 1.1);

    const same = new Client(xs);
    same.peer.receive(request(XS.WATCH, "/\0t\0"));
    same.reads = false;
    for (let n = 0; n < 6_000; n++) dom0.write(`/${pad}/same`, String(n));
    expect(same.dropped).toBe(0);
  });
});
