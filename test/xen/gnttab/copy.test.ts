import { expect, test } from "vitest";
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST,
  GNTTABOP_copy,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_writing,
} from "../../../src/abi/grant-table.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { doGrantTableOp } from "../../../src/xen/gnttab/grant-table-op.ts";
import { counts, type Guest, makeGuest, makeMachine } from "../test-machine.ts";

const ARGS = 60;
type End = [number: number, domid: number, offset: number];

const copy = (g: Guest, source: End, dest: End, length: number, flags: number): number => {
  const end = ([number, domid, offset]: End) => [BigInt(number), BigInt(domid) | (BigInt(offset) << 16n)];
  const at = g.put(ARGS, [...end(source), ...end(dest), BigInt(length) | (BigInt(flags) << 16n)]);
  expect(g.call(doGrantTableOp, GNTTABOP_copy, at, 1)).toBe(0);
  return Number(BigInt.asIntN(16, g.get(ARGS, 32) >> 32n));
};

function pair() {
  const t = makeMachine();
  const granter = makeGuest(t, 1);
  const copier = makeGuest(t, 2);
  const entry = (ref: number, flags: number, to: number, pfn: number) => {
    const at = t.engine.mem.writeAddress(granter.domain.grants.frames[0] as number) + ref * 8;
    t.engine.mem.view.setUint32(at, flags | (to << 16), true);
    t.engine.mem.view.setUint32(at + 4, granter.mfns[pfn] as number, true);
    return t.engine.mem.view;
  };
  entry(8, GTF_permit_access, 2, 20);
  entry(9, GTF_permit_access | GTF_readonly, 2, 21);
  entry(10, GTF_permit_access, 3, 22);
  entry(11, GTF_permit_access, 2, 3); // a page table
  granter.put(20, [0x1111n, 0x2222n]);
  granter.put(21, [0x3333n]);
  copier.put(30, [0xaaaan]);
  return { t, granter, copier };
}
const own = (g: Guest, pfn: number, offset = 0): End => [g.mfns[pfn] as number, DOMID_SELF, offset];

test.each<[string, (g: Guest) => [End, End, number, number], number]>([
  ["out of a grant", (g) => [[8, 1, 8], own(g, 30), 8, GNTCOPY_source_gref], GNTST.okay],
  ["into a grant", (g) => [own(g, 30), [8, 1, 16], 8, GNTCOPY_dest_gref], GNTST.okay],
  ["between two grants", () => [[9, 1, 0], [8, 1, 0], 8, 3], GNTST.okay],
  ["out of a read-only grant", (g) => [[9, 1, 0], own(g, 30), 8, GNTCOPY_source_gref], GNTST.okay],
  ["into a read-only grant", (g) => [own(g, 30), [9, 1, 0], 8, GNTCOPY_dest_gref], GNTST.general_error],
  ["granted to another", (g) => [[10, 1, 0], own(g, 30), 8, GNTCOPY_source_gref], GNTST.general_error],
  ["not granted", (g) => [[12, 1, 0], own(g, 30), 8, GNTCOPY_source_gref], GNTST.general_error],
  ["no such reference", (g) => [[512, 1, 0], own(g, 30), 8, GNTCOPY_source_gref], GNTST.bad_gntref],
  ["no such domain", (g) => [[8, 9, 0], own(g, 30), 8, GNTCOPY_source_gref], GNTST.bad_domain],
  ["another's frame by number", (g) => [[0x3f00, 1, 0], own(g, 30), 8, 0], GNTST.permission_denied],
  [
    "a frame that is not one's own",
    () => [[0x3f00, DOMID_SELF, 0], [8, 1, 0], 8, GNTCOPY_dest_gref],
    GNTST.bad_page,
  ],
  ["within one's own", (g) => [own(g, 30), own(g, 31), 4096, 0], GNTST.okay],
  ["beyond the source page", (g) => [[8, 1, 4090], own(g, 30), 8, GNTCOPY_source_gref], GNTST.bad_copy_arg],
  ["beyond the target page", (g) => [own(g, 30), [8, 1, 4090], 8, GNTCOPY_dest_gref], GNTST.bad_copy_arg],
  ["nothing", (g) => [[8, 1, 0], own(g, 30), 0, GNTCOPY_source_gref], GNTST.okay],
  [
    "into a page table of one's own",
    (g) => [[8, 1, 0], own(g, 3), 8, GNTCOPY_source_gref],
    GNTST.general_error,
  ],
  [
    "into a page table of the granter",
    (g) => [own(g, 30), [11, 1, 0], 8, GNTCOPY_dest_gref],
    GNTST.general_error,
  ],
])("copy %s", (_, args, expected) => {
  const { t, granter, copier } = pair();
  const before = [...granter.mfns, ...copier.mfns].map((mfn) => counts(t.machine, mfn));
  expect(copy(copier, ...args(copier))).toBe(expected);
  expect([...granter.mfns, ...copier.mfns].map((mfn) => counts(t.machine, mfn))).toEqual(before);
  expect(granter.domain.grants.active.size).toBe(0);
  const table = t.engine.mem.readAddress(granter.domain.grants.frames[0] as number);
  for (let ref = 8; ref < 13; ref++) {
    expect(t.engine.mem.view.getUint16(table + ref * 8, true) & (GTF_reading | GTF_writing)).toBe(0);
  }
});

test("the bytes arrive", () => {
  const { granter, copier } = pair();
  copy(copier, [8, 1, 8], own(copier, 30, 100), 2, GNTCOPY_source_gref);
  expect(copier.get(30, 100) & 0xffffn).toBe(0x2222n);
  copy(copier, own(copier, 30), [8, 1, 0], 2, GNTCOPY_dest_gref);
  expect(granter.get(20, 0)).toBe(0xaaaan);
});
