import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import * as M from "../../../src/abi/mmu.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { CPU, CR3 } from "../../../src/cpu/layout.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import { doMmuextOp } from "../../../src/xen/memory/mmuext-op.ts";
import { addDomain, counts, destroy, type Guest, makeGuest, makeMachine } from "../test-machine.ts";

const ARGS = 60;
type Op = [command: number, arg1: bigint | number, arg2?: bigint | number];

const run = (g: Guest, ops: Op[], foreign: number = DOMID_SELF, done: bigint | number = 0) => {
  const at = g.put(
    ARGS,
    ops.flatMap(([command, arg1, arg2]) => [command, arg1, arg2 ?? 0]),
  );
  return g.call(doMmuextOp, at, ops.length, done, foreign);
};
/** Takes the writable mapping of a pfn away, so that it can become a table. */
const unmap = (g: Guest, pfn: number) => {
  const at = g.put(ARGS, [g.entryAddress(pfn), 0n]);
  expect(g.call(doMmuUpdate, at, 1, 0, DOMID_SELF)).toBe(0);
};
const mfn = (g: Guest, pfn: number): number => g.mfns[pfn] as number;

test.each<[string, (g: Guest) => Op, number]>([
  ["pin of an empty L1", (g) => [M.MMUEXT_PIN_L1_TABLE, mfn(g, 20)], 0],
  ["pin of an empty L4", (g) => [M.MMUEXT_PIN_L4_TABLE, mfn(g, 20)], 0],
  ["pin of a mapped page", (g) => [M.MMUEXT_PIN_L1_TABLE, mfn(g, 21)], -ERRNO.EINVAL],
  ["second pin", (g) => [M.MMUEXT_PIN_L4_TABLE, mfn(g, 0)], -ERRNO.EINVAL],
  ["pin of an L1 in use", (g) => [M.MMUEXT_PIN_L1_TABLE, mfn(g, 3)], 0],
  ["pin of another's frame", () => [M.MMUEXT_PIN_L1_TABLE, 0x3f00], -ERRNO.EINVAL],
  ["pin beyond the machine", () => [M.MMUEXT_PIN_L1_TABLE, 1n << 40n], -ERRNO.EINVAL],
  ["unpin", (g) => [M.MMUEXT_UNPIN_TABLE, mfn(g, 0)], 0],
  ["unpin of what is not pinned", (g) => [M.MMUEXT_UNPIN_TABLE, mfn(g, 3)], -ERRNO.EINVAL],
  ["unpin of another's frame", () => [M.MMUEXT_UNPIN_TABLE, 0x3f00], -ERRNO.EINVAL],
  ["new base", (g) => [M.MMUEXT_NEW_BASEPTR, mfn(g, 20)], 0],
  ["new base that is mapped writable", (g) => [M.MMUEXT_NEW_BASEPTR, mfn(g, 21)], -ERRNO.EINVAL],
  ["new base 0", () => [M.MMUEXT_NEW_BASEPTR, 0], -ERRNO.EINVAL],
  ["new user base", (g) => [M.MMUEXT_NEW_USER_BASEPTR, mfn(g, 20)], 0],
  ["user base none", () => [M.MMUEXT_NEW_USER_BASEPTR, 0], 0],
  ["user base that is an L3", (g) => [M.MMUEXT_NEW_USER_BASEPTR, mfn(g, 1)], -ERRNO.EINVAL],
  ["flush", () => [M.MMUEXT_TLB_FLUSH_LOCAL, 0], 0],
  ["flush of all", () => [M.MMUEXT_TLB_FLUSH_ALL, 0], 0],
  ["flush of some", (g) => [M.MMUEXT_TLB_FLUSH_MULTI, 0, g.va(ARGS) + 512n], 0],
  ["flush of some, mask nowhere", () => [M.MMUEXT_TLB_FLUSH_MULTI, 0, 0x1000], -ERRNO.EINVAL],
  ["page flush", (g) => [M.MMUEXT_INVLPG_LOCAL, g.va(20)], 0],
  ["page flush in Xen's range", () => [M.MMUEXT_INVLPG_ALL, 0xffff_8000_0000_0000n], 0],
  ["cache flush without a device", () => [M.MMUEXT_FLUSH_CACHE, 0], -ERRNO.EACCES],
  ["cache flush, all", () => [M.MMUEXT_FLUSH_CACHE_GLOBAL, 0], -ERRNO.EINVAL],
  ["LDT", (g) => [M.MMUEXT_SET_LDT, g.va(22), 512], 0],
  ["LDT, none", () => [M.MMUEXT_SET_LDT, 0x123, 0], 0],
  ["LDT, not aligned", (g) => [M.MMUEXT_SET_LDT, g.va(22) + 8n, 512], -ERRNO.EINVAL],
  ["LDT, too long", (g) => [M.MMUEXT_SET_LDT, g.va(22), 8193], -ERRNO.EINVAL],
  ["LDT in Xen's range", () => [M.MMUEXT_SET_LDT, 0xffff_8000_0000_0000n, 1], -ERRNO.EINVAL],
  ["clear a page", (g) => [M.MMUEXT_CLEAR_PAGE, mfn(g, 22)], 0],
  ["clear a table", (g) => [M.MMUEXT_CLEAR_PAGE, mfn(g, 3)], -ERRNO.EINVAL],
  ["copy a table out", (g) => [M.MMUEXT_COPY_PAGE, mfn(g, 22), mfn(g, 3)], 0],
  ["copy onto a table", (g) => [M.MMUEXT_COPY_PAGE, mfn(g, 3), mfn(g, 22)], -ERRNO.EINVAL],
  ["copy from another", (g) => [M.MMUEXT_COPY_PAGE, mfn(g, 22), 0x3f00], -ERRNO.EINVAL],
  ["superpages", () => [M.MMUEXT_MARK_SUPER, 0], -ERRNO.EOPNOTSUPP],
  ["no command", () => [14, 0], -ERRNO.ENOSYS],
  ["no command either", () => [21, 0], -ERRNO.ENOSYS],
])("%s", (_, op, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  unmap(g, 20);
  expect(run(g, [op(g)])).toBe(expected);
  const free = t.machine.frames.freePages();
  destroy(t, g.domain);
  expect(g.domain.memory.totPages).toBe(0);
  expect(t.machine.frames.freePages()).toBe(free + 64 + 1); // and its grant table
});

