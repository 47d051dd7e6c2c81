/** REP instructions that stop on the way: at faults, at the budget. */
import { expect, test } from "vitest";
import { EXIT_BUDGET, EXIT_FAULT, EXIT_PRIVILEGED } from "../../src/cpu/layout.ts";
import { CODE, DATA, DATA_MFN, P, Rig, U, W } from "./rig.ts";

function prepare(code: string, count: number, rdi: number, rsi = DATA): Rig {
  const rig = new Rig().load(`90 ${code} f4`);
  rig.setReg("rcx", count);
  rig.setReg("rdi", rdi);
  rig.setReg("rsi", rsi);
  rig.setReg("rax", 0x4142_4344_4546_4748n);
  return rig;
}

test("rep stosq faults at a page and goes on when it is there", () => {
  const rig = prepare("f3 48 ab", 1024, DATA + 0x3000);
  expect(rig.run(10_000)).toBe(EXIT_FAULT);
  expect(rig.fault).toEqual({ vector: 14, error: 6, va: DATA + 0x4000 });
  expect(rig.rip).toBe(CODE + 1);
  expect(rig.reg("rcx")).toBe(512n);
  expect(rig.reg("rdi")).toBe(BigInt(DATA + 0x4000));
  expect(rig.icount).toBe(1 + 512);
  rig.map(DATA + 0x4000, DATA_MFN + 4, P | W | U);
  expect(rig.run(10_000)).toBe(EXIT_PRIVILEGED);
  expect(rig.icount).toBe(1 + 1024);
  expect(rig.data64(0x4ff8)).toBe(0x4142_4344_4546_4748n);
});

test("rep movsb faults at the source's page, one element precisely", () => {
  const rig = prepare("f3 a4", 100, DATA, DATA + 0x3fff - 9);
  expect(rig.run(10_000)).toBe(EXIT_FAULT);
  expect(rig.fault).toEqual({ vector: 14, error: 4, va: DATA + 0x4000 });
  expect(rig.reg("rcx")).toBe(90n);
  expect(rig.reg("rsi")).toBe(BigInt(DATA + 0x4000));
  expect(rig.reg("rdi")).toBe(BigInt(DATA + 10));
});

test("the budget ends between two iterations", () => {
  const rig = prepare("f3 a4", 100_000, DATA + 0x2000);
  for (let va = DATA + 0x4000; va < DATA + 0x20000; va += 0x1000) rig.map(va, DATA_MFN + 4, P | W | U);
  expect(rig.run(777)).toBe(EXIT_BUDGET);
  expect(rig.icount).toBe(777);
  expect(rig.reg("rcx")).toBe(BigInt(100_000 - 776));
  expect(rig.rip).toBe(CODE + 1);
  let code = EXIT_BUDGET;
  while (code === EXIT_BUDGET) code = rig.run(1000);
  expect(code).toBe(EXIT_PRIVILEGED);
  expect(rig.icount).toBe(100_001);
});

test("overlapping rep movsb repeats the pattern, as one byte after the other does", () => {
  const rig = prepare("f3 a4", 1000, DATA + 3);
  rig.setData64(0, 0x0000_0000_0033_2211n);
  expect(rig.run(10_000)).toBe(EXIT_PRIVILEGED);
  const bytes = rig.read(DATA_MFN, 0, 1003);
  expect(bytes.every((b, i) => b === [0x11, 0x22, 0x33][i % 3])).toBe(true);
});

test("DF goes downwards across a page", () => {
  const rig = prepare("fd f3 48 a5 fc", 4, DATA + 0x2008, DATA + 0x1008);
  for (let i = 0; i < 4; i++) rig.setData64(0xff0 + 8 * i, BigInt(i + 1));
  expect(rig.run(10_000)).toBe(EXIT_PRIVILEGED);
  expect([0, 1, 2, 3].map((i) => rig.data64(0x1ff0 + 8 * i))).toEqual([1n, 2n, 3n, 4n]);
});

test("repne scasb counts a string, repe cmpsb finds a difference", () => {
  const rig = prepare("f2 ae", 1000, DATA + 0xff0);
  rig.setReg("rax", 0x5a);
  rig.mem.u8[rig.mem.writeAddress(DATA_MFN + 1) + 7] = 0x5a;
  expect(rig.run(10_000)).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rdi")).toBe(BigInt(DATA + 0x1008));
  expect(rig.icount).toBe(1 + 24);
  rig.load("f3 a6 f4");
  rig.setReg("rsi", DATA + 0xff0);
  rig.setReg("rdi", DATA);
  rig.setReg("rcx", 100);
  expect(rig.run(10_000)).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rcx")).toBe(100n - 24n);
});

test("a count of nothing is one instruction", () => {
  const rig = prepare("f3 48 ab", 0, 0);
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.icount).toBe(2);
});
