import { expect, test } from "vitest";
import { type Domid, Gfn, Mfn } from "../../../src/abi/types.ts";
import { Bug } from "../../../src/lib/absurd.ts";
import { memoryCalls, mmuCalls } from "../../../src/xen/memory/gate.ts";
import { addDomain, destroy, makeGuest, makeMachine } from "../test-machine.ts";

const ONE = 1 as Domid;

function setUp(maxPages = 100, memoryMib = 64, slots = 4096) {
  const t = makeMachine(memoryMib, slots);
  const dom0 = addDomain(t.machine, 0, { privileged: true });
  const domain = addDomain(t.machine, 1, { maxPages });
  return { ...t, dom0, domain, memory: memoryCalls(t.machine, dom0), mmu: mmuCalls(t.machine, dom0) };
}

test("populate gives ascending frames, fills the M2P, and stops at the limit", () => {
  const t = setUp();
  const got = t.memory.populate(ONE, Gfn(7), 90);
  expect(got.ok && got.value.every((mfn, i, all) => i === 0 || mfn === (all[i - 1] as number) + 1)).toBe(
    true,
  );
  const first = got.ok ? (got.value[0] as Mfn) : Mfn(0);
  expect(t.machine.frames.m2p.get(first + 5)).toBe(12);
  const more = t.memory.populate(ONE, Gfn(97), 90);
  expect(more.ok && more.value.length).toBe(10);
  expect(t.memory.populate(ONE, Gfn(107), 1)).toEqual({ ok: false, errno: "ENOMEM" });
  expect(t.memory.populate(9 as Domid, Gfn(0), 1)).toEqual({ ok: false, errno: "ESRCH" });
});

test("a claim keeps memory for its domain, and shrinks as it is allocated", () => {
  const t = setUp(100_000, 8);
  const rival = addDomain(t.machine, 2);
  const free = t.machine.frames.freePages();
  expect(t.memory.claim(ONE, free + 1)).toEqual({ ok: false, errno: "ENOMEM" });
  expect(t.memory.claim(ONE, 200_000)).toEqual({ ok: false, errno: "EINVAL" });
  expect(t.memory.claim(ONE, free - 10).ok).toBe(true);
  expect(t.memory.claim(ONE, free - 10)).toEqual({ ok: false, errno: "ENOMEM" });
  const theirs = t.memory.populate(rival.domid, Gfn(0), 50);
  expect(theirs.ok && theirs.value.length).toBe(10);
  const ours = t.memory.populate(ONE, Gfn(0), 100);
  expect(ours.ok && ours.value.length).toBe(100);
  expect(t.domain.memory.outstandingPages).toBe(free - 110);
  expect(t.memory.claim(ONE, 0).ok).toBe(true);
  expect(t.machine.frames.outstanding).toBe(0);
});

test("who may", () => {
  const t = setUp();
  const mfn = Mfn(300);
  const user = memoryCalls(t.machine, addDomain(t.machine, 2));
  expect(user.populate(ONE, Gfn(0), 1)).toEqual({ ok: false, errno: "EPERM" });
  expect(user.mapForeign(ONE, mfn, "read")).toEqual({ ok: false, errno: "EPERM" });
  expect(user.claim(ONE, 1)).toEqual({ ok: false, errno: "EPERM" });
  expect(mmuCalls(t.machine, t.domain).pinL4(2 as Domid, mfn)).toEqual({ ok: false, errno: "EPERM" });
  expect(user.mapForeign(77 as Domid, mfn, "read")).toEqual({ ok: false, errno: "ESRCH" });
});

