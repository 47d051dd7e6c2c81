import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import * as X from "../../../src/abi/memory.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { doMemoryOp } from "../../../src/xen/memory/memory-op.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { addDomain, destroy, type Guest, KERNEL_RW, makeGuest, makeMachine } from "../test-machine.ts";

const ARGS = 60;
const LIST = 61;

/** A reservation structure at ARGS with a list at LIST. */
const reserve = (
  g: Guest,
  op: number,
  list: (bigint | number)[],
  order = 0,
  domid: number = DOMID_SELF,
  flags = 0,
) => {
  const at = g.put(LIST, list);
  g.put(ARGS, [at, list.length, BigInt(order) | (BigInt(flags) << 32n), domid]);
  return g.call(doMemoryOp, op, g.va(ARGS));
};

/** Any other subop, its structure given as words. */
const ask = (g: Guest, op: number, words: (bigint | number)[]) => {
  g.put(ARGS, words);
  return g.call(doMemoryOp, op, g.va(ARGS));
};

test("ballooning out and in: frames go and come, counted, M2P kept", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const { frames } = t.machine;
  const free = frames.freePages();
  const mfn = g.mfns[20] as number;
  expect(g.call(doUpdateVaMapping, g.va(20), 0, 2)).toBe(0);
  expect(reserve(g, X.XENMEM_decrease_reservation, [mfn])).toBe(1);
  expect(g.domain.memory.totPages).toBe(63);
  expect(frames.freePages()).toBe(free + 1);
  expect(frames.m2p.get(mfn)).toBeUndefined();
  expect(reserve(g, X.XENMEM_populate_physmap, [20])).toBe(1);
  const fresh = Number(g.get(LIST, 0));
  expect(frames.m2p.get(fresh)).toBe(20);
  expect(g.domain.memory.totPages).toBe(64);
  expect(g.call(doUpdateVaMapping, g.va(20), (BigInt(fresh) << 12n) | KERNEL_RW, 2)).toBe(0);
  expect(t.engine.load(g.va(20))).toBe(0n);
});

test("a frame that is still mapped stays until it is unmapped", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(reserve(g, X.XENMEM_decrease_reservation, [g.mfns[20] as number])).toBe(1);
  expect(g.domain.memory.totPages).toBe(64);
  expect(reserve(g, X.XENMEM_decrease_reservation, [g.mfns[20] as number])).toBe(0);
  expect(g.call(doUpdateVaMapping, g.va(20), 0, 2)).toBe(0);
  expect(g.domain.memory.totPages).toBe(63);
});

test.each<[string, (g: Guest) => unknown, unknown]>([
  ["beyond its limit", (g) => reserve(g, X.XENMEM_populate_physmap, [100, 101, 102, 103]), 2],
  ["an extent of 2 MiB", (g) => reserve(g, X.XENMEM_increase_reservation, [0], 9), 0],
  ["an extent larger than he may ask for", (g) => reserve(g, X.XENMEM_populate_physmap, [100], 10), 0],
  ["for another domain", (g) => reserve(g, X.XENMEM_populate_physmap, [100], 0, 2), 0],
  ["for nobody", (g) => reserve(g, X.XENMEM_populate_physmap, [100], 0, 50), 0],
  [
    "populate-on-demand",
    (g) => reserve(g, X.XENMEM_populate_physmap, [100], 0, DOMID_SELF, X.XENMEMF_populate_on_demand),
    0,
  ],
  ["another's frame given back", (g) => reserve(g, X.XENMEM_decrease_reservation, [0x3f00]), 0],
  ["no frame given back", (g) => reserve(g, X.XENMEM_decrease_reservation, [1n << 40n]), 0],
  [
    "Xen's frame given back",
    (g) => reserve(g, X.XENMEM_decrease_reservation, [g.domain.grants.frames[0] as number]),
    0,
  ],
  ["current_reservation", (g) => ask(g, X.XENMEM_current_reservation, [DOMID_SELF]), 64],
  ["maximum_reservation", (g) => ask(g, X.XENMEM_maximum_reservation, [DOMID_SELF]), 66],
  ["another's reservation", (g) => ask(g, X.XENMEM_current_reservation, [2]), -ERRNO.EPERM],
  ["nobody's reservation", (g) => ask(g, X.XENMEM_current_reservation, [50]), -ERRNO.ESRCH],
  ["reservation nowhere", (g) => g.call(doMemoryOp, X.XENMEM_current_reservation, 0x1000), -ERRNO.EFAULT],
  ["maximum_gpfn", (g) => ask(g, X.XENMEM_maximum_gpfn, [DOMID_SELF]), 0],
  ["maximum_ram_page", (g) => g.call(doMemoryOp, X.XENMEM_maximum_ram_page, 0), 16384],
  ["memory_map before one is set", (g) => g.call(doMemoryOp, X.XENMEM_memory_map, g.va(ARGS)), -ERRNO.ENOSYS],
  ["machine_memory_map", (g) => g.call(doMemoryOp, X.XENMEM_machine_memory_map, g.va(ARGS)), -ERRNO.EPERM],
  ["add_to_physmap", (g) => g.call(doMemoryOp, X.XENMEM_add_to_physmap, g.va(ARGS)), -ERRNO.EACCES],
  ["remove_from_physmap", (g) => g.call(doMemoryOp, X.XENMEM_remove_from_physmap, g.va(ARGS)), -ERRNO.EACCES],
  ["pod target", (g) => g.call(doMemoryOp, X.XENMEM_get_pod_target, g.va(ARGS)), -ERRNO.EINVAL],
  ["vnuma", (g) => g.call(doMemoryOp, X.XENMEM_get_vnumainfo, g.va(ARGS)), -ERRNO.EOPNOTSUPP],
  ["claim", (g) => ask(g, X.XENMEM_claim_pages, [0, 5, 0, 1]), -ERRNO.EPERM],
  ["no subop", (g) => g.call(doMemoryOp, 63, 0), -ERRNO.ENOSYS],
  [
    "a continuation where there is none",
    (g) => g.call(doMemoryOp, X.XENMEM_maximum_ram_page | (1 << 6), 0),
    -ERRNO.EINVAL,
  ],
])("%s", (_, answer, expected) => {
  const t = makeMachine();
  addDomain(t.machine, 2);
  const g = makeGuest(t, 1, 64, { maxPages: 66 });
  expect(answer(g)).toBe(expected);
});

