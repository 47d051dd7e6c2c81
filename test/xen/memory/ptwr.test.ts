import { expect, test } from "vitest";
import { emulatePtWrite } from "../../../src/xen/memory/ptwr.ts";
import { counts, type Guest, makeGuest, makeMachine, type TestMachine } from "../test-machine.ts";

const pte = (g: Guest, pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;

/** A store, carried out as the engine does. */
function store(t: TestMachine, g: Guest, mfn: number, offset: number, size: number, value: bigint) {
  const result = emulatePtWrite(t.machine, g.vcpu, mfn, offset, size, value);
  if (result === "refused") return result;
  const at = t.engine.mem.writeAddress(mfn) + offset;
  for (let i = 0; i < size; i++) t.engine.mem.u8[at + i] = Number((result.commit >> BigInt(i * 8)) & 0xffn);
  return result;
}

test("a store of a whole entry is checked and gets Xen's bits", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const offset = 20 * 8;
  const result = store(t, g, g.l1s[0] as number, offset, 8, pte(g, 21, 3n));
  expect(result).toEqual({ commit: pte(g, 21, 7n) | (1n << 52n) });
  expect(g.entry(20)).toBe(pte(g, 21, 7n) | (1n << 52n));
  expect(counts(t.machine, g.mfns[20] as number).count).toBe(1);
  expect(counts(t.machine, g.mfns[21] as number)).toMatchObject({ count: 3, typeCount: 2 });
});

test("a byte of an entry: the rest of it counts too", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const l1 = g.l1s[0] as number;
  // Clears P: the frame is no longer mapped.
  expect(store(t, g, l1, 20 * 8, 1, 0n)).toEqual({ commit: 0n });
  expect(counts(t.machine, g.mfns[20] as number)).toMatchObject({ count: 1, typeCount: 0 });
  // And back, read-only, which puts bit 52 where the byte does not reach.
  expect(store(t, g, l1, 20 * 8, 1, 0x01n)).toEqual({ commit: 0x05n });
  expect(g.entry(20)).toBe(pte(g, 20, 5n) | (1n << 52n));
  // Upper half: NX.
  expect(store(t, g, l1, 20 * 8 + 4, 4, 0x8010_0000n)).toEqual({ commit: 0x8010_0000n });
  expect(g.entry(20) >> 63n).toBe(1n);
});

test("until the store happens the entry is as it was: an exchange reads it", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const old = g.entry(20);
  expect(emulatePtWrite(t.machine, g.vcpu, g.l1s[0] as number, 20 * 8, 8, 0n)).toEqual({ commit: 0n });
  expect(g.entry(20)).toBe(old);
});

test.each<[string, (g: Guest) => [mfn: number, offset: number, size: number, value: bigint]]>([
  ["an entry that maps a table writable", (g) => [g.l1s[0] as number, 160, 8, pte(g, 3, 3n)]],
  ["an L2", (g) => [g.mfns[2] as number, 0, 8, 0n]],
  ["an L4", (g) => [g.l4, 0, 8, 0n]],
  ["plain memory", (g) => [g.mfns[20] as number, 0, 8, 0n]],
  ["another's frame", () => [0x3f00, 0, 8, 0n]],
  ["a store that is not aligned", (g) => [g.l1s[0] as number, 4, 8, 0n]],
  ["sixteen bytes", (g) => [g.l1s[0] as number, 0, 16, 0n]],
])("refused: %s", (_, args) => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const before = g.mfns.map((mfn) => counts(t.machine, mfn));
  expect(emulatePtWrite(t.machine, g.vcpu, ...args(g))).toBe("refused");
  expect(g.mfns.map((mfn) => counts(t.machine, mfn))).toEqual(before);
});
