import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  XENCONS_IN_SIZE,
  XENCONS_OUT_RING,
  XENCONS_OUT_SIZE,
  xenconsInterface,
} from "../../src/abi/io/console.ts";
import { DOMID_0, Domid } from "../../src/abi/types.ts";
import { ConsoleBack } from "../../src/devices/console/back.ts";
import { Backlog } from "../../src/devices/console/backlog.ts";
import { Consoled } from "../../src/devices/console/consoled.ts";
import { connectLocal } from "../../src/xenstore/client/client.ts";
import { Xenstored } from "../../src/xenstore/xenstored.ts";
import { FakeFrame, FakeMachine } from "../support/fake-gate.ts";

const { in_cons, in_prod, out_cons, out_prod } = xenconsInterface.field;

/** The guest's half: prints as far as the ring has room, reads what is in it. */
class GuestConsole {
  readonly frame: FakeFrame;
  constructor(frame: FakeFrame) {
    this.frame = frame;
  }
  print(bytes: Uint8Array): number {
    let prod = this.frame.getUint32(out_prod.offset);
    const room = XENCONS_OUT_SIZE - ((prod - this.frame.getUint32(out_cons.offset)) >>> 0);
    const sent = Math.min(room, bytes.length);
    for (let i = 0; i < sent; i++) {
      this.frame.setUint8(XENCONS_OUT_RING + (prod % XENCONS_OUT_SIZE), bytes[i] ?? 0);
      prod = (prod + 1) >>> 0;
    }
    this.frame.setUint32(out_prod.offset, prod);
    return sent;
  }
  read(most: number): number[] {
    const out: number[] = [];
    let cons = this.frame.getUint32(in_cons.offset);
    while (out.length < most && cons !== this.frame.getUint32(in_prod.offset)) {
      out.push(this.frame.getUint8(cons % XENCONS_IN_SIZE));
      cons = (cons + 1) >>> 0;
    }
    this.frame.setUint32(in_cons.offset, cons);
    return out;
  }
}

function console_(start = 0) {
  const frame = new FakeFrame();
  for (const index of [in_cons, in_prod, out_cons, out_prod]) frame.setUint32(index.offset, start);
  const printed: number[] = [];
  const state = { room: true, closed: 0, notified: 0 };
  const back = new ConsoleBack({
    frame,
    notify: () => {
      state.notified++;
    },
    charge: () => {},
    sink: {
      hasRoom: () => state.room,
      write: (bytes) => {
        for (const byte of bytes) printed.push(byte);
      },
      close: () => {
        state.closed++;
      },
    },
  });
  return { frame, back, printed, state, guest: new GuestConsole(frame) };
}

const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, n) => (n * 7 + (n >> 8)) & 0xff);

test("nothing is lost or doubled either way, over any wrap and any pace", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 5, 0xffff_f000, 0xffff_ffff),
      fc.array(fc.nat(3000), { minLength: 1, maxLength: 10 }),
      fc.nat(6000),
      (start, paces, size) => {
        const { back, printed, guest } = console_(start);
        const out = pattern(size);
        const typed = pattern(size >> 1);
        back.input(typed);
        const got: number[] = [];
        let sent = 0;
        for (let step = 0; sent < out.length || got.length < typed.length; step++) {
          const pace = 1 + (paces[step % paces.length] ?? 0);
          sent += guest.print(out.subarray(sent, sent + pace));
          back.service();
          got.push(...guest.read(pace));
          back.service();
        }
        expect(printed.length).toBe(out.length);
        expect(Uint8Array.from(printed)).toEqual(out);
        expect(Uint8Array.from(got)).toEqual(typed);
      },
    ),
    { numRuns: 50 },
  );
});