test("machphys_mapping and machphys_mfn_list tell where the M2P is", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(g.call(doMemoryOp, X.XENMEM_machphys_mapping, g.va(ARGS))).toBe(0);
  expect([0, 8, 16].map((at) => g.get(ARGS, at))).toEqual([
    0xffff_8000_0000_0000n,
    0xffff_8040_0000_0000n,
    0x7_ffff_ffffn,
  ]);
  g.put(ARGS, [8, g.va(LIST), 0]);
  expect(g.call(doMemoryOp, X.XENMEM_machphys_mfn_list, g.va(ARGS))).toBe(0);
  expect(g.get(ARGS, 16) & 0xffff_ffffn).toBe(1n);
  expect(g.get(LIST, 0)).toBe(BigInt(t.machine.frames.m2p.first));
});

test("memory_map answers what the toolstack set, as much as there is room for", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.domain.memory.memoryMap = [
    { addr: 0n, size: 0x1000_0000n, type: X.E820_RAM },
    { addr: 0x2000_0000n, size: 0x1000n, type: X.E820_RESERVED },
  ];
  g.put(ARGS, [128, g.va(LIST)]);
  expect(g.call(doMemoryOp, X.XENMEM_memory_map, g.va(ARGS))).toBe(0);
  expect(g.get(ARGS, 0) & 0xffff_ffffn).toBe(2n);
  expect(g.get(LIST, 8)).toBe(0x1000_0000n);
  expect(g.get(LIST, 16) & 0xffff_ffffn).toBe(1n);
  g.put(ARGS, [1, g.va(LIST)]);
  expect(g.call(doMemoryOp, X.XENMEM_memory_map, g.va(ARGS))).toBe(0);
  expect(g.get(ARGS, 0) & 0xffff_ffffn).toBe(1n);
});

const exchange = (g: Guest, give: bigint[], giveOrder: number, take: bigint[], takeOrder: number) => {
  g.put(LIST, give);
  g.put(LIST, take, 2048);
  g.put(ARGS, [g.va(LIST), give.length, giveOrder, DOMID_SELF]);
  g.put(ARGS, [g.va(LIST) + 2048n, take.length, takeOrder, DOMID_SELF, 0], 32);
  return g.call(doMemoryOp, X.XENMEM_exchange, g.va(ARGS));
};

test("exchange swaps scattered frames for a run, all or nothing", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const free = t.machine.frames.freePages();
  const pfns = [20, 25, 30, 35];
  const give = pfns.map((pfn) => BigInt(g.mfns[pfn] as number));
  expect(exchange(g, give, 0, [20n], 2)).toBe(-ERRNO.EINVAL); // still mapped
  expect(g.get(ARGS, 64)).toBe(0n);
  for (const pfn of pfns) g.call(doUpdateVaMapping, g.va(pfn), 0, 2);
  expect(exchange(g, give, 0, [20n], 2)).toBe(0);
  expect(g.get(ARGS, 64)).toBe(4n);
  const first = Number(g.get(LIST, 2048));
  expect(first % 4).toBe(0);
  expect([0, 1, 2, 3].map((i) => t.machine.frames.m2p.get(first + i))).toEqual([20, 21, 22, 23]);
  expect(g.domain.memory.totPages).toBe(64);
  expect(t.machine.frames.freePages()).toBe(free);
  expect(exchange(g, [BigInt(first)], 2, [20n, 25n, 30n, 35n], 0)).toBe(0);
  expect(t.machine.frames.m2p.get(Number(g.get(LIST, 2048 + 8)))).toBe(25);
  destroy(t, g.domain);
  expect(g.domain.memory.totPages).toBe(0);
});

test.each<[string, bigint[], number, bigint[], number, number]>([
  ["sizes differ", [1n, 2n], 0, [20n], 0, -ERRNO.EINVAL],
  ["order beyond his", [1n], 10, [20n], 10, -ERRNO.EPERM],
  ["another's frame", [0x3f00n], 0, [20n], 0, -ERRNO.EINVAL],
])("exchange refused: %s", (_, give, giveOrder, take, takeOrder, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(exchange(g, give, giveOrder, take, takeOrder)).toBe(expected);
});
