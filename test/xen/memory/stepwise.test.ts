/** Trees of many tables, pinned and taken apart in steps that are short, with the outcome of one go. */
import { expect, test } from "vitest";
import { MMUEXT_NEW_USER_BASEPTR, MMUEXT_PIN_L4_TABLE, MMUEXT_UNPIN_TABLE } from "../../../src/abi/mmu.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import type { CallResult, Handler } from "../../../src/xen/hypercall/context.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import { doMmuextOp } from "../../../src/xen/memory/mmuext-op.ts";
import { counts, destroy, type Guest, KERNEL_RO, makeGuest, makeMachine } from "../test-machine.ts";

const L1S = 120;
const PAGES = 256;
/** A tree of its own: L4, L3, L2 and L1S tables, each L1 mapping 512 times page 20, read-only. */
const L4 = 100;
const ARGS = 30;
const ENTRIES = 16 * 512;

function setUp() {
  const t = makeMachine(16, 2048);
  const g = makeGuest(t, 1, PAGES);
  const entry = (pfn: number): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | KERNEL_RO;
  // Tables are mapped read-only first: a page that is mapped writable becomes none.
  for (let pfn = L4; pfn < L4 + 3 + L1S; pfn++) {
    const at = g.put(ARGS, [g.entryAddress(pfn), entry(pfn)]);
    expect(g.call(doMmuUpdate, at, 1, 0, DOMID_SELF)).toBe(0);
  }
  g.put(L4, [entry(L4 + 1)]);
  g.put(L4 + 1, [entry(L4 + 2)]);
  for (let i = 0; i < L1S; i++) {
    g.put(L4 + 2, [entry(L4 + 3 + i)], i * 8);
    g.put(
      L4 + 3 + i,
      Array.from({ length: 512 }, () => entry(20)),
    );
  }
  return { t, g, entry };
}

/** Executes a call to its end; the most table entries that one go looked at. */
function inSteps(g: Guest, walked: () => number, handler: Handler, ...args: (bigint | number)[]) {
  const values = args.map((value) => BigInt(value));
  const goes: number[] = [];
  let result: CallResult = 0;
  const counting: Handler = (call) => {
    const before = walked();
    result = handler(call);
    goes.push(walked() - before);
    return result;
  };
  return { answer: g.call(counting, ...values), goes };
}

test("a tree of 120 full L1 tables is pinned, installed, unpinned and let go, a few tables at a time", () => {
  const { t, g } = setUp();
  const { frames } = t.machine;
  const walked = (): number => frames.walked;
  const before = counts(t.machine, g.mfns[20] as number);
  const op = (command: number, pfn: number) =>
    inSteps(
      g,
      walked,
      doMmuextOp,
      g.put(ARGS, [command, pfn === 0 ? 0 : (g.mfns[pfn] as number), 0]),
      1,
      0,
      DOMID_SELF,
    );

  const pin = op(MMUEXT_PIN_L4_TABLE, L4);
  expect(pin.answer).toBe(0);
  expect(pin.goes.length).toBeGreaterThan(6);
  expect(Math.max(...pin.goes)).toBeLessThan(2 * ENTRIES);
  expect(counts(t.machine, g.mfns[20] as number).count).toBe(before.count + L1S * 512);
  expect(counts(t.machine, g.mfns[L4] as number)).toMatchObject({ type: 4, typeCount: 1 });
  expect(counts(t.machine, g.mfns[L4 + 3] as number)).toMatchObject({ type: 1, typeCount: 1 });
  expect(g.domain.memory.prepared.length + g.domain.memory.releasing.length).toBe(0);

  expect(op(MMUEXT_NEW_USER_BASEPTR, L4).answer).toBe(0);
  expect(op(MMUEXT_UNPIN_TABLE, L4).answer).toBe(0);
  expect(counts(t.machine, g.mfns[20] as number).count).toBe(before.count + L1S * 512);
  const drop = op(MMUEXT_NEW_USER_BASEPTR, 0);
  expect(drop.answer).toBe(0);
  expect(drop.goes.length).toBeGreaterThan(6);
  expect(Math.max(...drop.goes)).toBeLessThan(2 * ENTRIES);
  expect(counts(t.machine, g.mfns[20] as number)).toEqual(before);
  expect(counts(t.machine, g.mfns[L4 + 3] as number).typeCount).toBe(0);
});

test("an entry of an L3 that brings such a tree in, and one that takes it out, are steps as well", () => {
  const { t, g, entry } = setUp();
  const walked = (): number => t.machine.frames.walked;
  const before = counts(t.machine, g.mfns[20] as number);
  const l3 = BigInt(g.mfns[1] as number) << 12n;
  const set = (value: bigint) =>
    inSteps(g, walked, doMmuUpdate, g.put(ARGS, [l3 + 8n * 9n, value]), 1, g.va(ARGS) + 64n, DOMID_SELF);
  const put = set(entry(L4 + 2));
  expect([put.answer, g.get(ARGS, 64)]).toEqual([0, 1n]);
  expect(Math.max(...put.goes)).toBeLessThan(2 * ENTRIES);
  const taken = set(0n);
  expect([taken.answer, taken.goes.length > 6]).toEqual([0, true]);
  expect(Math.max(...taken.goes)).toBeLessThan(2 * ENTRIES);
  expect(counts(t.machine, g.mfns[20] as number)).toEqual(before);
});

test("a tree with a fault in its last table is refused, and leaves nothing behind", () => {
  const { t, g } = setUp();
  g.put(L4 + 3 + L1S - 1, [(999_999n << 12n) | KERNEL_RO], 511 * 8);
  const before = counts(t.machine, g.mfns[20] as number);
  const pin = g.put(ARGS, [MMUEXT_PIN_L4_TABLE, g.mfns[L4] as number, 0]);
  expect(g.call(doMmuextOp, pin, 1, 0, DOMID_SELF)).toBeLessThan(0);
  const unpin = g.put(ARGS, [MMUEXT_UNPIN_TABLE, g.mfns[L4] as number, 0]);
  expect(g.call(doMmuextOp, unpin, 1, 0, DOMID_SELF)).toBe(-22);
  expect(counts(t.machine, g.mfns[20] as number)).toEqual(before);
  expect(counts(t.machine, g.mfns[L4 + 3] as number).typeCount).toBe(0);
});

test("a domain that dies in the middle of a step gives all back", () => {
  const { t, g } = setUp();
  const free = t.machine.frames.freePages();
  const at = g.put(ARGS, [MMUEXT_PIN_L4_TABLE, g.mfns[L4] as number, 0]);
  let goes = 0;
  g.call((call) => (goes++ < 3 ? doMmuextOp(call) : 0), at, 1, 0, DOMID_SELF);
  expect(g.domain.memory.prepared.length).toBeGreaterThan(10);
  destroy(t, g.domain);
  expect(g.domain.memory.totPages).toBe(0);
  expect(t.machine.frames.freePages()).toBeGreaterThan(free + PAGES - 1);
});
