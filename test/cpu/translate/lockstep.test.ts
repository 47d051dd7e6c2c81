/** Translated and interpreted, a program is the same at every stop: registers, flags, memory, instruction count, exit. */
import { expect, test } from "vitest";
import { CPU, CPU_SIZE, EXIT_BUDGET, FPU, PRIVATE, RIP, VCPU_INDEX } from "../../../src/cpu/layout.ts";
import { bytes, CODE, CODE_MFN, DATA, DATA_MFN, P, Rig, STACK_MFN, U, W } from "../rig.ts";
import {
  CODE_PAGES,
  DATA_PAGES,
  exchangePages,
  generator,
  prepare,
  randomProgram,
  reset,
} from "./programs.ts";

const EAGER = { threshold: 1, batch: 1, patience: 1 };

function pair(): [Rig, Rig] {
  return [new Rig({ translate: false }), new Rig({ translate: EAGER })];
}

/** All that the engine's owner can see of the vCPU. */
function visible(rig: Rig): Uint8Array {
  return rig.mem.u8.slice(CPU, CPU + PRIVATE);
}

function memoryOf(rig: Rig): Uint8Array[] {
  return [
    rig.read(DATA_MFN, 0, 4096 * DATA_PAGES),
    rig.read(CODE_MFN, 0, 4096 * CODE_PAGES),
    rig.read(STACK_MFN - 1, 0, 8192),
  ];
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Where two states differ, in words. */
function difference(a: Uint8Array, b: Uint8Array): string {
  const [x, y] = [new DataView(a.buffer), new DataView(b.buffer)];
  const out: string[] = [];
  for (let at = 0; at + 8 <= a.length; at += 8) {
    const [v, w] = [x.getBigUint64(at, true), y.getBigUint64(at, true)];
    if (v !== w) out.push(`+${at.toString(16)}: ${v.toString(16)} but translated ${w.toString(16)}`);
  }
  return out.join("; ");
}

/** Runs a program on both, in the same slices. Answers how often regions ended a slice. */
function play(
  seed: number,
  stops: number,
  most: number,
  how: { selfModifying?: boolean; exchange?: boolean } = {},
): number {
  const random = generator(seed);
  const program = randomProgram(random, how.selfModifying ?? false);
  const rigs = pair();
  const begin = random(2 ** 32);
  for (const rig of rigs) prepare(rig, program, generator(begin));
  const [plain, translated] = rigs;
  let inRegions = 0;
  for (let stop = 0; stop < stops; stop++) {
    const budget = 1 + random(most);
    const [wanted, got] = rigs.map((rig) => rig.run(budget)) as [number, number];
    const where = `seed ${seed}, stop ${stop}, rip ${plain.get64(RIP).toString(16)}`;
    if (got !== wanted) throw new Error(`${where}: exit ${got}, not ${wanted}`);
    const [a, b] = [visible(plain), visible(translated)];
    if (!same(a, b)) throw new Error(`${where}: ${difference(a, b)}`);
    if (translated.engine.endedInRegion()) inRegions++;
    if (wanted !== EXIT_BUDGET) {
      const again = random(2 ** 32);
      for (const rig of rigs) reset(rig, program, generator(again));
    }
    if (how.exchange && random(8) === 0) {
      const [from, to] = [random(CODE_PAGES), random(CODE_PAGES)];
      for (const rig of rigs) exchangePages(rig, from, to);
    }
    if (
      stop % 16 === 0 &&
      !memoryOf(plain).every((page, i) => same(page, memoryOf(translated)[i] as Uint8Array))
    )
      throw new Error(`${where}: memory differs`);
  }
  expect(memoryOf(translated)).toEqual(memoryOf(plain));
  return inRegions;
}

test("states compared leave nothing out that an owner reads", () => {
  expect(VCPU_INDEX).toBeLessThan(PRIVATE);
  expect(FPU).toBeLessThan(PRIVATE);
  expect(CPU_SIZE).toBeGreaterThan(PRIVATE);
});

test.each([
  ["long slices", 1, 2000, 60],
  ["short slices", 1000, 40, 400],
] as const)("random programs, %s", { timeout: 300_000 }, (_, first, most, stops) => {
  let inRegions = 0;
  for (let seed = first; seed < first + 25; seed++) inRegions += play(seed, stops, most);
  expect(inRegions).toBeGreaterThan(1000);
});

test("random programs that write to their own code", { timeout: 300_000 }, () => {
  let inRegions = 0;
  for (let seed = 2000; seed < 2025; seed++) inRegions += play(seed, 200, 200, { selfModifying: true });
  expect(inRegions).toBeGreaterThan(200);
});

test("random programs whose pages change places", { timeout: 300_000 }, () => {
  let inRegions = 0;
  for (let seed = 3000; seed < 3025; seed++) inRegions += play(seed, 200, 300, { exchange: true });
  expect(inRegions).toBeGreaterThan(200);
});

test("a region goes when a block in its middle is written to, and comes back", () => {
  const rig = new Rig({ translate: EAGER });
  rig.map(DATA, CODE_MFN, P | W | U, 2);
  // mov eax, 1; add ebx, eax; jmp over 2; nops; dec ecx; jnz to the start; hlt
  rig.load("b8 01 00 00 00  01 c3  eb 02 90 90  ff c9  75 f1  f4");
  rig.setReg("rcx", 1000);
  for (let i = 0; i < 8; i++) rig.run(40);
  expect(rig.engine.endedInRegion()).toBe(true);
  const made = rig.engine.translator?.made ?? 0;
  const before = { ebx: rig.reg("rbx"), icount: rig.icount };
  rig.write(CODE_MFN, 11, bytes("ff c1")); // inc ecx: it never ends
  for (let i = 0; i < 8; i++) rig.run(40);
  const rounds = Math.floor((rig.icount - before.icount) / 5);
  expect(Math.abs(Number(rig.reg("rbx") - before.ebx) - rounds)).toBeLessThan(2);
  expect(rig.reg("rcx")).toBeGreaterThan(900n);
  expect(rig.engine.translator?.made).toBeGreaterThan(made);
});

test("many regions in turn: the oldest go, and all is well", { timeout: 120_000 }, () => {
  const rig = new Rig({ translate: { threshold: 1, batch: 64, patience: 64 } });
  rig.map(CODE, CODE_MFN, P | U, 64);
  // 64 pages of loops: inc eax; dec ecx; jnz; jmp to the next
  const loops = 64 * 170;
  for (let i = 0; i < loops; i++) {
    const at = Math.floor(i / 170) * 4096 + (i % 170) * 24;
    const next = i + 1 < loops ? Math.floor((i + 1) / 170) * 4096 + ((i + 1) % 170) * 24 : 0;
    const jump = new Uint8Array(4);
    new DataView(jump.buffer).setInt32(0, next - (at + 16), true);
    rig.write(
      CODE_MFN,
      at,
      Uint8Array.from([0xb9, 20, 0, 0, 0, 0xff, 0xc0, 0xff, 0xc9, 0x75, 0xfa, 0xe9, ...jump]),
    );
  }
  rig.set64(RIP, BigInt(CODE));
  const rounds = 3;
  while (Number(rig.reg("rax")) < rounds * loops * 20) expect(rig.run(50)).toBe(EXIT_BUDGET);
  expect(rig.engine.translator?.made).toBeGreaterThan(4096);
  // 62 instructions a loop, 20 of them counted
  expect(Math.abs(rig.icount - (Number(rig.reg("rax")) / 20) * 62)).toBeLessThan(62);
});
