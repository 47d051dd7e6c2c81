import { describe, expect, test } from "vitest";
import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  EFER,
  EXIT_BUDGET,
  EXIT_FAULT,
  EXIT_NO_MEMORY,
  EXIT_PRIVILEGED,
  RIP,
} from "../../src/cpu/layout.ts";
import { A, CODE, CODE_MFN, D, DATA, DATA_MFN, NX, P, Rig, STACK, U, W } from "./rig.ts";

const PF = 14;
/** mov eax, [rbx] / mov [rbx], eax; hlt */
const READ = "8b 03 f4";
const WRITE = "89 03 f4";

function at(address: bigint | number, hex: string, rig = new Rig()): Rig {
  rig.load(hex);
  rig.setReg("rbx", address);
  return rig;
}

describe("a walk", () => {
  test("sets A at every level, and D at the leaf by writes only", () => {
    const rig = at(DATA, READ);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    for (const level of [4, 3, 2, 1]) expect(rig.getEntry(DATA, level) & BigInt(A)).toBe(BigInt(A));
    expect(rig.getEntry(DATA) & BigInt(D)).toBe(0n);
    at(DATA, WRITE, rig);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.getEntry(DATA) & BigInt(D)).toBe(BigInt(D));
    for (const level of [4, 3, 2]) expect(rig.getEntry(DATA, level) & BigInt(D)).toBe(0n);
    expect(rig.getEntry(CODE) & BigInt(A | D)).toBe(BigInt(A));
  });

  test("a refused access sets no A", () => {
    const rig = new Rig();
    rig.map(DATA, DATA_MFN, P | U);
    at(DATA, WRITE, rig);
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.getEntry(DATA) & BigInt(A)).toBe(0n);
  });

  const rows: [string, string, bigint | number, (rig: Rig) => void, number][] = [
    ["read, no table", READ, 0x1234_5678_9000n, () => {}, 4],
    ["write, no entry", WRITE, DATA + 0x4010, () => {}, 6],
    ["write, read-only leaf", WRITE, DATA, (r) => r.map(DATA, DATA_MFN, P | U), 7],
    ["write, read-only L2", WRITE, DATA, (r) => r.setEntry(DATA, r.getEntry(DATA, 2) & ~BigInt(W), 2), 7],
    ["read, supervisor leaf", READ, DATA, (r) => r.map(DATA, DATA_MFN, P | W), 5],
    [
      "write, supervisor L2",
      WRITE,
      0x1000_0000,
      (r) => {
        r.map(0x1000_0000, DATA_MFN, P | W | U);
        r.setEntry(0x1000_0000, r.getEntry(0x1000_0000, 2) & ~BigInt(U), 2);
      },
      7,
    ],
    ["read, reserved bit", READ, DATA, (r) => r.map(DATA, DATA_MFN, (1n << 51n) | BigInt(P | W | U)), 13],
    ["read, beyond the last frame", READ, DATA, (r) => r.map(DATA, 0x80_0000, P | W | U), 13],
    [
      "read, NX is reserved without EFER.NXE",
      READ,
      DATA,
      (r) => {
        r.map(DATA, DATA_MFN, NX | BigInt(P | W | U));
        r.set64(EFER, 0x501n);
      },
      13,
    ],
  ];
  test.each(rows)("%s: the error code", (_name, code, va, prepare, error) => {
    const rig = at(va, code);
    prepare(rig);
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toEqual({ vector: PF, error, va: Number(va) });
    expect(rig.rip).toBe(CODE);
    expect(rig.icount).toBe(0);
  });

  test("fetching from a page with NX is 0x15, without an entry 0x14", () => {
    const rig = new Rig();
    rig.map(DATA, DATA_MFN, NX | BigInt(P | U));
    rig.set64(RIP, BigInt(DATA));
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toEqual({ vector: PF, error: 0x15, va: DATA });
    rig.set64(RIP, BigInt(DATA + 0x8000));
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toEqual({ vector: PF, error: 0x14, va: DATA + 0x8000 });
    expect(rig.rip).toBe(DATA + 0x8000);
  });

  test("2 MiB pages work", () => {
    const rig = new Rig();
    const va = 0x4000_0000;
    rig.setEntry(va, (0x400n << 12n) | BigInt(P | W | U | 0x80), 2);
    at(va + 0x12_3456, WRITE, rig);
    rig.setReg("rax", 0x1122_3344);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.mem.view.getUint32(rig.mem.readAddress(0x400 + 0x123) + 0x456, true)).toBe(0x1122_3344);
  });

  test("non-canonical addresses are #GP, by the stack #SS", () => {
    const rig = at(0x8000_0000_0000n, READ);
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toMatchObject({ vector: 13, error: 0 });
    rig.setReg("rsp", 0x8000_0000_0000n);
    for (const code of ["58", "8b 04 24", "c3", "8f 03"]) {
      rig.load(code);
      expect(rig.run()).toBe(EXIT_FAULT);
      expect(rig.fault).toMatchObject({ vector: 12, error: 0 });
    }
    rig.load("ff e3"); // jmp rbx
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toMatchObject({ vector: 13, error: 0 });
    expect(rig.rip).toBe(CODE);
  });
});

