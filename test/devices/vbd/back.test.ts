/** The ring's back end: every kind of request with its refusals, and what a hostile front end can do with the ring. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BLKIF_LAYOUTS,
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_ERROR,
  BLKIF_RSP_OKAY,
} from "../../../src/abi/io/blkif.ts";
import { Domid, Port } from "../../../src/abi/types.ts";
import { VbdBack } from "../../../src/devices/vbd/back.ts";
import { SharedPages } from "../../../src/devices/vbd/shared-pages.ts";
import { BlkFront, MemoryDisk, putSegment, type Seg } from "../../support/blk-front.ts";
import { FakeFrame, FakeMachine } from "../../support/fake-gate.ts";

const DOMID = Domid(1);
const SECTORS = 64;
/** Grants of data pages: 0..15. */
const PAGES = 16;
const NO_SUCH_GRANT = 999;

interface Wish {
  readonly pages?: number;
  readonly start?: number;
  readonly protocol?: keyof typeof BLKIF_LAYOUTS;
  readonly disk?: MemoryDisk;
}

function make({ pages = 1, start = 0, protocol = "x86_64-abi", disk = new MemoryDisk(SECTORS) }: Wish = {}) {
  const machine = new FakeMachine();
  const domain = machine.addDomain(DOMID, [...Array(PAGES).keys()]);
  domain.ports.set(1, { peer: undefined, notified: 0 });
  const bound = machine.gate.evtchn.bindInterdomain(DOMID, Port(1));
  if (!bound.ok) throw new Error(bound.errno);
  const frames = Array.from({ length: pages }, () => new FakeFrame());
  const front = new BlkFront(frames, BLKIF_LAYOUTS[protocol], start);
  const broken: string[] = [];
  const back = new VbdBack({
    gate: machine.gate,
    domid: DOMID,
    ring: new SharedPages(frames),
    layout: BLKIF_LAYOUTS[protocol],
    port: bound.value,
    store: disk,
    broken: (why) => broken.push(why),
  });
  const page = (gref: number): FakeFrame => domain.granted.get(gref) as FakeFrame;
  const notified = (): number => domain.ports.get(1)?.notified ?? 0;
  /** The answers to all that was put. */
  const served = () => {
    back.service();
    return front.take();
  };
  return { back, front, disk, page, broken, notified, served };
}

const whole: Seg = [0, 0, 7];

