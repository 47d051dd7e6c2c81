import { expect, test } from "vitest";
import { removeFrame } from "../../../src/xen/memory/allocate.ts";
import {
  readGuest,
  readGuestU32,
  readGuestU64,
  writeGuest,
  writeGuestU32,
  writeGuestU64,
} from "../../../src/xen/memory/guest-access.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { type Guest, makeGuest, makeMachine } from "../test-machine.ts";

test("bytes across pages go in and come out, and code is told", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const bytes = Uint8Array.from({ length: 9000 }, (_, i) => i);
  expect(writeGuest(t.machine, g.va(20) + 100n, bytes)).toBe(true);
  const back = new Uint8Array(9000);
  expect(readGuest(t.machine, g.va(20) + 100n, back)).toBe(true);
  expect(back).toEqual(bytes);
  expect(t.engine.mem.notes.slice(-3)).toEqual([
    { mfn: g.mfns[20], offset: 100, length: 3996 },
    { mfn: g.mfns[21], offset: 0, length: 4096 },
    { mfn: g.mfns[22], offset: 0, length: 908 },
  ]);
});

test("words", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(writeGuestU64(t.machine, g.va(20) + 4092n, 0x1122_3344_5566_7788n)).toBe(true);
  expect(readGuestU64(t.machine, g.va(20) + 4092n)).toBe(0x1122_3344_5566_7788n);
  expect(readGuestU32(t.machine, g.va(21))).toBe(0x1122_3344);
  expect(writeGuestU32(t.machine, g.va(21), 0xffff_ffff)).toBe(true);
  expect(readGuestU32(t.machine, g.va(21))).toBe(0xffff_ffff);
});

test.each<[string, (g: Guest) => bigint, boolean, boolean]>([
  ["plain memory", (g) => g.va(20), true, true],
  ["a table", (g) => g.va(3), true, false],
  ["the last byte before nothing", (g) => g.va(63) + 4088n, true, true],
  ["across the end", (g) => g.va(63) + 4092n, false, false],
  ["nothing", () => 0x1000n, false, false],
  ["the M2P", () => 0xffff_8000_0000_0000n, false, false],
  ["the end of Xen's range", () => 0xffff_87ff_ffff_fff8n, false, false],
  ["no canonical address", () => 0x8000_0000_0000n, false, false],
  ["the very top", () => 0xffff_ffff_ffff_fffcn, false, false],
])("rights: %s", (_, va, readable, writable) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(readGuestU64(t.machine, va(g)) !== undefined).toBe(readable);
  expect(writeGuestU64(t.machine, va(g), 1n)).toBe(writable);
});

test("without a slot left: retired frames are reclaimed, then the guest falls; a fault is still a fault", () => {
  const t = makeMachine(64, 24);
  const g = makeGuest(t, 1, 48);
  (t.machine as { current: unknown }).current = g.vcpu;
  const given = g.mfns[40] as number;
  expect(writeGuestU64(t.machine, g.va(40), 1n)).toBe(true);
  expect(g.call(doUpdateVaMapping, g.va(40), 0, 2)).toBe(0);
  expect(removeFrame(t.machine, g.domain, given)).toBe(true);
  let pfn = 10;
  while (t.engine.mem.slotsFree() > 0) expect(writeGuestU64(t.machine, g.va(pfn++), 1n)).toBe(true);
  expect(writeGuestU64(t.machine, g.va(pfn++), 1n)).toBe(true); // the retired frame's
  expect(t.crashed).toEqual([]);
  expect(writeGuestU64(t.machine, 0x1000n, 1n)).toBe(false);
  expect(t.crashed).toEqual([]);
  expect(writeGuestU64(t.machine, g.va(pfn), 1n)).toBe(false);
  expect(t.crashed).toMatchObject([{ domain: g.domain }]);
});
