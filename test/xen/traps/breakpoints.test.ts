/** Hardware breakpoints, on the real engine: what hits, what DR6 says, where RIP stands, and that stepping leaves no trace. */
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { createEngine } from "../../../src/cpu/engine.ts";
import * as L from "../../../src/cpu/layout.ts";
import { stepWatched } from "../../../src/xen/traps/breakpoints.ts";
import { handleExit } from "../../../src/xen/traps/exits.ts";
import { FIRST, makeWorld, type TestGuest, type World } from "../support/world.ts";

const core = new WebAssembly.Module(readFileSync(new URL("../../../build/core.wasm", import.meta.url)));
const CODE = FIRST + 2;
const DATA = FIRST + 3;
const HANDLER = FIRST + 4;
const DR6 = L.DR0 + 0x20;

let world: World;
let g: TestGuest;
beforeEach(() => {
  world = makeWorld({ engine: createEngine({ core, memoryPages: 6144 }) });
  g = world.guest();
  g.poke(FIRST, 0, 0xe033_0001n);
  g.poke(FIRST, 8, g.va(HANDLER));
  g.poke(FIRST, 16, 0n);
  g.poke(FIRST, 24, 0n);
  expect(g.hypercall("set_trap_table", g.va(FIRST))).toBe(0);
});

/** Puts code and registers in place: RDI, RSI and RBX at the data page's 0x100, RCX 1, RDX 130, RSP in the stack's page. */
function place(code: readonly number[]): void {
  const { mem } = world.engine;
  mem.u8.set(code, g.address(CODE));
  mem.noteWrite(g.mfns[CODE] as number, 0, code.length);
  for (const field of [L.RDI, L.RSI, L.RBX]) g.setReg(field, g.va(DATA, 0x100));
  g.setReg(L.RCX, 1n);
  g.setReg(L.RDX, 130n);
  g.setReg(L.RAX, 0n);
  g.setReg(L.RBP, g.va(DATA, 0x200));
  g.setReg(L.RSP, g.va(FIRST + 1, 0x800));
  g.setReg(L.RIP, g.va(CODE));
}

const step = (): void =>
  g.as(g.vcpu, () => {
    const exit = stepWatched(world.machine, g.vcpu);
    if (exit !== L.EXIT_BUDGET) handleExit(world.machine, g.vcpu, exit);
  });
/** To be called before {@link place}: it is a hypercall. */
const set = (register: number, value: bigint | number): void =>
  expect(g.hypercall("set_debugreg", register, value)).toBe(0);
/** DR7 of breakpoint 0, local: 0 execute, 1 write, 3 access; length 1, 2, 4, 8. */
const control = (kind: number, length = 1): number =>
  1 | (kind << 16) | (({ 1: 0, 2: 1, 4: 3, 8: 2 }[length] as number) * 0x4_0000);
const hasHit = (): boolean => g.reg(L.RIP) === g.va(HANDLER);

const [WRITE, ACCESS] = [1, 3];
type Row = readonly [
  what: string,
  code: number[],
  kind: number,
  length: number,
  at: () => bigint,
  hits: boolean,
];
const data =
  (offset: number): (() => bigint) =>
  () =>
    g.va(DATA, offset);
const stack =
  (offset: number): (() => bigint) =>
  () =>
    g.va(FIRST + 1, offset);

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  ["mov %rax,(%rdi)", [0x48, 0x89, 0x07], WRITE, 8, data(0x100), true],
  ["… of the same value as before", [0x48, 0x89, 0x07], WRITE, 1, data(0x107), true],
  ["… one byte behind it", [0x48, 0x89, 0x07], WRITE, 1, data(0x108), false],
  ["… one byte before it", [0x48, 0x89, 0x07], WRITE, 1, data(0xff), false],
  ["mov %al,(%rdi) beside a byte", [0x88, 0x07], WRITE, 1, data(0x101), false],
  ["mov %al,(%rdi) into 4 watched bytes", [0x88, 0x07], WRITE, 4, data(0x100), true],
  ["a read does not hit a write breakpoint", [0x48, 0x8b, 0x07], WRITE, 8, data(0x100), false],
  ["a read hits an access breakpoint", [0x48, 0x8b, 0x07], ACCESS, 8, data(0x100), true],
  ["a write too", [0x48, 0x89, 0x07], ACCESS, 8, data(0x100), true],
  ["an unaligned address is taken down to its length", [0x48, 0x8b, 0x07], ACCESS, 4, data(0x102), true],
  ["cmp reads", [0x48, 0x39, 0x07], WRITE, 8, data(0x100), false],
  ["add writes", [0x48, 0x01, 0x07], WRITE, 8, data(0x100), true],
  ["lea touches nothing", [0x48, 0x8d, 0x07], ACCESS, 8, data(0x100), false],
  ["nopl touches nothing", [0x0f, 0x1f, 0x07], ACCESS, 8, data(0x100), false],
  ["disp8", [0x48, 0x89, 0x47, 0xf8], WRITE, 8, data(0xf8), true],
  ["disp32", [0x48, 0x89, 0x87, 0x00, 0x01, 0, 0], WRITE, 8, data(0x200), true],
  ["base, index, scale", [0x89, 0x44, 0xcf, 0x04], WRITE, 4, data(0x10c), true],
  ["RIP-relative, behind an immediate", [0xc7, 0x05, 0xf6, 0x0f, 0, 0, 1, 0, 0, 0], WRITE, 4, data(0), true],
  ["a jump through memory", [0xff, 0x25, 0xfa, 0x0f, 0, 0], ACCESS, 8, data(0), true],
  ["an absolute address", [0x48, 0xa3, 0x40, 0x80, 0, 0, 0x00, 0x88, 0xff, 0xff], WRITE, 8, data(0x40), true],
  ["push", [0x50], WRITE, 8, stack(0x7f8), true],
  ["pop reads", [0x58], ACCESS, 8, stack(0x800), true],
  ["call", [0xe8, 0, 0, 0, 0], WRITE, 8, stack(0x7f8), true],
  ["ret", [0xc3], ACCESS, 8, stack(0x800), true],
  ["leave reads the frame", [0xc9], ACCESS, 8, data(0x200), true],
  ["stosb", [0xaa], WRITE, 1, data(0x100), true],
  ["rep movsb reads", [0xf3, 0xa4], ACCESS, 1, data(0x100), true],
  ["rep stosb of nothing (RCX 0)", [0x31, 0xc9], WRITE, 1, data(0x100), false],
  ["lock cmpxchg", [0xf0, 0x48, 0x0f, 0xb1, 0x0f], WRITE, 8, data(0x100), true],
  ["bt reads", [0x48, 0x0f, 0xa3, 0x0f], WRITE, 8, data(0x100), false],
  ["bts of a bit behind it", [0x48, 0x0f, 0xab, 0x17], WRITE, 8, data(0x110), true],
  ["setc", [0x0f, 0x92, 0x07], WRITE, 1, data(0x100), true],
  ["movups to memory", [0x0f, 0x11, 0x07], WRITE, 1, data(0x10f), true],
  ["movss to memory", [0xf3, 0x0f, 0x11, 0x07], WRITE, 1, data(0x104), false],
  ["fstpt: ten bytes", [0xdb, 0x3f], WRITE, 1, data(0x109), true],
  ["fldl: eight", [0xdd, 0x07], ACCESS, 1, data(0x108), false],
  ["stmxcsr", [0x0f, 0xae, 0x1f], WRITE, 4, data(0x100), true],
];