test("a new base is in force, the old one no longer held", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  unmap(g, 20);
  // A second L4 with the same kernel.
  t.engine.mem.view.setBigUint64(
    t.engine.mem.writeAddress(mfn(g, 20)) + 272 * 8,
    (BigInt(mfn(g, 1)) << 12n) | 3n,
    true,
  );
  expect(
    run(g, [
      [M.MMUEXT_NEW_BASEPTR, mfn(g, 20)],
      [M.MMUEXT_NEW_USER_BASEPTR, mfn(g, 0)],
    ]),
  ).toBe(0);
  expect(t.engine.mem.view.getBigUint64(CPU + CR3, true)).toBe(BigInt(mfn(g, 20)) << 12n);
  expect(g.vcpu).toMatchObject({ guestTable: mfn(g, 20), guestTableUser: mfn(g, 0) });
  expect(counts(t.machine, mfn(g, 20)).typeCount).toBe(1);
  expect(counts(t.machine, mfn(g, 0)).typeCount).toBe(2); // pin and user base
  expect(
    run(g, [
      [M.MMUEXT_UNPIN_TABLE, mfn(g, 0)],
      [M.MMUEXT_NEW_USER_BASEPTR, 0],
    ]),
  ).toBe(0);
  expect(counts(t.machine, mfn(g, 0)).typeCount).toBe(0);
  expect(t.engine.load(g.va(21))).toBe(0n);
});

test("pages are cleared and copied", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.put(21, [11n, 22n]);
  expect(
    run(g, [
      [M.MMUEXT_COPY_PAGE, mfn(g, 22), mfn(g, 21)],
      [M.MMUEXT_CLEAR_PAGE, mfn(g, 21)],
    ]),
  ).toBe(0);
  expect(g.get(22, 8)).toBe(22n);
  expect(g.get(21, 8)).toBe(0n);
});

test("the first refusal ends an array; *done says where", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const ops: Op[] = [
    [M.MMUEXT_TLB_FLUSH_LOCAL, 0],
    [M.MMUEXT_UNPIN_TABLE, mfn(g, 9)],
    [M.MMUEXT_CLEAR_PAGE, mfn(g, 21)],
  ];
  expect(run(g, ops, DOMID_SELF, g.va(ARGS) + 0x800n)).toBe(-ERRNO.EINVAL);
  expect(g.get(ARGS, 0x800)).toBe(1n);
});

test("a long array is interrupted and goes on", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const ops = Array.from({ length: 150 }, (): Op => [M.MMUEXT_TLB_FLUSH_LOCAL, 0]);
  expect(run(g, ops, DOMID_SELF, g.va(ARGS) + 0xff8n)).toBe(0);
  expect(g.get(ARGS, 0xff8)).toBe(150n);
});

test.each([
  ["its own id", 1, -ERRNO.ESRCH],
  ["nobody", 99, -ERRNO.ESRCH],
  ["another", 2, -ERRNO.EPERM],
])("for a foreign domain: %s", (_, foreign, expected) => {
  const t = makeMachine();
  addDomain(t.machine, 2);
  const g = makeGuest(t, 1);
  expect(run(g, [[M.MMUEXT_TLB_FLUSH_LOCAL, 0]], foreign)).toBe(expected);
});
