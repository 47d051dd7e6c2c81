import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  XENSTORE_ERROR_PROTO,
  XENSTORE_ERROR_RINGIDX,
  XENSTORE_RECONNECT,
  XS,
  xenstoreDomainInterface,
} from "../../src/abi/io/xs-wire.ts";
import { DOMID_0, Domid } from "../../src/abi/types.ts";
import { connectLocal } from "../../src/xenstore/client/client.ts";
import { encode, type Packet } from "../../src/xenstore/wire.ts";
import { Xenstored } from "../../src/xenstore/xenstored.ts";
import { FakeMachine } from "../support/fake-gate.ts";
import { GuestRing } from "./guest-ring.ts";

const field = xenstoreDomainInterface.field;

function introduced() {
  const machine = new FakeMachine();
  const xs = new Xenstored(machine.gate);
  const dom0 = connectLocal(xs, machine.clock);
  const domain = machine.addDomain(1);
  machine.gate.evtchn.allocUnbound(Domid(1), DOMID_0);
  dom0.write("/local/domain/1", "");
  dom0.setPerms("/local/domain/1", [{ domid: 1, access: "n" }]);
  dom0.introduce(1, 5, 1);
  const frame = domain.granted.get(1);
  if (frame === undefined) throw new Error("no ring");
  const guest = new GuestRing(frame);
  const kick = (): void => {
    machine.guestSends(1, 1);
    machine.settle();
  };
  return { machine, xs, dom0, domain, frame, guest, kick };
}

test("a stub domain gets the rights of the domain that it serves, and only while that lives", () => {
  const { machine, xs, dom0 } = introduced();
  const stub = machine.addDomain(2);
  machine.gate.evtchn.allocUnbound(Domid(2), DOMID_0);
  dom0.introduce(2, 6, 1);
  dom0.write("/local/domain/1/data", "");
  dom0.setPerms("/local/domain/1/data", [{ domid: 1, access: "n" }]);
  const frame = stub.granted.get(1);
  if (frame === undefined) throw new Error("no ring");
  const ring = new GuestRing(frame);
  const ask = (): string | undefined => {
    ring.queue({ type: XS.READ, reqId: 1, txId: 0, payload: "/local/domain/1/data\0" });
    ring.push();
    machine.guestSends(2, 1);
    machine.settle();
    return ring.pull()[0]?.payload;
  };
  expect(ask()).toBe("EACCES\0");
  expect(xs.domains.setTarget(Domid(2), Domid(1))).toBe(true);
  expect(ask()).toBe("");
  machine.reap(1);
  machine.settle();
  expect(ask()).not.toBe("");
});

test("introduction announces itself and the features in the page", () => {
  const { machine, dom0, frame } = introduced();
  expect(frame.getUint32(field.server_features.offset)).toBe(3);
  const told: string[] = [];
  dom0.watch("@introduceDomain", (path) => told.push(path));
  machine.settle();
  machine.addDomain(2);
  machine.gate.evtchn.allocUnbound(Domid(2), DOMID_0);
  dom0.introduce(2, 6, 1);
  machine.settle();
  expect(told).toEqual(["@introduceDomain", "@introduceDomain"]);
});

test("requests and answers survive any chunking, any interleaving, and the wrap of the indices", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0xffff_fc00, 0xffff_fff0, 0xffff_ffff, 12345),
      fc.array(fc.nat(1500), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(900), { minLength: 1, maxLength: 30 }),
      (start, sizes, cuts) => {
        const { guest, kick } = introduced();
        guest.startAt(start);
        const values = sizes.map((size, n) => String.fromCharCode(33 + (n % 90)).repeat(size));
        values.forEach((value, n) => {
          guest.queue({ type: XS.WRITE, reqId: 2 * n, txId: 0, payload: `v\0${value}` });
          guest.queue({ type: XS.READ, reqId: 2 * n + 1, txId: 0, payload: "v\0" });
        });
        const answers: Packet[] = [];
        for (let step = 0; answers.length < 2 * values.length; step++) {
          if (step > 20_000) throw new Error("stuck");
          guest.push(1 + (cuts[step % cuts.length] ?? 0));
          kick();
          answers.push(...guest.pull(1 + (cuts[(step * 7 + 3) % cuts.length] ?? 0)));
          kick();
        }
        expect(answers.map((packet) => packet.reqId)).toEqual(answers.map((_, n) => n));
        values.forEach((value, n) => {
          expect(answers[2 * n]?.payload).toBe("OK\0");
          expect(answers[2 * n + 1]?.payload).toBe(value);
        });
      },
    ),
    { numRuns: 60 },
  );
});

