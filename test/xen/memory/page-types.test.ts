import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import { MACH2PHYS_VIRT_START, PTE_HI_GUEST_KERNEL } from "../../../src/abi/mmu.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { PGT_l1, PGT_l2, PGT_l3, PGT_l4, PGT_writable } from "../../../src/xen/memory/frame-table.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import { pinTable, unpinTable } from "../../../src/xen/memory/pin.ts";
import { drain } from "../../../src/xen/memory/stepwise.ts";
import { counts, destroy, makeGuest, makeMachine } from "../test-machine.ts";

test("a pinned tree types every table, maps its frames, and all of it is given back", () => {
  const t = makeMachine();
  const free = t.machine.frames.freePages();
  const g = makeGuest(t, 1, 600);
  expect(t.log).toEqual([]);
  expect(counts(t.machine, g.l4)).toMatchObject({ type: PGT_l4, typeCount: 2 }); // pin and base
  expect(counts(t.machine, g.mfns[1] as number)).toMatchObject({ type: PGT_l3, typeCount: 1 });
  expect(counts(t.machine, g.mfns[2] as number)).toMatchObject({ type: PGT_l2, typeCount: 1 });
  expect(counts(t.machine, g.mfns[3] as number)).toMatchObject({ type: PGT_l1, typeCount: 1 });
  expect(counts(t.machine, g.mfns[100] as number)).toEqual({ count: 2, type: PGT_writable, typeCount: 1 });
  expect(g.domain.memory.totPages).toBe(600);
  destroy(t, g.domain);
  expect(g.domain.memory.totPages).toBe(0);
  expect(t.machine.frames.freePages()).toBe(free);
});

test("Xen adds U and bit 52 to kernel entries, U above", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(g.entry(10) & 4n).toBe(4n);
  expect(g.entry(10) >> 32n).toBe(BigInt(PTE_HI_GUEST_KERNEL));
  expect(g.get(0, 272 * 8) & 4n).toBe(4n);
});

test("a guest reads its memory and the M2P, and writes only what it may", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(t.engine.store(g.va(10), 42n)).toBe("done");
  expect(t.engine.load(g.va(10))).toBe(42n);
  expect(t.engine.store(g.va(3), 1n)).toBe("fault"); // an L1
  const m2p = (mfn: number): bigint => MACH2PHYS_VIRT_START + BigInt(mfn) * 8n;
  expect(t.engine.load(m2p(g.mfns[7] as number))).toBe(7n);
  expect(t.engine.load(m2p(0))).toBe(0xffff_ffff_ffff_ffffn);
  expect(t.engine.load(m2p(t.machine.frames.total - 1))).toBe(0xffff_ffff_ffff_ffffn);
  expect(t.engine.store(m2p(g.mfns[7] as number), 1n)).toBe("fault");
});

test("a refused tree leaves every count as it was", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1, 32);
  // An L4 to be, not mapped anywhere: its first entry is good, its third leads to plain memory.
  g.put(29, [g.entryAddress(20), 0n]);
  expect(g.call(doMmuUpdate, g.va(29), 1, 0, DOMID_SELF)).toBe(0);
  g.put(20, [(BigInt(g.mfns[1] as number) << 12n) | 1n, 0n, (BigInt(g.mfns[9] as number) << 12n) | 1n]);
  const before = g.mfns.map((mfn) => counts(t.machine, mfn));
  expect(pinTable(t.machine, g.mfns[20] as number, 1, PGT_l4)).toBe(-ERRNO.EINVAL);
  expect(g.mfns.map((mfn) => ({ ...counts(t.machine, mfn), type: 0 }))).toEqual(
    before.map((each) => ({ ...each, type: 0 })),
  );
  expect(t.log.join()).toContain("promote_l4_table: slot 0x2");
});

test("an L1 with one bad entry leaves nothing behind of the good ones before it", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1, 32);
  const at = g.put(29, [g.entryAddress(20), 0n]);
  expect(g.call(doMmuUpdate, at, 1, 0, DOMID_SELF)).toBe(0);
  const entry = (pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;
  g.put(20, [entry(21, 3n), entry(3, 1n), 0n, entry(22, 1n), entry(3, 3n), entry(23, 3n)]);
  const before = g.mfns.map((mfn) => ({ ...counts(t.machine, mfn), type: 0 }));
  expect(pinTable(t.machine, g.mfns[20] as number, 1, PGT_l1)).toBe(-ERRNO.EBUSY);
  expect(g.mfns.map((mfn) => ({ ...counts(t.machine, mfn), type: 0 }))).toEqual(before);
});

test("a table in use keeps its type, whatever else is asked of it", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1, 32);
  for (const [pfn, level] of [
    [0, PGT_l3],
    [1, PGT_l4],
    [2, PGT_l1],
    [3, PGT_l2],
    [10, PGT_l1],
  ] as const) {
    expect(pinTable(t.machine, g.mfns[pfn] as number, 1, level)).toBe(-ERRNO.EINVAL);
  }
});

test("linear maps: a validated table of the level, read-only, and never chained", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1, 40);
  const l4s = [20, 21, 22];
  for (const pfn of l4s) {
    g.put(30, [g.entryAddress(pfn), 0n]);
    expect(g.call(doMmuUpdate, g.va(30), 1, 0, DOMID_SELF)).toBe(0);
    expect(pinTable(t.machine, g.mfns[pfn] as number, 1, PGT_l4)).toBe(0);
  }
  const link = (from: number, to: number, flags: bigint) => {
    g.put(30, [(BigInt(g.mfns[from] as number) << 12n) + 8n, (BigInt(g.mfns[to] as number) << 12n) | flags]);
    return g.call(doMmuUpdate, g.va(30), 1, 0, DOMID_SELF);
  };
  expect(link(20, 21, 3n)).toBe(-ERRNO.EINVAL); // writable
  expect(link(20, 1, 3n)).toBe(0); // an ordinary L3
  expect(link(20, 21, 1n)).toBe(0);
  expect(link(21, 22, 1n)).toBe(-ERRNO.EINVAL); // 21 is the target of one
  expect(link(22, 20, 1n)).toBe(-ERRNO.EINVAL); // 20 has one
  expect(unpinTable(t.machine, g.mfns[21] as number, 1)).toBe(0);
  expect(drain(t.machine, g.domain)).toBe(true);
  expect(counts(t.machine, g.mfns[21] as number)).toMatchObject({ type: PGT_l4, typeCount: 1 });
  const free = t.machine.frames.freePages();
  destroy(t, g.domain);
  expect(t.machine.frames.linear.size).toBe(0);
  expect(t.machine.frames.freePages()).toBe(free + 40 + 1);
});
