import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import {
  GNTMAP_contains_pte,
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST,
  GNTTABOP_map_grant_ref,
  GNTTABOP_unmap_and_replace,
  GNTTABOP_unmap_grant_ref,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_sub_page,
  GTF_transitive,
  GTF_writing,
} from "../../../src/abi/grant-table.ts";
import { doGrantTableOp } from "../../../src/xen/gnttab/grant-table-op.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { counts, destroy, type Guest, makeGuest, makeMachine, type TestMachine } from "../test-machine.ts";

const ARGS = 60;
const HOST = GNTMAP_host_map;

/** Two guests: 1 grants to 2. */
function pair(t: TestMachine = makeMachine()) {
  const granter = makeGuest(t, 1);
  const mapper = makeGuest(t, 2);
  return { t, granter, mapper };
}

/** Fills an entry of a guest's shared table, as the guest would. */
const grant = (t: TestMachine, g: Guest, ref: number, flags: number, to: number, mfn: number) => {
  const at = t.engine.mem.writeAddress(g.domain.grants.frames[0] as number) + ref * 8;
  t.engine.mem.view.setUint16(at, flags, true);
  t.engine.mem.view.setUint16(at + 2, to, true);
  t.engine.mem.view.setUint32(at + 4, mfn, true);
};
const flagsOf = (t: TestMachine, g: Guest, ref: number): number =>
  t.engine.mem.view.getUint16(t.engine.mem.readAddress(g.domain.grants.frames[0] as number) + ref * 8, true);

const map = (g: Guest, hostAddr: bigint, flags: number, ref: number, dom: number) => {
  const at = g.put(ARGS, [hostAddr, BigInt(flags) | (BigInt(ref) << 32n), dom, 0]);
  const rc = g.call(doGrantTableOp, GNTTABOP_map_grant_ref, at, 1);
  const out = g.get(ARGS, 16);
  const status = Number(BigInt.asIntN(16, out >> 16n));
  return { rc, status, handle: Number(out >> 32n), bus: g.get(ARGS, 24) };
};
const unmap = (g: Guest, hostAddr: bigint, handle: number, bus = 0n, op = GNTTABOP_unmap_grant_ref) => {
  const at = g.put(ARGS, [hostAddr, bus, handle]);
  expect(g.call(doGrantTableOp, op, at, 1)).toBe(0);
  return Number(BigInt.asIntN(16, g.get(ARGS, 16) >> 32n));
};

test("a granted frame is mapped, written, marked, and given back", () => {
  const { t, granter, mapper } = pair();
  const mfn = granter.mfns[20] as number;
  grant(t, granter, 9, GTF_permit_access, 2, mfn);
  const va = mapper.va(30);
  const old = mapper.mfns[30] as number;
  const mapped = map(mapper, va, HOST, 9, 1);
  expect(mapped).toMatchObject({ rc: 0, status: GNTST.okay, bus: BigInt(mfn) << 12n });
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
  expect(counts(t.machine, mfn)).toMatchObject({ count: 3, typeCount: 2 });
  expect(counts(t.machine, old)).toMatchObject({ count: 1, typeCount: 0 });
  expect(t.engine.store(va, 77n)).toBe("done");
  expect(granter.get(20, 0)).toBe(77n);
  expect(unmap(mapper, va, mapped.handle)).toBe(GNTST.okay);
  expect(t.engine.load(va)).toBe("fault");
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access);
  expect(counts(t.machine, mfn)).toMatchObject({ count: 2, typeCount: 1 });
  expect(unmap(mapper, va, mapped.handle)).toBe(GNTST.bad_handle);
});

test("read-only and writable uses are counted apart", () => {
  const { t, granter, mapper } = pair();
  grant(t, granter, 9, GTF_permit_access, 2, granter.mfns[20] as number);
  const reader = map(mapper, mapper.va(30), HOST | GNTMAP_readonly, 9, 1);
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access | GTF_reading);
  expect(t.engine.store(mapper.va(30), 1n)).toBe("fault");
  const writer = map(mapper, mapper.va(31), HOST, 9, 1);
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
  expect(unmap(mapper, mapper.va(31), writer.handle)).toBe(GNTST.okay);
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access | GTF_reading);
  expect(unmap(mapper, mapper.va(30), reader.handle)).toBe(GNTST.okay);
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access);
});

test("the entry may change while it is used; the frame mapped first counts", () => {
  const { t, granter, mapper } = pair();
  grant(t, granter, 9, GTF_permit_access, 2, granter.mfns[20] as number);
  const first = map(mapper, mapper.va(30), HOST, 9, 1);
  grant(t, granter, 9, GTF_permit_access | GTF_reading | GTF_writing, 2, granter.mfns[21] as number);
  granter.put(20, [20n]);
  const second = map(mapper, mapper.va(31), HOST, 9, 1);
  expect(t.engine.load(mapper.va(31))).toBe(20n);
  expect([unmap(mapper, mapper.va(30), first.handle), unmap(mapper, mapper.va(31), second.handle)]).toEqual([
    0, 0,
  ]);
});

