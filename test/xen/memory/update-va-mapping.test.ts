import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import {
  doUpdateVaMapping,
  doUpdateVaMappingOtherdomain,
} from "../../../src/xen/memory/update-va-mapping.ts";
import { addDomain, type Guest, KERNEL_RO, KERNEL_RW, makeGuest, makeMachine } from "../test-machine.ts";

const pte = (g: Guest, pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;

test.each<[string, (g: Guest) => [va: bigint, entry: bigint, flags: bigint], number]>([
  ["cleared", (g) => [g.va(20), 0n, 0n], 0],
  ["mapped elsewhere", (g) => [g.va(20), pte(g, 21, KERNEL_RW), 2n], 0],
  ["any byte of the page will do", (g) => [g.va(20) + 0x123n, pte(g, 21, KERNEL_RW), 1n], 0],
  ["flushed everywhere", (g) => [g.va(20), 0n, 6n], 0],
  ["flushed by mask", (g) => [g.va(20), 0n, (g.va(30) & ~3n) | 1n], 0],
  ["mask nowhere", (g) => [g.va(20), 0n, 0x1001n], -ERRNO.EFAULT],
  ["a table, writable", (g) => [g.va(20), pte(g, 3, KERNEL_RW), 0n], -ERRNO.EBUSY],
  ["a table, read-only", (g) => [g.va(20), pte(g, 3, KERNEL_RO), 0n], 0],
  ["no table there", () => [0x1000n, 0n, 0n], -ERRNO.EINVAL],
  ["no table there, though above is one", (g) => [g.va(20) + (1n << 21n), 0n, 0n], -ERRNO.EINVAL],
  ["Xen's range", () => [0xffff_8000_0000_0000n, 0n, 0n], -ERRNO.EINVAL],
  ["not canonical", () => [0x8000_0000_0000n, 0n, 0n], -ERRNO.EINVAL],
])("%s", (_, args, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const [va, entry, flags] = args(g);
  expect(g.call(doUpdateVaMapping, va, entry, flags)).toBe(expected);
});

test("the flush asked for happens: a stale mapping is gone", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.put(20, [1n]);
  g.put(21, [2n]);
  expect(t.engine.load(g.va(20))).toBe(1n);
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 21, KERNEL_RW), 0)).toBe(0);
  expect(t.engine.load(g.va(20))).toBe(1n); // his own fault
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 21, KERNEL_RW), 2)).toBe(0);
  expect(t.engine.load(g.va(20))).toBe(2n);
});

test("another domain's frame only with its id and privilege over it", () => {
  const t = makeMachine();
  const other = makeGuest(t, 2);
  const g = makeGuest(t, 1);
  const entry = (BigInt(other.mfns[20] as number) << 12n) | KERNEL_RW;
  expect(g.call(doUpdateVaMapping, g.va(20), entry, 0)).toBe(-ERRNO.EBUSY);
  expect(g.call(doUpdateVaMappingOtherdomain, g.va(20), entry, 0, 2)).toBe(-ERRNO.EPERM);
  expect(g.call(doUpdateVaMappingOtherdomain, g.va(20), entry, 0, 7)).toBe(-ERRNO.ESRCH);
  const t2 = makeMachine();
  const victim = makeGuest(t2, 2);
  const dom0 = makeGuest(t2, 3, 64, { privileged: true });
  victim.put(20, [77n]);
  const theirs = (BigInt(victim.mfns[20] as number) << 12n) | KERNEL_RW;
  expect(dom0.call(doUpdateVaMappingOtherdomain, dom0.va(20), theirs, 2, 2)).toBe(0);
  expect(t2.engine.load(dom0.va(20))).toBe(77n);
  void addDomain;
});
