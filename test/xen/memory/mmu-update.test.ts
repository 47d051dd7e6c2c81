import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import {
  MMU_MACHPHYS_UPDATE,
  MMU_NORMAL_PT_UPDATE,
  MMU_PT_UPDATE_PRESERVE_AD,
} from "../../../src/abi/mmu.ts";
import { DOMID_IO, DOMID_SELF, DOMID_XEN } from "../../../src/abi/types.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import {
  addDomain,
  counts,
  type Guest,
  KERNEL_RO,
  KERNEL_RW,
  makeGuest,
  makeMachine,
  USER_RW,
} from "../test-machine.ts";

const ARGS = 60; // pfn of the request page
const pte = (g: Guest, pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;

/** One request at a time: [ptr, val] and what it answers. */
const update = (g: Guest, ptr: bigint, val: bigint, foreign: number = DOMID_SELF) => {
  const at = g.put(ARGS, [ptr, val]);
  return g.call(doMmuUpdate, at, 1, 0, foreign);
};

test.each<[string, (g: Guest) => [bigint, bigint], number]>([
  ["a mapping is cleared", (g) => [g.entryAddress(20), 0n], 0],
  ["a frame is mapped twice", (g) => [g.entryAddress(20), pte(g, 21, KERNEL_RW)], 0],
  ["a table is mapped read-only", (g) => [g.entryAddress(20), pte(g, 3, KERNEL_RO)], 0],
  ["a table is not mapped writable", (g) => [g.entryAddress(20), pte(g, 3, KERNEL_RW)], -ERRNO.EBUSY],
  ["an L4 is not mapped writable", (g) => [g.entryAddress(20), pte(g, 0, KERNEL_RW)], -ERRNO.EBUSY],
  ["cache attributes are not his", (g) => [g.entryAddress(20), pte(g, 21, KERNEL_RW | 0x10n)], -ERRNO.EINVAL],
  ["PAT is not his", (g) => [g.entryAddress(20), pte(g, 21, KERNEL_RW | 0x80n)], -ERRNO.EINVAL],
  ["G is allowed", (g) => [g.entryAddress(20), pte(g, 21, USER_RW | 0x100n)], 0],
  [
    "NX and software bits are his",
    (g) => [g.entryAddress(20), pte(g, 21, KERNEL_RW | (0x812n << 52n) | 0xe00n)],
    0,
  ],
  [
    "a frame that nobody owns",
    (g) => [g.entryAddress(20), ((300n + BigInt(g.mfns[60] as number)) << 12n) | KERNEL_RW],
    -ERRNO.EBUSY,
  ],
  ["no RAM", (g) => [g.entryAddress(20), (0xf_f000n << 12n) | KERNEL_RW], -ERRNO.EPERM],
  ["the invalid frame", (g) => [g.entryAddress(20), 0x000f_ffff_ffff_f000n | KERNEL_RW], -ERRNO.EINVAL],
  ["a frame of the first MiB", (g) => [g.entryAddress(20), (5n << 12n) | KERNEL_RO], -ERRNO.EBUSY],
  ["an entry in a frame that is no table", (g) => [BigInt(g.mfns[30] as number) << 12n, 0x1234n], 0],
  ["an entry in another's frame", () => [0x3f00n << 12n, 0n], -ERRNO.EINVAL],
  ["an entry beyond the machine", () => [0x8000_0000_0000_0000n, 0n], -ERRNO.EINVAL],
  ["a command that is none", (g) => [g.entryAddress(20) | 4n, 0n], -ERRNO.ENOSYS],
  ["an L4 slot of Xen's", (g) => [(BigInt(g.mfns[0] as number) << 12n) + 256n * 8n, 0n], -ERRNO.EINVAL],
  [
    "an L4 slot beyond Xen's",
    (g) => [(BigInt(g.mfns[0] as number) << 12n) + 300n * 8n, pte(g, 1, KERNEL_RW)],
    0,
  ],
  [
    "an L4 slot to a page that is no L3",
    (g) => [(BigInt(g.mfns[0] as number) << 12n) + 300n * 8n, pte(g, 20, KERNEL_RW)],
    -ERRNO.EINVAL,
  ],
  [
    "an L4 slot to itself, read-only",
    (g) => [(BigInt(g.mfns[0] as number) << 12n) + 300n * 8n, pte(g, 0, KERNEL_RO)],
    0,
  ],
  [
    "an L4 slot to itself, writable",
    (g) => [(BigInt(g.mfns[0] as number) << 12n) + 300n * 8n, pte(g, 0, KERNEL_RW)],
    -ERRNO.EINVAL,
  ],
  [
    "an L2 slot with a superpage",
    (g) => [(BigInt(g.mfns[2] as number) << 12n) + 80n, pte(g, 30, KERNEL_RW | 0x80n)],
    -ERRNO.EINVAL,
  ],
  [
    "an L3 slot with PWT",
    (g) => [(BigInt(g.mfns[1] as number) << 12n) + 80n, pte(g, 2, KERNEL_RW | 8n)],
    -ERRNO.EINVAL,
  ],
])("%s", (_, request, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const before = g.mfns.map((mfn) => counts(t.machine, mfn));
  const [ptr, val] = request(g);
  expect(update(g, ptr, val)).toBe(expected);
  if (expected !== 0) expect(g.mfns.map((mfn) => counts(t.machine, mfn))).toEqual(before);
});

test("what is stored has Xen's bits, and PRESERVE_AD keeps A and D", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(update(g, g.entryAddress(20), pte(g, 21, 3n))).toBe(0);
  expect(g.entry(20)).toBe(pte(g, 21, 7n) | (1n << 52n));
  expect(update(g, g.entryAddress(20), pte(g, 21, 7n))).toBe(0);
  expect(g.entry(20)).toBe(pte(g, 21, 0x107n));
  t.engine.store(g.va(20), 1n);
  expect(g.entry(20) & 0x60n).toBe(0x60n);
  expect(update(g, g.entryAddress(20) | BigInt(MMU_PT_UPDATE_PRESERVE_AD), pte(g, 21, 7n))).toBe(0);
  expect(g.entry(20) & 0x60n).toBe(0x60n);
  expect(update(g, g.entryAddress(20) | BigInt(MMU_NORMAL_PT_UPDATE), pte(g, 21, 7n))).toBe(0);
  expect(g.entry(20) & 0x60n).toBe(0n);
});