describe("translate", () => {
  test("answers the byte and its frame, or the fault", () => {
    const rig = new Rig();
    expect(rig.engine.translate(DATA + 0x1123, 0, ACCESS_WRITE)).toBe(
      rig.mem.readAddress(DATA_MFN + 1) + 0x123,
    );
    expect(rig.engine.translatedFrame()).toBe(DATA_MFN + 1);
    expect(rig.engine.translate(CODE, 0, ACCESS_WRITE)).toBe(0);
    expect(rig.fault).toEqual({ vector: PF, error: 7, va: CODE });
    expect(rig.engine.translate(0x8000, 0x1234, ACCESS_READ)).toBe(0);
    expect(rig.fault).toEqual({ vector: PF, error: 4, va: 0x1234_0000_8000 });
    expect(rig.engine.translate(CODE, 0, ACCESS_EXEC)).not.toBe(0);
  });
});

describe("the TLB", () => {
  test("keeps a translation until it is flushed", () => {
    const rig = at(DATA, "8b 03 90 eb fb"); // mov eax, [rbx]; nop; jmp back
    rig.setData64(0, 1n);
    rig.setData64(0x1000, 2n);
    rig.run(10);
    expect(rig.reg("rax")).toBe(1n);
    rig.map(DATA, DATA_MFN + 1, P | W | U);
    rig.run(10);
    expect(rig.reg("rax")).toBe(1n);
    rig.engine.invlpg(DATA, 0);
    rig.run(10);
    expect(rig.reg("rax")).toBe(2n);
    rig.map(DATA, DATA_MFN, P | W | U);
    rig.engine.flushTlb();
    rig.run(10);
    expect(rig.reg("rax")).toBe(1n);
  });

  test("an untouched frame reads as zero until somebody writes it", () => {
    const rig = at(DATA, "8b 03 eb fc");
    rig.map(DATA, 0x999, P | W | U);
    rig.run(10);
    expect(rig.reg("rax")).toBe(0n);
    rig.mem.u8[rig.mem.writeAddress(0x999)] = 7;
    rig.run(10);
    expect(rig.reg("rax")).toBe(7n);
  });

  test("code moves with its mapping", () => {
    const rig = new Rig();
    rig.write(DATA_MFN, 0, Uint8Array.of(0xb8, 1, 0, 0, 0, 0xf4));
    rig.write(DATA_MFN + 1, 0, Uint8Array.of(0xb8, 2, 0, 0, 0, 0xf4));
    rig.set64(RIP, BigInt(DATA));
    rig.run();
    expect(rig.reg("rax")).toBe(1n);
    rig.map(DATA, DATA_MFN + 1, P | W | U);
    rig.engine.flushTlb();
    rig.set64(RIP, BigInt(DATA));
    rig.run();
    expect(rig.reg("rax")).toBe(2n);
  });

  test("PV kernel and PV user have sets of their own", () => {
    const rig = at(DATA, "8b 03 eb fc");
    rig.setData64(0, 1n);
    rig.setData64(0x1000, 2n);
    rig.run(10);
    rig.map(DATA, DATA_MFN + 1, P | W | U);
    rig.set32(0xd8, 1); // PV_USER
    rig.run(10);
    expect(rig.reg("rax")).toBe(2n);
    rig.set32(0xd8, 0);
    rig.run(10);
    expect(rig.reg("rax")).toBe(1n);
  });
});