test("a mapped frame reads, writes, tells the engine, and checks", () => {
  const t = setUp();
  const got = t.memory.populate(ONE, Gfn(0), 2);
  const mfn = got.ok ? (got.value[0] as Mfn) : Mfn(0);
  const mapped = t.memory.mapForeign(ONE, mfn, "write");
  if (!mapped.ok) throw new Error(mapped.errno);
  const frame = mapped.value;
  frame.write(10, Uint8Array.of(1, 2, 3, 4));
  frame.setUint8(0, 9);
  frame.setUint32(16, 0xdead_beef);
  frame.setBigUint64(24, 1n << 63n);
  expect([...frame.read(10, 4)]).toEqual([1, 2, 3, 4]);
  expect([frame.getUint8(0), frame.getUint32(16), frame.getBigUint64(24)]).toEqual([
    9,
    0xdead_beef,
    1n << 63n,
  ]);
  expect(t.engine.mem.notes.length).toBe(4);
  expect(() => frame.getUint32(4093)).toThrow(Bug);
  expect(() => frame.write(4090, new Uint8Array(7))).toThrow(Bug);
  const read = t.memory.mapForeign(ONE, mfn, "read");
  expect(() => read.ok && read.value.setUint8(0, 1)).toThrow(Bug);
  frame.unmap();
  expect(() => frame.getUint8(0)).toThrow(Bug);
  expect(() => frame.unmap()).toThrow(Bug);
  expect(t.memory.mapForeign(ONE, Mfn(0x3f00), "read")).toEqual({ ok: false, errno: "EINVAL" });
});

test("a frame mapped for writing cannot be pinned, a pinned one not be mapped for writing", () => {
  const t = makeMachine();
  const dom0 = addDomain(t.machine, 0, { privileged: true });
  const g = makeGuest(t, 1);
  const memory = memoryCalls(t.machine, dom0);
  expect(memory.mapForeign(ONE, g.l4, "write")).toEqual({ ok: false, errno: "EBUSY" });
  const read = memory.mapForeign(ONE, g.l4, "read");
  expect(read.ok && read.value.getBigUint64(272 * 8)).not.toBe(0n);
  const fresh = memory.populate(ONE, Gfn(100), 1);
  const mfn = fresh.ok ? (fresh.value[0] as Mfn) : Mfn(0);
  const held = memory.mapForeign(ONE, mfn, "write");
  expect(mmuCalls(t.machine, dom0).pinL4(ONE, mfn)).toEqual({ ok: false, errno: "EINVAL" });
  if (held.ok) held.value.unmap();
  expect(mmuCalls(t.machine, dom0).pinL4(ONE, mfn).ok).toBe(true);
  expect(mmuCalls(t.machine, dom0).unpin(ONE, mfn).ok).toBe(true);
  expect(mmuCalls(t.machine, dom0).unpin(ONE, mfn)).toEqual({ ok: false, errno: "EINVAL" });
});

test("a dead domain's frame that is mapped stays until it is unmapped; then its id is free", () => {
  const t = setUp();
  const got = t.memory.populate(ONE, Gfn(0), 5);
  const mapped = t.memory.mapForeign(ONE, got.ok ? (got.value[3] as Mfn) : Mfn(0), "write");
  if (!mapped.ok) throw new Error(mapped.errno);
  let empty = false;
  t.domain.memory.onEmpty = () => {
    empty = true;
  };
  mapped.value.setUint32(0, 5);
  destroy(t, t.domain);
  expect(t.domain.memory.totPages).toBe(1);
  expect(mapped.value.getUint32(0)).toBe(5);
  expect(empty).toBe(false);
  mapped.value.unmap();
  expect(empty).toBe(true);
  expect(t.domain.memory.totPages).toBe(0);
});

test("out of slots: the frame's owner falls, the host stands", () => {
  const t = setUp(100, 64, 16);
  const got = t.memory.populate(ONE, Gfn(0), 100);
  const crashedBy = (got.ok ? got.value : []).find((mfn) => {
    const frame = t.memory.mapForeign(ONE, mfn, "write");
    if (!frame.ok) return true;
    frame.value.setUint8(0, 1);
    frame.value.unmap();
    return t.crashed.length > 0;
  });
  expect(crashedBy).toBeDefined();
  expect(t.crashed[0]).toMatchObject({ domain: t.domain });
});

test("the memory map is the toolstack's to set", () => {
  const t = setUp();
  const map = [{ addr: 0n, size: 0x1000n, type: 1 }];
  expect(t.memory.setMemoryMap(ONE, map).ok).toBe(true);
  expect(t.domain.memory.memoryMap).toEqual(map);
  expect(memoryCalls(t.machine, t.domain).setMemoryMap(0 as Domid, map)).toEqual({
    ok: false,
    errno: "EPERM",
  });
});