test("a slow reader leaves the bytes in the ring, and the guest waits", () => {
  const { back, printed, state, guest } = console_();
  state.room = false;
  expect(guest.print(pattern(5000))).toBe(XENCONS_OUT_SIZE);
  back.service();
  expect(printed.length).toBe(0);
  expect(state.notified).toBe(0);
  expect(guest.print(pattern(1))).toBe(0);
  state.room = true;
  back.service();
  expect(printed.length).toBe(XENCONS_OUT_SIZE);
  expect(state.notified).toBe(1);
});

test("the last words are taken at the end, room or not, and nothing after", () => {
  const { back, frame, printed, state, guest } = console_();
  state.room = false;
  guest.print(pattern(10));
  back.close();
  expect(printed.length).toBe(10);
  expect(frame.unmapped).toBe(1);
  guest.print(pattern(10));
  back.service();
  back.close();
  back.input(pattern(3));
  expect([printed.length, state.closed]).toEqual([10, 1]);
});

describe("indices that cannot be move nothing", () => {
  for (const [index, value] of [
    [out_prod.offset, XENCONS_OUT_SIZE + 1],
    [out_cons.offset, 1],
    [in_cons.offset, 1],
    [in_prod.offset, 0xffff_ffff],
  ] as const) {
    test(`${index.toString(16)} = ${value}`, () => {
      const { back, frame, printed } = console_();
      frame.setUint32(index, value);
      const before = [...frame.bytes];
      back.input(pattern(4));
      if (index === out_prod.offset || index === out_cons.offset) expect(printed).toEqual([]);
      else expect([...frame.bytes]).toEqual(before);
    });
  }
});

test("the backlog keeps the last of it", () => {
  const backlog = new Backlog(1000);
  const all = pattern(5000);
  for (let at = 0; at < all.length; at += 333)
    backlog.append(all.subarray(at, Math.min(at + 333, all.length)));
  expect(backlog.bytes()).toEqual(all.subarray(4000));
});

test("xenconsoled serves what xenstore describes, until it is removed", () => {
  const machine = new FakeMachine();
  const xenstored = new Xenstored(machine.gate);
  const xs = connectLocal(xenstored, machine.clock);
  const opened: string[] = [];
  let printed = "";
  let closed = 0;
  const consoled = new Consoled({
    gate: machine.gate,
    clock: machine.clock,
    xs: connectLocal(xenstored, machine.clock),
    ttyOf: (domid) => `console ${domid}`,
    open: (domid, name) => {
      opened.push(`${domid} ${name}`);
      return {
        hasRoom: () => true,
        write: (bytes) => {
          printed += String.fromCharCode(...bytes);
        },
        close: () => {
          closed++;
        },
      };
    },
  });
  const domain = machine.addDomain(3);
  for (let n = 0; n < 2; n++) machine.gate.evtchn.allocUnbound(Domid(3), DOMID_0);
  xs.write("/local/domain/3/name", "guest");
  xs.introduce(3, 5, 1);
  machine.settle();
  expect(opened).toEqual([]);
  const guest = new GuestConsole(domain.granted.get(0) ?? new FakeFrame());
  guest.print(new TextEncoder().encode("early "));
  xs.transaction((tx) => {
    tx.write("/local/domain/3/console/type", "xenconsoled");
    tx.write("/local/domain/3/console/port", "2");
    tx.write("/local/domain/3/console/ring-ref", "77");
  });
  machine.settle();
  expect(opened).toEqual(["3 guest"]);
  expect(xs.read("/local/domain/3/console/tty")).toBe("console 3");
  guest.print(new TextEncoder().encode("late "));
  machine.guestSends(3, 2);
  machine.settle();
  expect(consoled.input(Domid(3), pattern(3))).toBe(true);
  expect(guest.read(9)).toEqual([...pattern(3)]);
  guest.print(new TextEncoder().encode("last"));
  xs.remove("/local/domain/3/console");
  machine.settle();
  expect([printed, closed]).toEqual(["early late last", 1]);
  expect(consoled.input(Domid(3), pattern(3))).toBe(false);
  machine.reap(3);
  machine.settle();
  expect(closed).toBe(1);
});
