/**
 * Frames are conserved over any sequence of populate, map, unmap, pin, unpin, balloon, grant and destroy: every count comes
 * out at what the tables and mappings justify, and once all guests are gone the machine is as free as it was.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { GTF_permit_access } from "../../../src/abi/grant-table.ts";
import { MMUEXT_NEW_USER_BASEPTR, MMUEXT_PIN_L1_TABLE, MMUEXT_UNPIN_TABLE } from "../../../src/abi/mmu.ts";
import { DOMID_SELF, type Domid, Gfn, Gref } from "../../../src/abi/types.ts";
import { gnttabCalls } from "../../../src/xen/gnttab/gate.ts";
import { doGrantTableOp } from "../../../src/xen/gnttab/grant-table-op.ts";
import {
  COUNT,
  OWNER_MASK,
  PGF_ALLOCATED,
  PGT_l1,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "../../../src/xen/memory/frame-table.ts";
import { memoryCalls } from "../../../src/xen/memory/gate.ts";
import { doMemoryOp } from "../../../src/xen/memory/memory-op.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import { doMmuextOp } from "../../../src/xen/memory/mmuext-op.ts";
import { emulatePtWrite } from "../../../src/xen/memory/ptwr.ts";
import { addDomain, destroy, type Guest, makeGuest, makeMachine, type TestMachine } from "../test-machine.ts";

const PAGES = 48;
const ARGS = 40;

type Step =
  | { do: "entry"; table: number; slot: number; pfn: number; flags: number }
  | { do: "store"; slot: number; pfn: number; flags: number; size: number }
  | { do: "pin" | "unpin" | "base"; pfn: number; level: number }
  | { do: "balloon"; pfn: number }
  | { do: "populate"; count: number }
  | { do: "grant"; pfn: number; ref: number }
  | { do: "map"; ref: number; slot: number; readonly: boolean }
  | { do: "unmap"; handle: number; slot: number }
  | { do: "held"; ref: number; write: boolean }
  | { do: "release"; index: number };

/** Page 20 is mapped nowhere at first: any table can be made of it. */
const SPARE = 20;
const pfn = fc.oneof(
  { weight: 4, arbitrary: fc.nat(PAGES - 1) },
  { weight: 1, arbitrary: fc.constant(SPARE) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("entry" as const),
      table: fc.nat({ max: 5 }),
      slot: fc.nat(PAGES),
      pfn,
      flags: fc.constantFrom(0, 1, 3, 5, 7, 0x67, 0x87),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("store" as const),
      slot: fc.nat(PAGES),
      pfn,
      flags: fc.constantFrom(0, 1, 3, 7),
      size: fc.constantFrom(1, 4, 8),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("pin" as const, "unpin" as const, "base" as const),
      pfn,
      level: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("balloon" as const), pfn }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("populate" as const), count: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("grant" as const), pfn, ref: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("map" as const),
      ref: fc.nat(3),
      slot: fc.nat(PAGES),
      readonly: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("unmap" as const), handle: fc.nat(5), slot: fc.nat(PAGES) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("held" as const), ref: fc.nat(3), write: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), index: fc.nat(3) }) },
);

test("frames are conserved", { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), step), { maxLength: 80 }),
      fc.boolean(),
      (steps, firstDies) => {
        const t = makeMachine(16, 1024);
        const free = t.machine.frames.freePages();
        const dom0 = addDomain(t.machine, 0, { privileged: true });
        const guests = [makeGuest(t, 1, PAGES), makeGuest(t, 2, PAGES)] as const;
        const held: { unmap(): void }[] = [];
        for (const [which, each] of steps)
          carryOut(t, which ? guests[0] : guests[1], which ? guests[1] : guests[0], each, held);
        for (const guest of guests) audit(t, guest);
        destroy(t, guests[firstDies ? 0 : 1].domain, 7);
        destroy(t, guests[firstDies ? 1 : 0].domain, 100);
        for (const frame of held.splice(0)) frame.unmap();
        expect(guests.map((guest) => guest.domain.memory.totPages)).toEqual([0, 0]);
        destroy(t, dom0);
        t.machine.frames.drain();
        expect(t.machine.frames.freePages()).toBe(free);
        expect(t.machine.frames.linear.size).toBe(0);
        expect(t.crashed).toEqual([]);
      },
    ),
    { numRuns: Number(process.env["CONSERVE_RUNS"] ?? 150) },
  );
});