type Row = [string, (p: ReturnType<typeof pair>) => ReturnType<typeof map>, number];
/** Grant 9 made so (flags, to whom, which page, whose), then a mapping of some grant tried. */
const granted = (
  p: ReturnType<typeof pair>,
  [flags = GTF_permit_access, to = 2, pfn = 20, owner = p.granter]: [number?, number?, number?, Guest?],
  hostAddr: bigint,
  mapFlags: number,
  ref: number,
  dom: number,
) => {
  grant(p.t, p.granter, 9, flags, to, owner.mfns[pfn] as number);
  return map(p.mapper, hostAddr, mapFlags, ref, dom);
};

test.each<Row>([
  ["no kind of mapping", (p) => granted(p, [], p.mapper.va(30), GNTMAP_readonly, 9, 1), GNTST.bad_gntref],
  ["no such domain", (p) => granted(p, [], p.mapper.va(30), HOST, 9, 7), GNTST.bad_domain],
  ["no such reference", (p) => granted(p, [], p.mapper.va(30), HOST, 512, 1), GNTST.bad_gntref],
  [
    "granted to another",
    (p) => granted(p, [GTF_permit_access, 3], p.mapper.va(30), HOST, 9, 1),
    GNTST.general_error,
  ],
  ["not granted", (p) => granted(p, [0], p.mapper.va(30), HOST, 9, 1), GNTST.general_error],
  ["transitive", (p) => granted(p, [GTF_transitive], p.mapper.va(30), HOST, 9, 1), GNTST.general_error],
  [
    "sub-page",
    (p) => granted(p, [GTF_permit_access | GTF_sub_page], p.mapper.va(30), HOST, 9, 1),
    GNTST.general_error,
  ],
  [
    "read-only grant, writable mapping",
    (p) => granted(p, [GTF_permit_access | GTF_readonly], p.mapper.va(30), HOST, 9, 1),
    GNTST.general_error,
  ],
  [
    "read-only grant, read-only mapping",
    (p) => granted(p, [GTF_permit_access | GTF_readonly], p.mapper.va(30), HOST | GNTMAP_readonly, 9, 1),
    GNTST.okay,
  ],
  [
    "a page table, writable",
    (p) => granted(p, [GTF_permit_access, 2, 3], p.mapper.va(30), HOST, 9, 1),
    GNTST.general_error,
  ],
  [
    "a page table, read-only",
    (p) => granted(p, [GTF_permit_access, 2, 3], p.mapper.va(30), HOST | GNTMAP_readonly, 9, 1),
    GNTST.okay,
  ],
  [
    "a frame that is not the granter's",
    (p) => granted(p, [GTF_permit_access, 2, 20, p.mapper], p.mapper.va(30), HOST, 9, 1),
    GNTST.bad_page,
  ],
  ["an address without a table", (p) => granted(p, [], 0x1000n, HOST, 9, 1), GNTST.general_error],
  ["Xen's range", (p) => granted(p, [], 0xffff_8000_0000_0000n, HOST, 9, 1), GNTST.general_error],
  [
    "an entry named by machine address",
    (p) => granted(p, [], p.mapper.entryAddress(30), HOST | GNTMAP_contains_pte, 9, 1),
    GNTST.okay,
  ],
  [
    "… not aligned",
    (p) => granted(p, [], p.mapper.entryAddress(30) + 4n, HOST | GNTMAP_contains_pte, 9, 1),
    GNTST.general_error,
  ],
  [
    "… in another's table",
    (p) => granted(p, [], p.granter.entryAddress(30), HOST | GNTMAP_contains_pte, 9, 1),
    GNTST.general_error,
  ],
  [
    "… in plain memory",
    (p) => granted(p, [], BigInt(p.mapper.mfns[30] as number) << 12n, HOST | GNTMAP_contains_pte, 9, 1),
    GNTST.general_error,
  ],
  ["for a device", (p) => granted(p, [], 0n, GNTMAP_device_map, 9, 1), GNTST.okay],
])("map: %s", (_, attempt, expected) => {
  const p = pair();
  const before = p.granter.mfns.map((mfn) => counts(p.t.machine, mfn));
  const result = attempt(p);
  expect(result).toMatchObject({ rc: 0, status: expected });
  if (expected !== GNTST.okay) {
    expect(flagsOf(p.t, p.granter, 9) & (GTF_reading | GTF_writing)).toBe(0);
    expect(p.granter.mfns.map((mfn) => counts(p.t.machine, mfn))).toEqual(before);
    expect(p.granter.domain.grants.active.size).toBe(0);
  }
  destroy(p.t, p.mapper.domain);
  expect(p.granter.domain.grants.active.size).toBe(0);
  expect(p.granter.mfns.map((mfn) => counts(p.t.machine, mfn))).toEqual(before);
  destroy(p.t, p.granter.domain);
  expect(p.granter.domain.memory.totPages + p.mapper.domain.memory.totPages).toBe(0);
});

