/** The CPU that guests see: what they may use, and what they find it out by. */
import { describe, expect, test } from "vitest";
import { cpuidLeaf } from "../../../src/xen/traps/cpuid.ts";

const leaf = (index: number, subleaf = 0, mhz = 1000, vcpu = 0) => cpuidLeaf(mhz, vcpu, index, subleaf);
const text = (...words: number[]): string =>
  words
    .flatMap((word) => [0, 8, 16, 24].map((shift) => String.fromCharCode((word >>> shift) & 0xff)))
    .join("");
const bit = (word: number, n: number): boolean => ((word >>> n) & 1) === 1;

test("vendor, and a brand of our own with the clock", () => {
  const [, b, c, d] = leaf(0);
  expect(text(b, d, c)).toBe("GenuineIntel");
  const brand = [0x8000_0002, 0x8000_0003, 0x8000_0004].map((i) => text(...leaf(i, 0, 2600))).join("");
  expect(brand.replace(/\0+$/, "")).toBe("xlab virtual CPU @ 2.60GHz");
});

test("family 6, model 0x36: Linux knows no speculation flaw of it", () => {
  const [a] = leaf(1);
  expect([(a >>> 8) & 15, ((a >>> 4) & 15) | (((a >>> 16) & 15) << 4)]).toEqual([6, 0x36]);
});

describe("features", () => {
  const [, , c1, d1] = leaf(1);
  const [, , , e1d] = leaf(0x8000_0001);
  test.each([
    ["FPU", d1, 0],
    ["TSC", d1, 4],
    ["MSR", d1, 5],
    ["CX8", d1, 8],
    ["CMOV", d1, 15],
    ["PAT", d1, 16],
    ["CLFLUSH", d1, 19],
    ["MMX", d1, 23],
    ["FXSR", d1, 24],
    ["SSE", d1, 25],
    ["SSE2", d1, 26],
    ["HYPERVISOR", c1, 31],
    ["SYSCALL", e1d, 11],
    ["NX", e1d, 20],
    ["LM", e1d, 29],
  ])("%s is there", (_, word, n) => expect(bit(word, n)).toBe(true));
  test.each([
    ["PSE", d1, 3],
    ["MTRR", d1, 12],
    ["PGE", d1, 13],
    ["MCA", d1, 14],
    ["SSE3", c1, 0],
    ["MONITOR", c1, 3],
    ["SSSE3", c1, 9],
    ["CX16", c1, 13],
    ["SSE4.1", c1, 19],
    ["X2APIC", c1, 21],
    ["XSAVE", c1, 26],
    ["OSXSAVE", c1, 27],
    ["AVX", c1, 28],
    ["RDRAND", c1, 30],
    ["RDTSCP", e1d, 27],
    ["1 GiB pages", e1d, 26],
  ])("%s is not", (_, word, n) => expect(bit(word, n)).toBe(false));
  test("leaf 7 is empty: no speculation controls, no SMAP", () => expect(leaf(7)).toEqual([0, 0, 0, 0]));
});

test("the clock's frequency, in every place where a kernel looks for it", () => {
  expect(leaf(0x15, 0, 2000)).toEqual([1, 1, 2_000_000_000, 0]);
  expect(leaf(0x16, 0, 2000)[0]).toBe(2000);
  expect(leaf(0x4000_0003, 0, 2000)).toEqual([2, 0, 2_000_000, 1]);
  expect(leaf(0x4000_0003, 1, 1000)).toEqual([0, 0, 0x8000_0000, 1]);
  expect(leaf(0x4000_0003, 2, 2000)[0]).toBe(2_000_000);
});

test("Xen's leaves", () => {
  const [max, b, c, d] = leaf(0x4000_0000);
  expect([max, text(b, c, d)]).toEqual([0x4000_0005, "XenVMMXenVMM"]);
  expect(leaf(0x4000_0001)[0]).toBe(0x4_0011);
  expect(leaf(0x4000_0002)).toEqual([0, 0, 1, 0]);
  expect(leaf(0x4000_0005)[1]).toBe(40);
});

test("the APIC id is the vCPU's, and all words are unsigned 32-bit numbers", () => {
  expect(leaf(1, 0, 1000, 3)[1] >>> 24).toBe(6);
  for (const index of [
    0, 1, 2, 4, 0xb, 0x15, 0x16, 0x4000_0000, 0x4000_0003, 0x8000_0000, 0x8000_0008, 0xffff_ffff,
  ]) {
    for (const word of leaf(index, 1, 3999, 255)) expect(word).toBe(word >>> 0);
  }
});