describe("page crossings", () => {
  test("data: read, write, both pages checked first", () => {
    const rig = at(DATA + 0xffc, "48 8b 03 48 f7 d0 48 89 03 f4");
    rig.setData64(0xff8, 0x1122_3344_5566_7788n);
    rig.setData64(0x1000, 0x99aa_bbcc_ddee_ff00n);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.reg("rax")).toBe(BigInt.asUintN(64, ~0xddee_ff00_1122_3344n));
    expect(rig.data64(0xff8)).toBe(0xeedd_ccbb_5566_7788n);
    expect(rig.data64(0x1000)).toBe(0x99aa_bbcc_2211_00ffn);
    // the second page is missing: nothing is written to the first
    at(DATA + 0x3ffc, "48 01 03", rig);
    rig.setData64(0x3ff8, 5n);
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toEqual({ vector: PF, error: 6, va: DATA + 0x4000 });
    expect(rig.data64(0x3ff8)).toBe(5n);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("an instruction with %i bytes on the first page", (n) => {
    // movabs rax, imm64; hlt
    const rig = new Rig().load("48 b8 88 77 66 55 44 33 22 11 f4", 0x1000 - n);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.reg("rax")).toBe(0x1122_3344_5566_7788n);
    expect(rig.rip).toBe(CODE + 0x1000 - n + 10);
    expect(rig.icount).toBe(1);
  });

  test("the second page may be missing, or change", () => {
    const rig = new Rig().load("90 48 b8 88 77 66 55 44 33 22 11 eb f3", 0x1000 - 4);
    rig.run(20);
    expect(rig.reg("rax")).toBe(0x1122_3344_5566_7788n);
    rig.write(CODE_MFN + 1, 0, Uint8Array.of(0));
    rig.run(20);
    expect(rig.reg("rax")).toBe(0x1122_3344_5566_0088n);
    rig.setEntry(CODE + 0x1000, 0n);
    rig.engine.flushTlb();
    rig.set64(RIP, BigInt(CODE + 0x1000 - 4));
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault).toEqual({ vector: PF, error: 0x14, va: CODE + 0x1000 });
    expect(rig.rip).toBe(CODE + 0x1000 - 3);
  });

  test("RIP-relative operands and branches in crossing instructions", () => {
    // mov rax, [rip + 5] across the page, jmp over the data
    const rig = new Rig().load("48 8b 05 02 00 00 00 eb 08 01 02 03 04 05 06 07 08 f4", 0x1000 - 3);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.reg("rax")).toBe(0x0807_0605_0403_0201n);
    rig.load("e9 f9 ff ff ff f4", 0x1000 - 2); // jmp -7
    rig.load("0f a2", 0x1000 - 4);
    rig.set64(RIP, BigInt(CODE + 0x1000 - 2));
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.rip).toBe(CODE + 0x1000 - 4);
  });
});

test("when no slot is left, the store exits", () => {
  const rig = at(DATA, "89 03 48 81 c3 00 10 00 00 eb f5");
  // the frames behind 256 MiB of addresses, more than there are slots
  const va = 0x8000_0000;
  for (let i = 0; i < 70_000; i++) rig.map(va + i * 4096, 0x1_0000 + i, P | W | U);
  rig.setReg("rbx", va);
  expect(rig.run(1 << 20)).toBe(EXIT_NO_MEMORY);
  expect(rig.rip).toBe(CODE);
  const touched = Number((rig.reg("rbx") - BigInt(va)) >> 12n);
  expect(touched).toBeGreaterThan(60_000);
  expect(rig.mem.slotsFree()).toBe(0);
  rig.mem.release(0x1_0000);
  expect(rig.run(3)).toBe(EXIT_BUDGET);
  expect(rig.reg("rsp")).toBe(BigInt(STACK));
});