function carryOut(t: TestMachine, g: Guest, peer: Guest, s: Step, held: { unmap(): void }[]): void {
  const mfn = (n: number): bigint => BigInt(g.mfns[n] as number);
  // The request page itself may have been given away: then the call just fails.
  switch (s.do) {
    case "entry": {
      const table = s.table === 5 ? SPARE : Math.min(s.table, 3);
      const slot = table === 0 ? [0, 272, 256, 300][s.slot & 3] : s.slot;
      put(t, g, [(mfn(table) << 12n) + BigInt((slot as number) * 8), (mfn(s.pfn) << 12n) | BigInt(s.flags)]);
      g.call(doMmuUpdate, g.va(ARGS), 1, 0, DOMID_SELF);
      break;
    }
    case "store": {
      const table = g.l1s[0] as number;
      const value = (mfn(s.pfn) << 12n) | BigInt(s.flags);
      const result = emulatePtWrite(t.machine, g.vcpu, table, s.slot * 8, s.size, value);
      if (result === "refused") break;
      const at = t.engine.mem.writeAddress(table) + s.slot * 8;
      for (let i = 0; i < s.size; i++)
        t.engine.mem.u8[at + i] = Number((result.commit >> BigInt(i * 8)) & 0xffn);
      break;
    }
    case "pin":
      put(t, g, [MMUEXT_PIN_L1_TABLE + s.level, mfn(s.pfn), 0]);
      g.call(doMmuextOp, g.va(ARGS), 1, 0, DOMID_SELF);
      break;
    case "unpin":
      put(t, g, [MMUEXT_UNPIN_TABLE, mfn(s.pfn), 0]);
      g.call(doMmuextOp, g.va(ARGS), 1, 0, DOMID_SELF);
      break;
    case "base":
      put(t, g, [MMUEXT_NEW_USER_BASEPTR, s.level === 0 ? 0n : mfn(s.pfn), 0]);
      g.call(doMmuextOp, g.va(ARGS), 1, 0, DOMID_SELF);
      break;
    case "balloon":
      put(t, g, [g.va(ARGS) + 64n, 1, 0, DOMID_SELF, 0, 0, 0, 0, mfn(s.pfn)]);
      g.call(doMemoryOp, 1, g.va(ARGS));
      break;
    case "populate": {
      const dom0 = t.machine.domains.get(0 as Domid) as never;
      memoryCalls(t.machine, dom0).populate(g.domain.domid, Gfn(1000), s.count);
      break;
    }
    case "grant": {
      const at = t.engine.mem.writeAddress(g.domain.grants.frames[0] as number) + (8 + s.ref) * 8;
      // Low references go to the peer, the last to dom0.
      t.engine.mem.view.setUint16(at, GTF_permit_access, true);
      t.engine.mem.view.setUint16(at + 2, s.ref === 3 ? 0 : peer.domain.domid, true);
      t.engine.mem.view.setUint32(at + 4, Number(mfn(s.pfn)), true);
      break;
    }
    case "map":
      put(t, g, [
        g.va(s.slot),
        BigInt(s.readonly ? 6 : 2) | (BigInt(8 + s.ref) << 32n),
        peer.domain.domid,
        0,
      ]);
      g.call(doGrantTableOp, 0, g.va(ARGS), 1);
      break;
    case "unmap":
      put(t, g, [g.va(s.slot), 0, s.handle]);
      g.call(doGrantTableOp, 1, g.va(ARGS), 1);
      break;
    case "held": {
      const dom0 = t.machine.domains.get(0 as Domid) as never;
      const frame = gnttabCalls(t.machine, dom0).map(
        g.domain.domid,
        Gref(8 + s.ref),
        s.write ? "write" : "read",
      );
      if (frame.ok) held.push(frame.value);
      break;
    }
    case "release":
      held.splice(s.index, 1)[0]?.unmap();
      break;
  }
}

function put(t: TestMachine, g: Guest, words: (bigint | number)[]): void {
  // Written as the guest would: only while the page is still his and writable.
  t.engine.select(g.vcpu.engineVcpu as number);
  t.engine.flushTlb();
  for (const [i, word] of words.entries())
    t.engine.store(g.va(ARGS) + BigInt(i * 8), BigInt.asUintN(64, BigInt(word)));
}

/** No validated L1 maps a table or descriptors writable, nor a frame without counting it. */
function audit(t: TestMachine, g: Guest): void {
  const { info, total } = t.machine.frames;
  const mapped = new Map<number, number>();
  const writable = new Map<number, number>();
  let owned = 0;
  for (let mfn = 0; mfn < total; mfn++) {
    const meta = info[mfn << 2] as number;
    if (info[(mfn << 2) + COUNT] === 0) continue;
    if ((meta & OWNER_MASK) === g.domain.domid && meta & PGF_ALLOCATED) owned++;
    if ((meta & TYPE_MASK) >> TYPE_SHIFT !== PGT_l1 || info[(mfn << 2) + TYPE_COUNT] === 0) continue;
    for (let slot = 0; slot < 512; slot++) {
      const entry = t.engine.mem.view.getBigUint64(t.engine.mem.readAddress(mfn) + slot * 8, true);
      if ((entry & 1n) === 0n) continue;
      const to = Number((entry & 0x000f_ffff_ffff_f000n) >> 12n);
      mapped.set(to, (mapped.get(to) ?? 0) + 1);
      if (entry & 2n) writable.set(to, (writable.get(to) ?? 0) + 1);
    }
  }
  for (const [mfn, n] of mapped) expect(info[(mfn << 2) + COUNT]).toBeGreaterThanOrEqual(n);
  for (const [mfn, n] of writable) {
    expect(((info[mfn << 2] as number) & TYPE_MASK) >> TYPE_SHIFT).toBe(7);
    expect(info[(mfn << 2) + TYPE_COUNT]).toBeGreaterThanOrEqual(n);
  }
  expect(owned - 1).toBeLessThanOrEqual(g.domain.memory.totPages);
}
