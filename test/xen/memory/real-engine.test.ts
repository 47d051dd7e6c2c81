/** The same rules with instructions that really run: stores through stale TLBs, to the M2P, to page tables. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MMUEXT_PIN_L1_TABLE } from "../../../src/abi/mmu.ts";
import { DOMID_SELF } from "../../../src/abi/types.ts";
import { createEngine } from "../../../src/cpu/engine.ts";
import * as L from "../../../src/cpu/layout.ts";
import { doMmuextOp } from "../../../src/xen/memory/mmuext-op.ts";
import { emulatePtWrite } from "../../../src/xen/memory/ptwr.ts";
import { doUpdateVaMapping } from "../../../src/xen/memory/update-va-mapping.ts";
import { counts, destroy, type Guest, KERNEL_RO, makeGuest, makeMachineOn } from "../test-machine.ts";

const core = new WebAssembly.Module(readFileSync(new URL("../../../build/core.wasm", import.meta.url)));
const CODE = 30;
const SYSCALL = [0x0f, 0x05];
const STORE = [0x48, 0x89, 0x07, ...SYSCALL]; //  mov %rax,(%rdi)
const LOAD = [0x48, 0x8b, 0x07, ...SYSCALL]; //   mov (%rdi),%rax
const XCHG = [0x48, 0x87, 0x07, ...SYSCALL]; //   xchg %rax,(%rdi)

function setUp() {
  const engine = createEngine({ core, memoryPages: 6144 });
  const t = makeMachineOn(engine, 64);
  const g = makeGuest(t, 1);
  const { view } = engine.mem;
  const set = (offset: number, value: bigint): void => view.setBigUint64(L.CPU + offset, value, true);
  view.setUint32(L.CPU + L.CPL, 3, true);
  set(L.CR0, 0x8005_0033n);
  set(L.CR4, 0x20n);
  set(L.EFER, 0xd00n);
  set(L.RFLAGS, 0x202n);
  /** Runs a few bytes of code with rdi, rax until the first exit. */
  const run = (code: number[], rdi: bigint, rax = 0n) => {
    const mfn = g.mfns[CODE] as number;
    engine.mem.u8.set(code, engine.mem.writeAddress(mfn));
    engine.mem.noteWrite(mfn, 0, code.length);
    set(L.RIP, g.va(CODE));
    set(L.RDI, rdi);
    set(L.RAX, rax);
    return engine.run(100);
  };
  const get = (offset: number): bigint => view.getBigUint64(L.CPU + offset, true);
  return { engine, t, g, run, get, set };
}
const pte = (g: Guest, pfn: number, flags: bigint): bigint => (BigInt(g.mfns[pfn] as number) << 12n) | flags;

test("a guest's own stores and loads, the M2P read, and nothing written to it", () => {
  const { g, run, get, t } = setUp();
  expect(run(STORE, g.va(20), 42n)).toBe(L.EXIT_SYSCALL);
  expect(g.get(20, 0)).toBe(42n);
  const m2p = 0xffff_8000_0000_0000n + BigInt(g.mfns[7] as number) * 8n;
  expect(run(LOAD, m2p)).toBe(L.EXIT_SYSCALL);
  expect(get(L.RAX)).toBe(7n);
  expect(run(LOAD, 0xffff_8000_0000_0000n)).toBe(L.EXIT_SYSCALL);
  expect(get(L.RAX)).toBe(0xffff_ffff_ffff_ffffn);
  expect(run(STORE, m2p, 1n)).toBe(L.EXIT_FAULT);
  expect(t.machine.frames.m2p.get(g.mfns[7] as number)).toBe(7);
});

test("a page pinned as a table is not written through a TLB entry from before", () => {
  const { g, run, t, engine } = setUp();
  expect(run(STORE, g.va(20), 0n)).toBe(L.EXIT_SYSCALL);
  expect(g.call(doUpdateVaMapping, g.va(20), pte(g, 20, KERNEL_RO), 0)).toBe(0);
  const at = g.put(60, [MMUEXT_PIN_L1_TABLE, g.mfns[20] as number, 0]);
  expect(g.call(doMmuextOp, at, 1, 0, DOMID_SELF)).toBe(0);
  expect(run(STORE, g.va(20), 1n)).toBe(L.EXIT_FAULT);
  expect(engine.mem.view.getUint32(L.CPU + L.X_ERROR, true)).toBe(7);
  expect(t.crashed).toEqual([]);
});

test("an exchange with a page-table entry: the old one comes out, the new one has Xen's bits", () => {
  const { g, run, get, set, t, engine } = setUp();
  const old = g.entry(20);
  const entryVa = g.va(3) + 20n * 8n;
  expect(run(XCHG, entryVa, pte(g, 21, 3n))).toBe(L.EXIT_FAULT);
  expect(engine.probeStore()).toBe(1);
  const { view } = engine.mem;
  const word = (offset: number): number => view.getUint32(L.CPU + offset, true);
  const result = emulatePtWrite(
    t.machine,
    g.vcpu,
    word(L.X_FRAME),
    word(L.X_OFFSET),
    word(L.X_SIZE),
    get(L.X_VALUE),
  );
  if (result === "refused") throw new Error(t.log.join());
  set(L.X_VALUE, result.commit);
  engine.finishStore(L.STORE_COMMIT);
  expect(g.entry(20) & ~0x60n).toBe((pte(g, 21, 7n) | (1n << 52n)) & ~0x60n);
  expect(get(L.RAX) & ~0x60n).toBe(old & ~0x60n);
  expect(counts(t.machine, g.mfns[21] as number)).toMatchObject({ count: 3, typeCount: 2 });
});

test("a domain's end gives its slots back", () => {
  const { g, t, engine, run } = setUp();
  run(STORE, g.va(20), 1n);
  const before = engine.mem.slotsFree();
  destroy(t, g.domain);
  expect(g.domain.memory.totPages).toBe(0);
  expect(engine.mem.slotsFree()).toBeGreaterThan(before + 5);
});
