import { expect, test } from "vitest";
import {
  EXIT_BUDGET,
  EXIT_FAULT,
  EXIT_PRIVILEGED,
  EXIT_SYSCALL,
  PRIV_CPUID,
  PRIV_HLT,
} from "../../src/cpu/layout.ts";
import { CODE, DATA, Rig } from "./rig.ts";

test("a loop adds up and a syscall stops it", () => {
  const rig = new Rig().load(`
    b9 64 00 00 00        ; mov ecx, 100
    31 c0                 ; xor eax, eax
    01 c8                 ; add eax, ecx
    ff c9                 ; dec ecx
    75 fa                 ; jnz
    0f 05                 ; syscall
  `);
  expect(rig.run(10_000)).toBe(EXIT_SYSCALL);
  expect(rig.reg("rax")).toBe(5050n);
  expect(rig.icount).toBe(2 + 300 + 1);
  expect(rig.rip).toBe(CODE + 15);
  expect(rig.reg("rcx")).toBe(BigInt(CODE + 15));
});

test("calls, the stack and memory operands work", () => {
  const rig = new Rig().load(`
    48 c7 c3 00 00 50 00     ; mov rbx, DATA
    68 78 56 34 12           ; push 0x12345678
    5a                       ; pop rdx
    e8 02 00 00 00           ; call +2
    f4 90                    ; hlt
    48 89 53 10              ; mov [rbx+16], rdx
    48 83 43 10 01           ; add qword [rbx+16], 1
    c3                       ; ret
  `);
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.privileged).toBe(PRIV_HLT);
  expect(rig.data64(16)).toBe(0x12345679n);
  expect(rig.rip).toBe(CODE + 18);
  expect(rig.icount).toBe(7);
});

test("budget, cpuid and an undefined opcode", () => {
  const rig = new Rig().load("eb fe");
  expect(rig.run(1000)).toBe(EXIT_BUDGET);
  expect(rig.icount).toBe(1000);
  rig.load("0f a2");
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.privileged).toBe(PRIV_CPUID);
  rig.load("0f 0b");
  expect(rig.run()).toBe(EXIT_FAULT);
  expect(rig.fault.vector).toBe(6);
  expect(rig.rip).toBe(CODE);
  rig.setReg("rax", DATA + 0x4000);
  rig.load("90 8b 00");
  expect(rig.run()).toBe(EXIT_FAULT);
  expect(rig.fault).toEqual({ vector: 14, error: 4, va: DATA + 0x4000 });
  expect(rig.rip).toBe(CODE + 1);
});
