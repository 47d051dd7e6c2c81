import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import * as G from "../../../src/abi/grant-table.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { doGrantTableOp } from "../../../src/xen/gnttab/grant-table-op.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { addDomain, type Guest, KERNEL_RW, makeGuest, makeMachine } from "../test-machine.ts";

const ARGS = 60;
const LIST = 61;
const { GNTST } = G;

const setup = (g: Guest, domid: number, frames: number, list?: bigint) => {
  g.put(ARGS, [BigInt(domid) | (BigInt(frames) << 32n), 0, list ?? g.va(LIST)]);
  const rc = g.call(doGrantTableOp, G.GNTTABOP_setup_table, g.va(ARGS), 1);
  return [rc, Number(BigInt.asIntN(16, g.get(ARGS, 8)))];
};

test("setup_table grows the table; its frames can be mapped and read as the table", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(setup(g, DOMID_SELF, 3)).toEqual([0, 0]);
  const mfns = [0, 8, 16].map((at) => Number(g.get(LIST, at)));
  expect(mfns).toEqual(g.domain.grants.frames);
  expect(g.call(doUpdateVaMapping, g.va(30), (BigInt(mfns[2] as number) << 12n) | KERNEL_RW, 2)).toBe(0);
  expect(t.engine.store(g.va(30), 1n)).toBe("done");
  expect(setup(g, DOMID_SELF, 1)).toEqual([0, 0]);
  expect(g.domain.grants.frames.length).toBe(3);
});

test.each<[string, (g: Guest) => unknown, unknown]>([
  ["more frames than allowed", (g) => setup(g, DOMID_SELF, 5), [0, GNTST.general_error]],
  ["another's table", (g) => setup(g, 2, 1), [0, GNTST.permission_denied]],
  ["nobody's table", (g) => setup(g, 50, 1), [0, GNTST.bad_domain]],
  ["list nowhere", (g) => setup(g, DOMID_SELF, 1, 0x1000n), [0, GNTST.bad_virt_addr]],
  ["two at once", (g) => g.call(doGrantTableOp, G.GNTTABOP_setup_table, g.va(ARGS), 2), -ERRNO.EINVAL],
  ["arguments nowhere", (g) => g.call(doGrantTableOp, G.GNTTABOP_setup_table, 0x1000, 1), -ERRNO.EFAULT],
])("setup_table: %s", (_, ask, expected) => {
  const t = makeMachine();
  addDomain(t.machine, 2);
  expect(ask(makeGuest(t, 1))).toEqual(expected);
});

const query = (g: Guest, domid: number) => {
  g.put(ARGS, [domid, 0]);
  const rc = g.call(doGrantTableOp, G.GNTTABOP_query_size, g.va(ARGS), 1);
  const size = g.get(ARGS, 0) >> 32n;
  const rest = g.get(ARGS, 8);
  return [rc, Number(size), Number(rest & 0xffff_ffffn), Number(BigInt.asIntN(16, rest >> 32n))];
};

test("query_size", () => {
  const t = makeMachine();
  addDomain(t.machine, 2);
  const g = makeGuest(t, 1);
  expect(query(g, DOMID_SELF)).toEqual([0, 1, 4, 0]);
  expect(query(g, 1)).toEqual([0, 1, 4, 0]);
  expect(query(g, 2)[3]).toBe(GNTST.permission_denied);
  expect(query(g, 50)[3]).toBe(GNTST.bad_domain);
});

test.each([
  [1, 0],
  [2, -ERRNO.ENOSYS],
  [3, -ERRNO.EINVAL],
])("set_version %i", (version, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.put(ARGS, [version]);
  expect(g.call(doGrantTableOp, G.GNTTABOP_set_version, g.va(ARGS), 1)).toBe(expected);
  expect(g.get(ARGS, 0)).toBe(1n);
});

test("get_version, status frames, transfer, swap", () => {
  const t = makeMachine();
  addDomain(t.machine, 2);
  const g = makeGuest(t, 1);
  g.put(ARGS, [DOMID_SELF]);
  expect(g.call(doGrantTableOp, G.GNTTABOP_get_version, g.va(ARGS), 1)).toBe(0);
  expect(g.get(ARGS, 0) >> 32n).toBe(1n);
  g.put(ARGS, [2]);
  expect(g.call(doGrantTableOp, G.GNTTABOP_get_version, g.va(ARGS), 1)).toBe(-ERRNO.EPERM);
  g.put(ARGS, [1n | (BigInt(DOMID_SELF) << 32n), g.va(LIST)]);
  expect(g.call(doGrantTableOp, G.GNTTABOP_get_status_frames, g.va(ARGS), 1)).toBe(0);
  expect(BigInt.asIntN(16, g.get(ARGS, 0) >> 48n)).toBe(BigInt(GNTST.general_error));
  g.put(ARGS, [g.mfns[20] as number, 2, 0]);
  expect(g.call(doGrantTableOp, G.GNTTABOP_transfer, g.va(ARGS), 1)).toBe(0);
  expect(BigInt.asIntN(16, g.get(ARGS, 16))).toBe(BigInt(GNTST.bad_page));
  const table = t.engine.mem.writeAddress(g.domain.grants.frames[0] as number);
  t.engine.mem.view.setBigUint64(table + 8 * 8, 0x1234n, true);
  const swap = (a: number, b: number) => {
    g.put(ARGS, [BigInt(a) | (BigInt(b) << 32n), 0]);
    expect(g.call(doGrantTableOp, G.GNTTABOP_swap_grant_ref, g.va(ARGS), 1)).toBe(0);
    return Number(BigInt.asIntN(16, g.get(ARGS, 8)));
  };
  expect(swap(8, 9)).toBe(GNTST.okay);
  expect(t.engine.mem.view.getBigUint64(table + 9 * 8, true)).toBe(0x1234n);
  expect(swap(8, 512)).toBe(GNTST.bad_gntref);
});
