/** Self-modifying code, and stores that share a page with code. */
import { expect, test } from "vitest";
import {
  EXIT_BUDGET,
  EXIT_PRIVILEGED,
  RIP,
  SLOT_CODE,
  SLOT_FLAGS,
  SLOT_HAS_CODE,
} from "../../src/cpu/layout.ts";
import { CODE, CODE_MFN, DATA, P, Rig, U, W } from "./rig.ts";

/** The code frames are also seen, writable, at DATA. */
function writableCode(): Rig {
  const rig = new Rig();
  rig.map(DATA, CODE_MFN, P | W | U, 2);
  return rig;
}

function codeFlags(rig: Rig): { hasCode: boolean; granules: bigint } {
  const slot = rig.mem.readAddress(CODE_MFN) / 4096;
  return {
    hasCode: ((rig.mem.u8[SLOT_FLAGS + slot] ?? 0) & SLOT_HAS_CODE) !== 0,
    granules: rig.mem.view.getBigUint64(SLOT_CODE + 8 * slot, true),
  };
}

test("an instruction changes the next one of its own block", () => {
  const rig = writableCode().load(`
    c6 05 01 00 10 00 2a     ; mov byte [rip + 0x100001], 42: the immediate behind, through DATA
    b8 01 00 00 00           ; mov eax, 1
    f4
  `);
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rax")).toBe(42n);
  expect(rig.icount).toBe(2);
});

test("a loop patches itself every time round", () => {
  const rig = writableCode().load(`
    31 d2                    ; xor edx, edx
    b8 00 00 00 00           ; 2: mov eax, 0   <- patched
    01 c2                    ; add edx, eax
    fe 05 f4 ff 0f 00        ; inc byte [rip + 0xffff4] -> DATA + 3
    ff c9                    ; dec ecx
    75 ef                    ; jnz 2
    f4
  `);
  rig.setReg("rcx", 10);
  expect(rig.run(1000)).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rdx")).toBe(45n);
});

test("another page's code is changed", () => {
  const rig = writableCode();
  rig.load("b8 01 00 00 00 f4", 0x1000);
  rig.run();
  rig.load("c6 03 07 e9 f8 0f 00 00"); // mov byte [rbx], 7; jmp 0x1000
  rig.setReg("rbx", DATA + 0x1001);
  rig.set64(RIP, BigInt(CODE));
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rax")).toBe(7n);
});

test("a store to another granule of the page drops nothing, and the page stays writable", () => {
  const rig = writableCode().load("48 89 03 ff c9 75 f9 f4");
  rig.setReg("rbx", DATA + 0x800);
  rig.setReg("rcx", 100);
  expect(rig.run(50)).toBe(EXIT_BUDGET);
  const before = rig.engine.blockBytes();
  expect(codeFlags(rig)).toEqual({ hasCode: true, granules: 1n });
  expect(rig.run(1000)).toBe(EXIT_PRIVILEGED);
  expect(rig.engine.blockBytes() - before).toBeLessThanOrEqual(96);
  expect(codeFlags(rig)).toEqual({ hasCode: true, granules: 1n });
});

test("the owner's writes count when it says so, and releasing a frame drops its code", () => {
  const rig = new Rig().load("b8 01 00 00 00 f4");
  rig.run();
  rig.load("b8 02 00 00 00 f4");
  rig.run();
  expect(rig.reg("rax")).toBe(2n);
  rig.mem.release(CODE_MFN);
  rig.engine.flushAllTlbs();
  rig.load("b8 03 00 00 00 f4");
  rig.run();
  expect(rig.reg("rax")).toBe(3n);
});

test("a page that was written through the TLB before it got code is watched from then on", () => {
  const rig = writableCode();
  // fill CODE + 0x400 with mov eax, imm; hlt and call it, twice, with different immediates
  rig.load(
    `
    c6 03 b8                 ; mov byte [rbx], 0xb8
    88 4b 01                 ; mov [rbx+1], cl
    c6 43 02 00 c6 43 03 00 c6 43 04 00
    c6 43 05 c3              ; ret
    ff d2                    ; call rdx
    01 c6                    ; add esi, eax
    ff c9 75 e2              ; dec ecx; jnz start
    f4
  `,
    0x1000,
  );
  rig.setReg("rbx", DATA + 0x400);
  rig.setReg("rdx", CODE + 0x400);
  rig.setReg("rcx", 5);
  expect(rig.run(10_000)).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rsi")).toBe(15n);
});

test("rep movsb over code", () => {
  const rig = writableCode();
  rig.load("b8 01 00 00 00 f4", 0x400);
  rig.load("b8 09 00 00 00 f4", 0x500);
  rig.set64(RIP, BigInt(CODE + 0x400));
  rig.run();
  expect(rig.reg("rax")).toBe(1n);
  rig.load("f3 a4 e9 f9 03 00 00", 0); // rep movsb; jmp CODE + 0x400
  rig.setReg("rsi", DATA + 0x500);
  rig.setReg("rdi", DATA + 0x400);
  rig.setReg("rcx", 6);
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rax")).toBe(9n);
});

test("code that is rewritten for ever does not fill the memory", () => {
  const rig = writableCode().load(`
    89 0d f9 00 10 00        ; mov [rip + 0x1000f9], ecx -> DATA + 0xff: the immediate below
    e9 f3 00 00 00           ; jmp 0xfe
  `);
  rig.load("b8 00 00 00 00 ff c9 0f 85 f5 fe ff ff f4", 0xfe); // mov eax, imm; dec ecx; jnz 0
  rig.set64(RIP, BigInt(CODE));
  rig.setReg("rcx", 600_000);
  let code = EXIT_BUDGET;
  while (code === EXIT_BUDGET) code = rig.run(1 << 20);
  expect(code).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rax")).toBe(1n);
  expect(rig.icount).toBe(600_000 * 5);
});
