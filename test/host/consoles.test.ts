import { describe, expect, test } from "vitest";
import { XENCONS_OUT_RING, XENCONS_OUT_SIZE, xenconsInterface } from "../../src/abi/io/console.ts";
import { Domid } from "../../src/abi/types.ts";
import { ConsoleBack } from "../../src/devices/console/back.ts";
import { Consoles } from "../../src/host/consoles.ts";
import type { LogFile } from "../../src/host/logs.ts";
import { OUTSIDE_NANOS } from "../../src/host/outside.ts";
import { Nanos } from "../../src/lib/brand.ts";
import { FakeFrame } from "../support/fake-gate.ts";

const GUEST = Domid(1);
const { out_cons, out_prod } = xenconsInterface.field;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function bench(mode: "real" | "warp") {
  let now = 0;
  let logged = 0;
  const typed: { text: string; at: number }[] = [];
  const people: number[] = [];
  const moved = { count: 0 };
  const log = {
    append: (bytes: Uint8Array) => {
      logged += bytes.length;
    },
    isFull: () => false,
    onRoom: undefined,
  } as unknown as LogFile;
  const consoles = new Consoles({
    mode,
    now: () => Nanos(now),
    logFor: () => log,
    moved: () => {
      moved.count++;
    },
    input: (_domid, bytes, at) => typed.push({ text: Buffer.from(bytes).toString(), at }),
    peopleAt: (_domid, count) => people.push(count),
  });
  return {
    consoles,
    typed,
    people,
    moved,
    logged: () => logged,
    at: (nanos: number) => {
      now = nanos;
    },
  };
}

/** A guest that prints as fast as its ring takes it. */
class Printer {
  readonly frame = new FakeFrame();
  readonly back: ConsoleBack;
  printed = 0;

  constructor(consoles: Consoles) {
    this.back = new ConsoleBack({
      frame: this.frame,
      notify: () => {},
      sink: consoles.open(GUEST, "guest"),
      charge: () => {},
    });
  }

  static byte(at: number): number {
    return (at * 31 + (at >> 11)) & 0xff;
  }

  print(upTo: number): void {
    let prod = this.frame.getUint32(out_prod.offset);
    const room = XENCONS_OUT_SIZE - ((prod - this.frame.getUint32(out_cons.offset)) >>> 0);
    for (let n = Math.min(room, upTo - this.printed); n > 0; n--) {
      this.frame.setUint8(XENCONS_OUT_RING + (prod % XENCONS_OUT_SIZE), Printer.byte(this.printed++));
      prod = (prod + 1) >>> 0;
    }
    this.frame.setUint32(out_prod.offset, prod);
    this.back.service();
  }
}

const TEN_MB = 10 << 20;

test("ten megabytes reach a slow reader whole, and little of them waits in memory", async () => {
  const { consoles, logged } = bench("real");
  const printer = new Printer(consoles);
  let got = 0;
  let wrong = 0;
  let busy = false;
  let most = 0;
  consoles.attach(
    GUEST,
    {
      data: async (bytes) => {
        busy = true;
        for (let n = 0; n < bytes.length; n++) if (bytes[n] !== Printer.byte(got + n)) wrong++;
        got += bytes.length;
        await tick();
        busy = false;
      },
      end() {},
    },
    false,
  );
  while (printer.printed < TEN_MB) {
    const before = printer.printed;
    printer.print(TEN_MB);
    most = Math.max(most, printer.printed - got);
    if (printer.printed === before) await tick();
  }
  while (got < TEN_MB || busy) {
    printer.back.service();
    await tick();
  }
  expect([got, wrong, logged()]).toEqual([TEN_MB, 0, TEN_MB]);
  expect(most).toBeLessThan(200_000);
});

test("a second reader that never comes back does not hide the first one's bytes once it is detached", async () => {
  const { consoles } = bench("real");
  const printer = new Printer(consoles);
  let got = 0;
  const quick = {
    data: (bytes: Uint8Array) => {
      got += bytes.length;
    },
    end() {},
  };
  consoles.attach(GUEST, quick, false);
  const stuck = consoles.attach(GUEST, { data: () => new Promise<void>(() => {}), end() {} }, false);
  for (let n = 0; n < 200; n++) {
    printer.print(1 << 20);
    await tick();
  }
  const stalled = got;
  expect(stalled).toBeLessThan(1 << 20);
  stuck.detach();
  while (got < 1 << 20) {
    printer.print(1 << 20);
    await tick();
  }
  expect(printer.printed).toBe(1 << 20);
});

test("a reader that throws has left; the others go on", async () => {
  const { consoles } = bench("real");
  const printer = new Printer(consoles);
  let got = 0;
  consoles.attach(
    GUEST,
    {
      data: () => {
        throw new Error("gone");
      },
      end() {},
    },
    false,
  );
  const quick = {
    data: (bytes: Uint8Array) => {
      got += bytes.length;
    },
    end() {},
  };
  consoles.attach(GUEST, quick, false);
  printer.print(1000);
  await tick();
  printer.print(2000);
  await tick();
  expect(got).toBe(2000);
});

test("end comes after the last byte, once", async () => {
  const { consoles } = bench("real");
  const printer = new Printer(consoles);
  const seen: string[] = [];
  const listener = {
    data: async (bytes: Uint8Array) => {
      await tick();
      seen.push(String(bytes.length));
    },
    end: () => void seen.push("end"),
  };
  consoles.attach(GUEST, listener, false);
  printer.print(100);
  printer.back.close();
  consoles.end(GUEST);
  for (let n = 0; n < 5; n++) await tick();
  expect(seen).toEqual(["100", "end"]);
});

describe("in warp", () => {
  test("time waits for who has not seen yet, and an answer arrives at a fixed instant", async () => {
    const { consoles, typed, at, moved } = bench("warp");
    const printer = new Printer(consoles);
    let release: () => void = () => {};
    const attachment = consoles.attach(
      GUEST,
      {
        data: (bytes) => {
          if (bytes.length === 5) attachment.write(Buffer.from("answer"));
          return new Promise<void>((resolve) => {
            release = resolve;
          });
        },
        end() {},
      },
      false,
    );
    expect(consoles.barrier()).toBeUndefined();
    at(1000);
    printer.print(5);
    at(3000);
    printer.print(12);
    expect(consoles.barrier()).toBe(1000 + OUTSIDE_NANOS);
    await tick();
    expect(typed).toEqual([{ text: "answer", at: 1000 + OUTSIDE_NANOS }]);
    expect(consoles.barrier()).toBe(1000 + OUTSIDE_NANOS);
    release();
    await tick();
    expect(moved.count).toBeGreaterThan(0);
    expect(consoles.barrier()).toBe(3000 + OUTSIDE_NANOS);
    release();
    await tick();
    expect(consoles.barrier()).toBeUndefined();
  });

  test("people at a console are counted", () => {
    const { consoles, people } = bench("warp");
    const listener = { data() {}, end() {} };
    const first = consoles.attach(GUEST, listener, true);
    consoles.attach(GUEST, listener, false);
    expect(consoles.hasPeople()).toBe(true);
    first.detach();
    first.detach();
    expect(consoles.hasPeople()).toBe(false);
    expect(people).toEqual([1, 0]);
  });
});