test("a guest that leaves its answers lying is not read from, and loses nothing", () => {
  const { guest, kick } = introduced();
  for (let n = 0; n < 400; n++) guest.queue({ type: XS.READ, reqId: n, txId: 0, payload: "nothing-here\0" });
  for (let n = 0; n < 100; n++) {
    guest.push();
    kick();
  }
  expect(guest.queued).toBeGreaterThan(0);
  const seen: number[] = [];
  for (let n = 0; n < 1000 && seen.length < 400; n++) {
    guest.push();
    kick();
    seen.push(...guest.pull(100).map((packet) => packet.reqId));
  }
  expect(seen).toEqual(Array.from({ length: 400 }, (_, n) => n));
});

test("events that wait are not said twice in the same words", () => {
  const { machine, dom0, guest, kick } = introduced();
  guest.queue({ type: XS.WATCH, reqId: 1, txId: 0, payload: "\x61\0t\0" });
  guest.push();
  kick();
  guest.pull();
  guest.frame.setUint32(field.rsp_prod.offset, guest.frame.getUint32(field.rsp_cons.offset) + 1024);
  for (let n = 0; n < 50; n++) dom0.write("/local/domain/1/a", String(n));
  machine.settle();
  guest.frame.setUint32(field.rsp_cons.offset, guest.frame.getUint32(field.rsp_prod.offset));
  kick();
  expect(guest.pull().map((packet) => packet.payload)).toEqual(["a\0t\0"]);
});

describe("a ring that breaks the rules is given up, and the reason is in its error word", () => {
  const rows: readonly [string, (ring: GuestRing) => void, number][] = [
    [
      "requests beyond the ring",
      (ring) => ring.frame.setUint32(field.req_prod.offset, 1025),
      XENSTORE_ERROR_RINGIDX,
    ],
    ["requests behind us", (ring) => ring.frame.setUint32(field.req_cons.offset, 1), XENSTORE_ERROR_RINGIDX],
    [
      "index all ones",
      (ring) => ring.frame.setUint32(field.req_prod.offset, 0xffffffff),
      XENSTORE_ERROR_RINGIDX,
    ],
    [
      "answers fetched that were never given",
      (ring) => {
        ring.frame.setUint32(field.rsp_cons.offset, 7);
        ring.queue({ type: XS.READ, reqId: 0, txId: 0, payload: "x\0" });
        ring.push();
      },
      XENSTORE_ERROR_RINGIDX,
    ],
    [
      "a payload over 4096 bytes",
      (ring) => {
        const bytes = encode({ type: XS.WRITE, reqId: 0, txId: 0, payload: "" });
        new DataView(bytes.buffer).setUint32(12, 0xffff_ffff, true);
        ring.frame.write(0, bytes);
        ring.frame.setUint32(field.req_prod.offset, 16);
      },
      XENSTORE_ERROR_PROTO,
    ],
  ];
  for (const [claim, breakIt, error] of rows) {
    test(claim, () => {
      const { dom0, frame, guest, kick } = introduced();
      breakIt(guest);
      kick();
      expect(frame.getUint32(field.error.offset)).toBe(error);
      const before = [...frame.bytes];
      kick();
      dom0.write("/local/domain/1/x", "1");
      kick();
      expect([...frame.bytes]).toEqual(before);
    });
  }

  test("random pages never stop xenstored", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (bytes) => {
        const { dom0, frame, kick } = introduced();
        frame.bytes.set(bytes);
        kick();
        kick();
        expect(dom0.read("/tool")).toBe("");
      }),
      { numRuns: 30 },
    );
  });
});

test("a guest that reconnects starts with a clean page and without its watches", () => {
  const { machine, dom0, frame, guest, kick } = introduced();
  guest.queue({ type: XS.WATCH, reqId: 1, txId: 0, payload: "a\0t\0" });
  guest.push();
  kick();
  frame.setUint32(field.connection.offset, XENSTORE_RECONNECT);
  kick();
  expect(frame.getUint32(field.connection.offset)).toBe(0);
  expect(frame.getUint32(field.rsp_prod.offset)).toBe(0);
  dom0.write("/local/domain/1/a", "1");
  machine.settle();
  expect(frame.getUint32(field.rsp_prod.offset)).toBe(0);
});

test("shutdown and death are told once each, and a dead domain's page is let go", () => {
  const { machine, dom0, frame } = introduced();
  const told: string[] = [];
  dom0.watch("@releaseDomain", (path) => told.push(path));
  machine.settle();
  machine.guestShutsDown(1, 0);
  machine.settle();
  machine.guestShutsDown(1, 0);
  machine.settle();
  expect(told.length).toBe(2);
  machine.reap(1);
  machine.settle();
  expect(told.length).toBe(3);
  expect(frame.unmapped).toBe(1);
  expect(dom0.read("/local/domain/1")).toBeUndefined();
});
