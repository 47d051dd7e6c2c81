/** However a run is sliced, it is the same run. Budgets end where they should, TF stops after each instruction. */
import { expect, test } from "vitest";
import {
  EXIT_BUDGET,
  EXIT_FAULT,
  EXIT_PRIVILEGED,
  EXIT_SYSCALL,
  GPR,
  RFLAGS,
  RIP,
} from "../../src/cpu/layout.ts";
import { CODE, CODE_MFN, DATA, P, Rig, U, W } from "./rig.ts";

/** A bit of everything: calls, string instructions, rdtsc, faults that are skipped, code that changes itself, system calls. */
const PROGRAM = `
    bf 00 00 50 00                 ; 0: mov edi, DATA
    b9 25 00 00 00                 ; mov ecx, 37
    f3 48 ab                       ; rep stosq
    0f 31                          ; rdtsc
    01 c3                          ; add ebx, eax
    e8 40 00 00 00                 ; call 0x56 (below)
    be 00 00 50 00                 ; mov esi, DATA
    b9 11 00 00 00                 ; mov ecx, 17
    f3 a4                          ; rep movsb
    90 90 0f 1f 40 00              ; nops
    ff 05 da ff 0f 00              ; inc dword [rip + …] -> DATA + 0x10000 is not mapped: see patch below
    0f 05                          ; syscall
    41 ff c0                       ; inc r8d
    41 81 f8 00 01 00 00           ; cmp r8d, 256
    75 c4                          ; jne 0
    f4                             ; hlt
`;
const BELOW = `
    48 89 d8 48 0f af c3           ; mov rax, rbx; imul rax, rbx
    48 c1 e8 07                    ; shr rax, 7
    48 01 c3                       ; add rbx, rax
    c3
`;

function prepare(): Rig {
  const rig = new Rig();
  rig.map(DATA + 0x10_0000, CODE_MFN, P | W | U, 2);
  rig.load(BELOW, 0x56);
  rig.load(PROGRAM);
  rig.set64(RIP, BigInt(CODE));
  return rig;
}

function play(slice: () => number): { state: string; trace: string[] } {
  const rig = prepare();
  const trace: string[] = [];
  let deadline = 0;
  for (;;) {
    // the owner's timer: every 1000 instructions something happens, whatever the slices are
    deadline += 1000;
    let code = EXIT_BUDGET;
    while (rig.icount < deadline) {
      code = rig.run(Math.min(slice(), deadline - rig.icount));
      if (code !== EXIT_BUDGET) {
        trace.push(`${code} ${rig.icount} ${rig.rip}`);
        if (code === EXIT_PRIVILEGED) break;
        if (code === EXIT_FAULT) rig.set64(RIP, BigInt(rig.rip + 6));
      }
    }
    trace.push(`t ${rig.icount} ${rig.rip}`);
    if (code === EXIT_PRIVILEGED) break;
  }
  const regs = Array.from({ length: 16 }, (_, i) => rig.get64(GPR + 8 * i).toString(16)).join(" ");
  return { state: `${regs} ${rig.get64(RFLAGS)} ${rig.data64(0x80)}`, trace };
}

test("random slices give the same run", () => {
  const whole = play(() => 1 << 20);
  expect(whole.trace.filter((t) => t.startsWith(`${EXIT_SYSCALL} `)).length).toBe(256);
  let seed = 1;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return 1 + ((seed >>> 8) % n);
  };
  for (const most of [1, 3, 17, 100, 999]) expect(play(() => random(most))).toEqual(whole);
});

test("a run overshoots its budget by less than a block", () => {
  const rig = new Rig().load(`${"ff c0 ".repeat(500)} eb fe`);
  expect(rig.run(1)).toBe(EXIT_BUDGET);
  expect(rig.icount).toBeLessThanOrEqual(64);
  expect(rig.rip - CODE).toBe(2 * rig.icount);
  expect(rig.reg("rax")).toBe(BigInt(rig.icount));
});

test("TF stops after each instruction with #DB", () => {
  const rig = new Rig().load("ff c0 90 eb 00 f3 aa f4");
  rig.set64(RFLAGS, 0x302n);
  rig.setReg("rcx", 2);
  rig.setReg("rdi", DATA);
  for (const rip of [2, 3, 5, 5, 7]) {
    expect(rig.run()).toBe(EXIT_FAULT);
    expect(rig.fault.vector).toBe(1);
    expect(rig.rip).toBe(CODE + rip);
  }
  expect(rig.icount).toBe(5);
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
});

test("popf sets TF for the instruction after the next", () => {
  const rig = new Rig().load("68 02 03 00 00 9d ff c0 f4");
  expect(rig.run()).toBe(EXIT_FAULT);
  expect(rig.fault.vector).toBe(1);
  expect(rig.rip).toBe(CODE + 8);
  expect(rig.icount).toBe(3);
});

test("rdtsc counts instructions", () => {
  const rig = new Rig().load("90 90 0f 31 89 c3 90 0f 31 f4");
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.reg("rbx")).toBe(2n);
  expect(rig.reg("rax")).toBe(5n);
});

test("popf at CPL 3 changes neither IF nor IOPL", () => {
  const rig = new Rig().load("68 00 30 00 00 9d f4");
  expect(rig.run()).toBe(EXIT_PRIVILEGED);
  expect(rig.flags & 0x3200).toBe(0x200);
});

test("two vCPUs keep their states apart", () => {
  const rig = new Rig().load("ff c0 eb fc");
  rig.run(10);
  const other = rig.newVcpu();
  rig.load("83 c0 03 eb fb", 0x100);
  rig.run(10);
  expect(rig.reg("rax")).toBe(15n);
  rig.engine.select(rig.vcpu);
  expect(rig.reg("rax")).toBe(5n);
  expect(rig.mem.view.getBigUint64(rig.engine.stateAddress(other), true)).toBe(15n);
});