describe("one request", () => {
  type Put = (front: BlkFront) => void;
  const plain =
    (operation: number, sector: number, segments: readonly Seg[], count?: number): Put =>
    (front) =>
      front.put(7, operation, sector, segments, count);
  const rows: [string, Put, number, { readonly?: boolean; discardGranularity?: number }?][] = [
    ["a read", plain(BLKIF_OP_READ, 0, [whole]), BLKIF_RSP_OKAY],
    ["a read of the last sectors", plain(BLKIF_OP_READ, SECTORS - 8, [whole]), BLKIF_RSP_OKAY],
    ["a read past the end", plain(BLKIF_OP_READ, SECTORS - 7, [whole]), BLKIF_RSP_ERROR],
    ["a read far past the end", plain(BLKIF_OP_READ, 2 ** 53 - 2, [whole]), BLKIF_RSP_ERROR],
    ["a read of no segment", plain(BLKIF_OP_READ, 0, []), BLKIF_RSP_ERROR],
    ["a read of 11 segments", plain(BLKIF_OP_READ, 0, Array(11).fill([0, 0, 0])), BLKIF_RSP_OKAY],
    ["a read that claims 12 segments", plain(BLKIF_OP_READ, 0, [whole], 12), BLKIF_RSP_ERROR],
    ["a segment that ends before it begins", plain(BLKIF_OP_READ, 0, [[0, 4, 3]]), BLKIF_RSP_ERROR],
    ["a segment past its page", plain(BLKIF_OP_READ, 0, [[0, 0, 8]]), BLKIF_RSP_ERROR],
    ["a read into nobody's grant", plain(BLKIF_OP_READ, 0, [[NO_SUCH_GRANT, 0, 7]]), BLKIF_RSP_ERROR],
    ["a write", plain(BLKIF_OP_WRITE, 8, [whole]), BLKIF_RSP_OKAY],
    ["a write out of nobody's grant", plain(BLKIF_OP_WRITE, 8, [[NO_SUCH_GRANT, 0, 7]]), BLKIF_RSP_ERROR],
    ["a write past the end", plain(BLKIF_OP_WRITE, SECTORS, [whole]), BLKIF_RSP_ERROR],
    ["a write to a read-only disk", plain(BLKIF_OP_WRITE, 8, [whole]), BLKIF_RSP_ERROR, { readonly: true }],
    ["a flush", plain(BLKIF_OP_FLUSH_DISKCACHE, 0, []), BLKIF_RSP_OKAY],
    ["a barrier with data", plain(BLKIF_OP_WRITE_BARRIER, 8, [whole]), BLKIF_RSP_OKAY],
    ["a barrier alone", plain(BLKIF_OP_WRITE_BARRIER, 0, []), BLKIF_RSP_OKAY],
    [
      "a barrier on a read-only disk",
      plain(BLKIF_OP_WRITE_BARRIER, 8, [whole]),
      BLKIF_RSP_ERROR,
      { readonly: true },
    ],
    ["a discard where there is none", (front) => front.putDiscard(7, 0, 8), BLKIF_RSP_EOPNOTSUPP],
    ["a discard", (front) => front.putDiscard(7, 0, 8), BLKIF_RSP_OKAY, { discardGranularity: 512 }],
    [
      "a discard past the end",
      (front) => front.putDiscard(7, 1, SECTORS),
      BLKIF_RSP_ERROR,
      { discardGranularity: 512 },
    ],
    [
      "a discard of a read-only disk",
      (front) => front.putDiscard(7, 0, 8),
      BLKIF_RSP_ERROR,
      { discardGranularity: 512, readonly: true },
    ],
    ["an operation that does not exist", plain(99, 0, [whole]), BLKIF_RSP_EOPNOTSUPP],
    [
      "an indirect request for a flush",
      (front) => front.putIndirect(7, BLKIF_OP_FLUSH_DISKCACHE, 0, 1, [0]),
      BLKIF_RSP_ERROR,
    ],
    [
      "an indirect request of no segment",
      (front) => front.putIndirect(7, BLKIF_OP_READ, 0, 0, [0]),
      BLKIF_RSP_ERROR,
    ],
    [
      "an indirect request of too many",
      (front) => front.putIndirect(7, BLKIF_OP_READ, 0, 257, [0, 0]),
      BLKIF_RSP_ERROR,
    ],
    [
      "an indirect request listed nowhere",
      (front) => front.putIndirect(7, BLKIF_OP_READ, 0, 1, [NO_SUCH_GRANT]),
      BLKIF_RSP_ERROR,
    ],
  ];
  test.each(rows)("%s", (_, put, status, kind) => {
    const { front, served, disk } = make({ disk: new MemoryDisk(SECTORS, kind) });
    const before = disk.bytes.slice();
    put(front);
    const [answer, ...more] = served();
    expect([answer?.id, answer?.status, more]).toEqual([7, status, []]);
    if (status !== BLKIF_RSP_OKAY) expect(disk.bytes).toEqual(before);
  });

  test.each(["x86_64-abi", "x86_32-abi"] as const)(
    "data goes both ways, sector by sector: %s",
    (protocol) => {
      const { front, page, disk, served } = make({ protocol });
      page(3).bytes.fill(0xab, 512, 1536);
      front.put(1, BLKIF_OP_WRITE, 5, [[3, 1, 2]]);
      disk.bytes.fill(0xcd, 20 * 512, 21 * 512);
      front.put(2, BLKIF_OP_READ, 19, [
        [4, 7, 7],
        [5, 0, 0],
      ]);
      expect(served()).toEqual([
        { id: 1, operation: BLKIF_OP_WRITE, status: BLKIF_RSP_OKAY },
        { id: 2, operation: BLKIF_OP_READ, status: BLKIF_RSP_OKAY },
      ]);
      expect(disk.bytes.subarray(4 * 512, 8 * 512)).toEqual(
        Uint8Array.from({ length: 2048 }, (_, i) => (i >= 512 && i < 1536 ? 0xab : 0)),
      );
      expect([page(4).bytes[3584], page(5).bytes[0], page(5).bytes[511], page(5).bytes[512]]).toEqual([
        0, 0xcd, 0xcd, 0,
      ]);
    },
  );

  test("indirect segments are read out of their pages, and answered by the operation meant", () => {
    const { front, page, disk, served } = make({ disk: new MemoryDisk(4096) });
    for (let i = 0; i < 40; i++) putSegment(page(15).view, i * 8, [i % 8, i % 8, i % 8]);
    for (let i = 0; i < 8; i++) page(i).bytes.fill(i + 1);
    front.putIndirect(1, BLKIF_OP_WRITE, 100, 40, [15]);
    expect(served()).toEqual([{ id: 1, operation: BLKIF_OP_WRITE, status: BLKIF_RSP_OKAY }]);
    for (let i = 0; i < 40; i++) expect(disk.bytes[(100 + i) * 512]).toBe((i % 8) + 1);
  });

  test("a disk that fails is answered as an error", () => {
    const disk = new MemoryDisk(SECTORS);
    disk.failing = true;
    const { front, served } = make({ disk });
    front.put(1, BLKIF_OP_WRITE, 0, [whole]);
    front.put(2, BLKIF_OP_READ, 0, [whole]);
    front.put(3, BLKIF_OP_WRITE_BARRIER, 0, [whole]);
    front.put(4, BLKIF_OP_FLUSH_DISKCACHE, 0, []);
    expect(served().map(({ id, status }) => [id, status])).toEqual([1, 2, 3, 4].map((id) => [id, -1]));
  });
});