test("an array stops at the first request refused and says how many are done", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const requests = [g.entryAddress(20), 0n, g.entryAddress(21), 0n, 0n, 0n, g.entryAddress(22), 0n];
  const at = g.put(ARGS, requests);
  const done = g.va(ARGS) + 0x800n;
  expect(g.call(doMmuUpdate, at, 4, done, DOMID_SELF)).toBe(-ERRNO.EINVAL);
  expect(g.get(ARGS, 0x800) & 0xffff_ffffn).toBe(2n);
  expect(g.entry(21)).toBe(0n);
  expect(g.entry(22)).not.toBe(0n);
});

test("a long array is interrupted and goes on, counting right", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1, 256);
  for (let page = 0; page < 6; page++) {
    const words: bigint[] = [];
    for (let i = 0; i < 256; i++)
      words.push(g.entryAddress(20 + (i & 1)), pte(g, 21, i & 2 ? KERNEL_RO : KERNEL_RW));
    g.put(100 + page, words);
  }
  const done = g.va(ARGS);
  expect(g.call(doMmuUpdate, g.va(100), 6 * 256, done, DOMID_SELF)).toBe(0);
  expect(g.get(ARGS, 0) & 0xffff_ffffn).toBe(1536n);
});

test.each<[string, number, number]>([
  ["its own id", 1, -ERRNO.ESRCH],
  ["nobody", 77, -ERRNO.ESRCH],
  ["another domain", 2, -ERRNO.EPERM],
  ["DOMID_IO", DOMID_IO, -ERRNO.EPERM],
  ["DOMID_XEN", DOMID_XEN, -ERRNO.EPERM],
  ["tables of another", (3 << 16) | DOMID_SELF, -ERRNO.EPERM],
  ["tables of nobody", (78 << 16) | DOMID_SELF, -ERRNO.ESRCH],
  ["tables of its own", (2 << 16) | DOMID_SELF, 0],
])("foreign domain: %s", (_, foreign, expected) => {
  const t = makeMachine();
  addDomain(t.machine, 2);
  const g = makeGuest(t, 1);
  expect(update(g, g.entryAddress(20), 0n, foreign)).toBe(expected);
});

test("MACHPHYS changes the M2P of one's own frames only", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const own = BigInt(g.mfns[9] as number) << 12n;
  expect(update(g, own | BigInt(MMU_MACHPHYS_UPDATE), 0x1234n)).toBe(0);
  expect(t.machine.frames.m2p.get(g.mfns[9] as number)).toBe(0x1234);
  expect(update(g, (0x3f00n << 12n) | BigInt(MMU_MACHPHYS_UPDATE), 1n)).toBe(-ERRNO.EINVAL);
});

test("an unreadable array is EFAULT, Xen's own range too", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(g.call(doMmuUpdate, 0x1000, 1, 0, DOMID_SELF)).toBe(-ERRNO.EFAULT);
  expect(g.call(doMmuUpdate, 0xffff_8000_0000_0000n, 1, 0, DOMID_SELF)).toBe(-ERRNO.EFAULT);
  expect(g.call(doMmuUpdate, 0x8000_0000_0000n, 1, 0, DOMID_SELF)).toBe(-ERRNO.EFAULT);
});

test("a request across a page boundary is read whole", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.put(ARGS, [g.entryAddress(20)], 4088);
  g.put(ARGS + 1, [0n]);
  expect(g.call(doMmuUpdate, g.va(ARGS) + 4088n, 1, 0, DOMID_SELF)).toBe(0);
  expect(g.entry(20)).toBe(0n);
});
