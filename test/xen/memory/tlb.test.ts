import { expect, test } from "vitest";
import { MMUEXT_PIN_L1_TABLE } from "../../../src/abi/mmu.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { doMemoryOp } from "../../../src/xen/memory/memory-op.ts";
import { doMmuUpdate } from "../../../src/xen/memory/mmu-update.ts";
import { doMmuextOp } from "../../../src/xen/memory/mmuext-op.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { type Guest, KERNEL_RO, KERNEL_RW, makeGuest, makeMachine } from "../test-machine.ts";

const pte = (g: Guest, pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;

test("a page that becomes a table cannot be written through a stale TLB entry", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  expect(t.engine.store(g.va(20), 0n)).toBe("done");
  // Read-only now, but the guest asks for no flush.
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 20, KERNEL_RO), 0)).toBe(0);
  expect(t.engine.store(g.va(20), 0n)).toBe("done");
  const at = g.put(60, [MMUEXT_PIN_L1_TABLE, g.mfns[20] as number, 0]);
  expect(g.call(doMmuextOp, at, 1, 0, DOMID_SELF)).toBe(0);
  expect(t.engine.store(g.va(20), 0n)).toBe("fault");
});

test("of many pages made read-only at once the first pin flushes, the others need not", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  for (let pfn = 20; pfn < 40; pfn++) g.call(doUpdateVaMapping, g.va(pfn), pte(g, pfn, KERNEL_RO), 0);
  const before = t.engine.flushes.all;
  for (let pfn = 20; pfn < 40; pfn++) {
    const at = g.put(60, [MMUEXT_PIN_L1_TABLE, g.mfns[pfn] as number, 0]);
    expect(g.call(doMmuextOp, at, 1, 0, DOMID_SELF)).toBe(0);
  }
  expect(t.engine.flushes.all - before).toBe(1);
});

test("another vCPU's stale entry is no way in either", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1, 64, { vcpus: 2 });
  const second = g.domain.vcpus[1]?.engineVcpu as number;
  t.engine.select(second);
  expect(t.engine.store(g.va(20), 0n)).toBe("done");
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 20, KERNEL_RO), 2)).toBe(0);
  t.engine.select(second);
  expect(t.engine.store(g.va(20), 0n)).toBe("done");
  const at = g.put(60, [MMUEXT_PIN_L1_TABLE, g.mfns[20] as number, 0]);
  expect(g.call(doMmuextOp, at, 1, 0, DOMID_SELF)).toBe(0);
  t.engine.select(second);
  expect(t.engine.store(g.va(20), 0n)).toBe("fault");
});

test("a frame given back is not another's while a TLB may hold it", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  t.engine.store(g.va(20), 5n);
  expect(g.call(doUpdateVaMapping, g.va(20), 0, 0)).toBe(0);
  g.put(61, [g.mfns[20] as number]);
  g.put(60, [g.va(61), 1, 0, DOMID_SELF]);
  expect(g.call(doMemoryOp, 1, g.va(60))).toBe(1);
  const victim = makeGuest(t, 2, 64);
  victim.put(40, [0x5ec2e7n]);
  t.engine.select(g.vcpu.engineVcpu as number);
  const seen = t.engine.load(g.va(20));
  expect(seen === "fault" || seen === 5n || seen === 0n).toBe(true);
  t.engine.store(g.va(20), 666n);
  for (const mfn of victim.mfns) {
    expect(t.engine.mem.view.getBigUint64(t.engine.mem.readAddress(mfn), true)).not.toBe(666n);
  }
});

test("an L2 entry taken away is gone from the TLB: linear maps must not show the old table", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const before = t.engine.flushes.local;
  const at = g.put(60, [(BigInt(g.mfns[2] as number) << 12n) + 8n, 0n]);
  expect(g.call(doMmuUpdate, at, 1, 0, DOMID_SELF)).toBe(0);
  expect(t.engine.flushes.local).toBe(before + 1);
});

test("the M2P's own change is seen at once", () => {
  const t = makeMachine();
  const g = makeGuest(t, 1);
  const far = 0xffff_8000_0000_0000n + 8n * 9000n;
  expect(t.engine.load(far)).toBe(0xffff_ffff_ffff_ffffn);
  t.machine.frames.setPfn(9000, 123, 0);
  expect(t.engine.load(far)).toBe(123n);
  void KERNEL_RW;
  void g;
});