test("a barrier waits for all before it; what comes after waits for the barrier", () => {
  const { front, disk, back } = make();
  disk.holding = true;
  front.put(1, BLKIF_OP_WRITE, 0, [whole]);
  front.put(2, BLKIF_OP_WRITE_BARRIER, 8, [whole]);
  front.put(3, BLKIF_OP_WRITE, 16, [whole]);
  back.service();
  const steps: string[][] = [];
  while (disk.waiting.length > 0) {
    steps.push([...disk.asked]);
    disk.asked.length = 0;
    const [first] = disk.waiting.splice(0, 1);
    first?.();
  }
  expect(steps).toEqual([["write 0"], ["flush"], ["write 8"], ["flush"], ["write 16"]]);
  expect(front.take().map(({ id }) => id)).toEqual([1, 2, 3]);
});

test("more data than 16 MiB does not wait for the disk at once", () => {
  const disk = new MemoryDisk(4096);
  disk.holding = true;
  const { front, page, back } = make({ pages: 16, disk });
  for (let i = 0; i < 256; i++) putSegment(page(15).view, i * 8, [0, 0, 7]);
  for (let id = 0; id < 100; id++) front.putIndirect(id, BLKIF_OP_READ, 0, 256, [15]);
  back.service();
  expect(disk.waiting.length).toBe(16);
  disk.release();
  expect(front.take().map(({ status }) => status)).toEqual(Array(100).fill(BLKIF_RSP_OKAY));
});

test("the front end hears of an answer only where it asked to", () => {
  const { front, served, notified } = make();
  front.put(1, BLKIF_OP_READ, 0, [whole]);
  served();
  expect(notified()).toBe(1);
  front.setIndex(12, front.rspCons + 3);
  for (const id of [2, 3]) front.put(id, BLKIF_OP_READ, 0, [whole]);
  served();
  expect(notified()).toBe(1);
});

test.each([[33], [1000], [2 ** 31], [2 ** 32 - 1]])(
  "requests %i ahead of the answers end the ring",
  (ahead) => {
    const { front, back, broken, disk } = make();
    front.setIndex(0, ahead);
    back.service();
    expect(broken).toHaveLength(1);
    front.setIndex(0, 0);
    front.put(1, BLKIF_OP_READ, 0, [whole]);
    back.service();
    expect([broken.length, disk.asked]).toEqual([1, []]);
  },
);

test("a closed back end answers nothing more, and says when the last request is through", () => {
  const { front, back, disk } = make();
  disk.holding = true;
  front.put(1, BLKIF_OP_WRITE, 0, [whole]);
  back.service();
  let done = 0;
  back.close(() => done++);
  front.put(2, BLKIF_OP_WRITE, 0, [whole]);
  back.service();
  expect([done, disk.asked]).toEqual([0, ["write 0"]]);
  disk.release();
  expect(done).toBe(1);
});

test("nothing is lost or doubled, over the wrap of 2^32, in whatever order the disk answers", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ put: fc.nat(40), pick: fc.nat(100) }), { maxLength: 30 }),
      (pages, rounds) => {
        const { front, back, disk } = make({ pages, start: 2 ** 32 - 20 });
        disk.holding = true;
        let next = 0;
        const seen: number[] = [];
        for (const { put, pick } of rounds) {
          for (let i = 0; i < put && (front.reqProd - front.rspCons) >>> 0 < front.slots; i++)
            front.put(
              next++,
              i % 5 === 0 ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_READ,
              i % 8,
              i % 5 ? [whole] : [],
            );
          back.service();
          disk.release((length) => pick % length);
          seen.push(...front.take().map(({ id }) => id));
        }
        expect(seen.sort((a, b) => a - b)).toEqual([...Array(next).keys()]);
      },
    ),
    { numRuns: 60 },
  );
});

test("whatever bytes and indices a guest writes, every request is answered once or the ring is given up", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 112, maxLength: 112 }), { minLength: 1, maxLength: 32 }),
      fc.option(fc.nat(2 ** 32 - 1)),
      fc.array(fc.constantFrom(BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_DISCARD, 6, 200), { maxLength: 32 }),
      (slots, index, operations) => {
        const disk = new MemoryDisk(SECTORS, { discardGranularity: 512 });
        const { front, back, broken } = make({ disk });
        for (const [i, bytes] of slots.entries()) {
          bytes[0] = operations[i] ?? bytes[0] ?? 0;
          front.putRaw(bytes);
        }
        if (index !== null) front.setIndex(0, index);
        back.service();
        const ahead = index === null ? slots.length : index;
        if (ahead > front.slots) expect(broken).toHaveLength(1);
        else expect(front.take()).toHaveLength(ahead);
      },
    ),
    { numRuns: 300 },
  );
});
