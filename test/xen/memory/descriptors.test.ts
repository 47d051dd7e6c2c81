import { expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { destroyLdt, doSetGdt, doUpdateDescriptor, ldtFrame } from "../../../src/xen/memory/descriptors.ts";
import { PGT_seg_desc } from "../../../src/xen/memory/frame-table.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import { checkDescriptor } from "../../../src/xen/memory/seg-desc.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { counts, type Guest, KERNEL_RO, KERNEL_RW, makeGuest, makeMachine } from "../test-machine.ts";

const ARGS = 60;
const pte = (g: Guest, pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;
const readOnly = (g: Guest, pfn: number) =>
  expect(g.call(doUpdateVaMapping, g.va(pfn), pte(g, pfn, KERNEL_RO), 2)).toBe(0);

test.each<[string, bigint, bigint | undefined]>([
  ["null", 0n, 0n],
  ["not present: anything", 0xffff_7fff_ffff_ffffn, 0xffff_7fff_ffff_ffffn],
  ["kernel code, DPL 0 → 3", 0x00af_9b00_0000_ffffn, 0x00af_fb00_0000_ffffn],
  ["user data", 0x00cf_f300_0000_ffffn, 0x00cf_f300_0000_ffffn],
  ["a TSS", 0x0000_8900_0000_0067n, undefined],
  ["an LDT", 0x0000_8200_0000_0000n, undefined],
  ["system type 0, present: DPL 3", 0x0000_8000_0000_0000n, 0x0000_e000_0000_0000n],
  ["a call gate: DPL 0, the selector keeps 3", 0x0000_ec00_0010_0000n, 0x0000_8c00_0013_0000n],
  ["a call gate to Xen's segment", 0x0000_ec00_e008_0000n, undefined],
  ["a call gate to Xen's flat code", 0x0000_ec00_e033_0000n, 0x0000_8c00_e033_0000n],
  ["a call gate with reserved bits", 0x0000_ec01_0010_0000n, undefined],
])("descriptor: %s", (_, descriptor, expected) => {
  const fixed = checkDescriptor(Number(descriptor & 0xffff_ffffn), Number(descriptor >> 32n));
  const value = fixed && (BigInt(fixed.high) << 32n) | BigInt(fixed.low);
  expect(value).toBe(expected);
});

test("a GDT page must be read-only, is mended, and its type is given back", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.put(20, [0n, 0x00af_9b00_0000_ffffn]);
  const list = g.put(ARGS, [g.mfns[20] as number]);
  expect(g.call(doSetGdt, list, 16)).toBe(-ERRNO.EINVAL);
  readOnly(g, 20);
  expect(g.call(doSetGdt, list, 16)).toBe(0);
  expect(g.get(20, 8)).toBe(0x00af_fb00_0000_ffffn);
  expect(counts(t.machine, g.mfns[20] as number)).toMatchObject({ type: PGT_seg_desc, typeCount: 1 });
  expect(g.vcpu).toMatchObject({ gdtFrames: [g.mfns[20]], gdtEntries: 16 });
  // It cannot become writable while it is in use.
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 20, KERNEL_RW), 0)).toBe(-ERRNO.EBUSY);
  expect(g.call(doSetGdt, list, 0)).toBe(0);
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 20, KERNEL_RW), 0)).toBe(0);
});

test.each<[string, (g: Guest) => [bigint, number], number]>([
  ["too long", (g) => [g.put(ARGS, [0]), 14 * 512 + 1], -ERRNO.EINVAL],
  ["list nowhere", () => [0x1000n, 16], -ERRNO.EFAULT],
  ["another's frame", (g) => [g.put(ARGS, [0x3f00]), 16], -ERRNO.EINVAL],
  ["a table", (g) => [g.put(ARGS, [g.mfns[3] as number]), 16], -ERRNO.EINVAL],
  ["a frame number beyond 32 bits", (g) => [g.put(ARGS, [1n << 32n]), 16], -ERRNO.EINVAL],
  ["no entries", (g) => [g.put(ARGS, [0]), 0], 0],
])("set_gdt: %s", (_, args, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(g.call(doSetGdt, ...args(g))).toBe(expected);
});

test.each<[string, (g: Guest) => [bigint, bigint], number]>([
  ["in plain memory", (g) => [pte(g, 21, 8n), 0x00cf_f300_0000_ffffn], 0],
  ["in a GDT", (g) => [pte(g, 20, 8n), 0x00cf_9300_0000_ffffn], 0],
  ["not aligned", (g) => [pte(g, 21, 4n), 0n], -ERRNO.EINVAL],
  ["a TSS", (g) => [pte(g, 20, 8n), 0x0000_8900_0000_0067n], -ERRNO.EINVAL],
  ["in a table", (g) => [pte(g, 3, 8n), 0n], -ERRNO.EINVAL],
  ["in another's frame", () => [0x3f00n << 12n, 0n], -ERRNO.EINVAL],
])("update_descriptor: %s", (_, args, expected) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  readOnly(g, 20);
  expect(g.call(doSetGdt, g.put(ARGS, [g.mfns[20] as number]), 16)).toBe(0);
  expect(g.call(doUpdateDescriptor, ...args(g))).toBe(expected);
  if (expected === 0) expect([g.get(20, 8), g.get(21, 8)]).toContain(0x00cf_f300_0000_ffffn);
});

test("LDT pages are found when first used, hold their type, and are dropped with the base", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.vcpu.ldtBase = g.va(20);
  g.vcpu.ldtEntries = 1024;
  expect(ldtFrame(t.machine, g.vcpu, 0)).toBe(0); // writable
  readOnly(g, 20);
  expect(ldtFrame(t.machine, g.vcpu, 0)).toBe(g.mfns[20]);
  expect(ldtFrame(t.machine, g.vcpu, 0)).toBe(g.mfns[20]);
  expect(counts(t.machine, g.mfns[20] as number)).toMatchObject({ type: PGT_seg_desc, typeCount: 1 });
  g.put(ARGS, [g.entryAddress(21), 0n]);
  expect(g.call(doMmuUpdate, g.va(ARGS), 1, 0, DOMID_SELF)).toBe(0);
  expect(ldtFrame(t.machine, g.vcpu, 1)).toBe(0);
  expect(destroyLdt(t.machine, g.vcpu)).toBe(true);
  expect(destroyLdt(t.machine, g.vcpu)).toBe(false);
  expect(counts(t.machine, g.mfns[20] as number).typeCount).toBe(0);
});

test("an LDT page that is unmapped stays in force, and unwritable, until SET_LDT or another base", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  g.vcpu.ldtBase = g.va(20);
  g.vcpu.ldtEntries = 512;
  readOnly(g, 20);
  expect(ldtFrame(t.machine, g.vcpu, 0)).toBe(g.mfns[20]);
  g.put(ARGS, [g.entryAddress(20), 0n]);
  expect(g.call(doMmuUpdate, g.va(ARGS), 1, 0, DOMID_SELF)).toBe(0);
  expect(ldtFrame(t.machine, g.vcpu, 0)).toBe(g.mfns[20]);
  expect(g.call(doUpdateVaMapping, g.va(21), pte(g, 20, KERNEL_RW), 0)).toBe(-ERRNO.EBUSY);
  destroyLdt(t.machine, g.vcpu);
  expect(g.call(doUpdateVaMapping, g.va(21), pte(g, 20, KERNEL_RW), 0)).toBe(0);
});