test("handles end at the domain's limit", () => {
  const { t, granter, mapper } = pair();
  grant(t, granter, 9, GTF_permit_access, 2, granter.mfns[20] as number);
  const statuses = Array.from(
    { length: 257 },
    () => map(mapper, 0n, GNTMAP_device_map | GNTMAP_readonly, 9, 1).status,
  );
  expect(statuses.filter((s) => s === GNTST.okay).length).toBeLessThanOrEqual(255);
  expect([GNTST.no_space, GNTST.general_error]).toContain(statuses.at(-1));
});

test("unmapping with the wrong address, or a device's, fails and leaves the mapping", () => {
  const { t, granter, mapper } = pair();
  grant(t, granter, 9, GTF_permit_access, 2, granter.mfns[20] as number);
  const mapped = map(mapper, mapper.va(30), HOST | GNTMAP_device_map, 9, 1);
  expect(unmap(mapper, mapper.va(31), mapped.handle)).toBe(GNTST.general_error);
  expect(unmap(mapper, 0n, mapped.handle, 0x1000n)).toBe(GNTST.bad_dev_addr);
  expect(unmap(mapper, mapper.va(30), mapped.handle)).toBe(GNTST.okay);
  expect(flagsOf(t, granter, 9) & GTF_writing).toBe(GTF_writing); // the device still may
  expect(unmap(mapper, 0n, mapped.handle, mapped.bus)).toBe(GNTST.okay);
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access);
});

test("unmap_and_replace moves another mapping into the place", () => {
  const { t, granter, mapper } = pair();
  grant(t, granter, 9, GTF_permit_access, 2, granter.mfns[20] as number);
  mapper.put(31, [31n]);
  const mapped = map(mapper, mapper.va(30), HOST, 9, 1);
  expect(unmap(mapper, mapper.va(30), mapped.handle, mapper.va(31), GNTTABOP_unmap_and_replace)).toBe(
    GNTST.okay,
  );
  expect(t.engine.load(mapper.va(30))).toBe(31n);
  expect(t.engine.load(mapper.va(31))).toBe("fault");
});

test("a granter that dies keeps the mapped frame until it is unmapped", () => {
  const { t, granter, mapper } = pair();
  const mfn = granter.mfns[20] as number;
  grant(t, granter, 9, GTF_permit_access, 2, mfn);
  granter.put(20, [5n]);
  const mapped = map(mapper, mapper.va(30), HOST, 9, 1);
  destroy(t, granter.domain);
  expect(granter.domain.memory.totPages).toBe(1);
  t.engine.select(mapper.vcpu.engineVcpu as number);
  expect(t.engine.load(mapper.va(30))).toBe(5n);
  expect(unmap(mapper, mapper.va(30), mapped.handle)).toBe(GNTST.okay);
  expect(granter.domain.memory.totPages).toBe(0);
  destroy(t, mapper.domain);
  expect(mapper.domain.memory.totPages).toBe(0);
});

test("an entry overwritten by hand gives the frame back; the grant stays pinned until the mapper dies", () => {
  const { t, granter, mapper } = pair();
  const mfn = granter.mfns[20] as number;
  grant(t, granter, 9, GTF_permit_access, 2, mfn);
  const mapped = map(mapper, mapper.va(30), HOST, 9, 1);
  expect(mapper.call(doUpdateVaMapping, mapper.va(30), 0, 2)).toBe(0);
  expect(counts(t.machine, mfn)).toMatchObject({ count: 2, typeCount: 1 });
  expect(unmap(mapper, mapper.va(30), mapped.handle)).toBe(GNTST.general_error);
  expect(flagsOf(t, granter, 9) & GTF_reading).toBe(GTF_reading);
  destroy(t, mapper.domain);
  expect(flagsOf(t, granter, 9)).toBe(GTF_permit_access);
});

test.each([
  ["count below 0", [GNTTABOP_map_grant_ref, 0, 0x8000_0000], -ERRNO.EINVAL],
  ["array nowhere", [GNTTABOP_map_grant_ref, 0x1000, 1], -ERRNO.EFAULT],
  ["dump_table", [3, 0, 1], -ERRNO.ENOSYS],
  ["no command", [13, 0, 1], -ERRNO.ENOSYS],
  ["bits above the command", [1 << 20, 0, 0], -ERRNO.EINVAL],
  ["nothing to do", [GNTTABOP_map_grant_ref, 0x1000, 0], 0],
])("grant_table_op: %s", (_, args, expected) => {
  expect(pair().mapper.call(doGrantTableOp, ...args)).toBe(expected);
});
