/** Translated and interpreted, a program is the same at every stop: registers, flags, memory, instruction count, exit. */
import { expect, test } from "vitest";
import { CPU, CPU_SIZE, EXIT_BUDGET, FPU, PRIVATE, RIP, VCPU_INDEX } from "../../../src/cpu/layout.ts";
import { CODE_MFN, DATA_MFN, Rig, STACK_MFN } from "../rig.ts";
import { CODE_PAGES, DATA_PAGES, generator, prepare, randomProgram, reset } from "./programs.ts";

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
function play(seed: number, stops: number, most: number, selfModifying: boolean): number {
  const random = generator(seed);
  const program = randomProgram(random, selfModifying);
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
    if (stop % 16 === 0 && !memoryOf(plain).every((page, i) => same(page, memoryOf(translated)[i] as Uint8Array)))
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
  for (let seed = first; seed < first + 60; seed++) inRegions += play(seed, stops, most, false);
  expect(inRegions).toBeGreaterThan(1000);
});

test("random programs that write to their own code", { timeout: 300_000 }, () => {
  let inRegions = 0;
  for (let seed = 2000; seed < 2060; seed++) inRegions += play(seed, 200, 200, true);
  expect(inRegions).toBeGreaterThan(200);
});