test.each(ROWS)("%s", (_, code, kind, length, at, hits) => {
  set(0, at());
  set(7, control(kind, length));
  const next = g.va(CODE, code.length);
  place(code);
  step();
  expect(hasHit()).toBe(hits);
  expect(g.reg(DR6) & 0x400fn).toBe(hits ? 1n : 0n);
  if (!hits) expect(g.reg(L.RIP)).toBe(next);
});

describe("an execution breakpoint", () => {
  const code = [0x90, 0x90];
  test("is a fault at the instruction", () => {
    set(2, g.va(CODE));
    set(7, 1 << 4);
    place(code);
    step();
    expect(hasHit()).toBe(true);
    expect(g.reg(DR6)).toBe(0xffff_0ff4n);
    // rcx r11 rip cs rflags rsp ss below the old stack
    expect(g.peek(FIRST + 1, 0x800 - 40)).toBe(g.va(CODE));
  });
  test("is passed with RF, which then is gone", () => {
    set(0, g.va(CODE));
    set(7, 1);
    place(code);
    g.setReg(L.RFLAGS, 0x1_0202n);
    step();
    expect(g.reg(L.RIP)).toBe(g.va(CODE, 1));
    expect(g.reg(L.RFLAGS)).toBe(0x202n);
  });
  test("of another address is none", () => {
    set(0, g.va(CODE, 1));
    set(7, 1);
    place(code);
    step();
    expect(g.reg(L.RIP)).toBe(g.va(CODE, 1));
    step();
    expect(hasHit()).toBe(true);
  });
});

describe("a step that hits nothing leaves no trace in", () => {
  beforeEach(() => {
    set(0, g.va(DATA, 0xf00));
    set(7, control(WRITE));
  });
  test("what PUSHF pushes", () => {
    place([0x9c]);
    step();
    expect(g.peek(FIRST + 1, 0x7f8)).toBe(0x202n);
    expect(g.reg(L.RFLAGS)).toBe(0x202n);
  });
  test("R11 of SYSCALL", () => {
    place([0x0f, 0x05]);
    g.setReg(L.RAX, 17n); // xen_version
    g.setReg(L.RDI, 0n);
    step();
    expect(g.reg(L.R11)).toBe(0x202n);
    expect(g.reg(L.RAX)).toBe(0x4_0011n);
  });
  test("DR6 and RFLAGS, over many instructions", () => {
    place([0x90, 0x48, 0xff, 0xc0, 0xeb, 0xfa]); // nop; inc %rax; jmp back
    for (let i = 0; i < 30; i++) step();
    expect(g.reg(L.RAX)).toBe(10n);
    expect(g.reg(DR6)).toBe(0xffff_0ff0n);
    expect(g.reg(L.RFLAGS) & 0x100n).toBe(0n);
  });
  test("POPF's TF, which is the guest's own", () => {
    place([0x9d, 0x90]);
    g.poke(FIRST + 1, 0x800, 0x302n);
    step();
    expect(g.reg(L.RIP)).toBe(g.va(CODE, 1));
    step();
    expect(hasHit()).toBe(true);
    expect(g.reg(DR6) & 0x400fn).toBe(0x4000n);
  });
});

test("both a single step and a breakpoint stand in DR6, which keeps what was there", () => {
  set(6, 0x2n);
  set(0, g.va(DATA, 0x100));
  set(7, control(WRITE, 8));
  place([0x48, 0x89, 0x07]);
  g.setReg(L.RFLAGS, 0x302n);
  step();
  expect(hasHit()).toBe(true);
  expect(g.reg(DR6) & 0x400fn).toBe(0x4003n);
});
