/** Instructions that Xen emulates for a guest kernel, and those it does not. */
import { beforeEach, describe, expect, test } from "vitest";
import * as L from "../../../src/cpu/layout.ts";
import { handleExit } from "../../../src/xen/traps/exits.ts";
import { FIRST, makeWorld, type TestGuest, type World } from "../support/world.ts";

let world: World;
let guest: TestGuest;
const START = 0x5000n;
const GP = 0xffff_8801_0000_00d0n;

interface Setup {
  reg?: number;
  reg2?: number;
  size?: number;
  va?: bigint;
  rax?: bigint;
  rcx?: bigint;
  rdx?: bigint;
}
/** Executes one; "next" when RIP is past it. */
function execute(kind: number, setup: Setup = {}): "next" | "#GP" | bigint {
  guest.as(guest.vcpu, () => {
    guest.setReg(L.RIP, START);
    guest.setReg32(L.X_PRIV, kind);
    guest.setReg32(L.X_LENGTH, 2);
    guest.setReg32(L.X_REG, setup.reg ?? 0);
    guest.setReg32(L.X_REG2, setup.reg2 ?? 0);
    guest.setReg32(L.X_SIZE, setup.size ?? 0);
    guest.setReg(L.X_VA, setup.va ?? 0n);
    guest.setReg(L.RAX, setup.rax ?? 0n);
    guest.setReg(L.RCX, setup.rcx ?? 0n);
    guest.setReg(L.RDX, setup.rdx ?? 0n);
    handleExit(world.machine, guest.vcpu, L.EXIT_PRIVILEGED);
  });
  const rip = guest.reg(L.RIP);
  if (rip === START + 2n) return "next";
  return rip === GP ? "#GP" : rip;
}

beforeEach(() => {
  world = makeWorld();
  guest = world.guest();
  for (const vector of [6, 13, 14]) guest.vcpu.traps.set(vector, 0, 0xe033, vector * 16, 0xffff_8801);
});

const NEVER: readonly (readonly [string, number])[] = [
  ["hlt", L.PRIV_HLT],
  ["lgdt", L.PRIV_LGDT],
  ["lidt", L.PRIV_LIDT],
  ["lldt", L.PRIV_LLDT],
  ["ltr", L.PRIV_LTR],
  ["swapgs", L.PRIV_SWAPGS],
  ["sysret", L.PRIV_SYSRET],
  ["sysexit", L.PRIV_SYSEXIT],
  ["sysenter", L.PRIV_SYSENTER],
  ["rdpmc", L.PRIV_RDPMC],
  ["invd", L.PRIV_INVD],
];
test.each(NEVER)("%s is a #GP", (_, kind) => expect(execute(kind)).toBe("#GP"));

const KERNEL_ONLY: readonly (readonly [string, number, Setup])[] = [
  ["rdmsr", L.PRIV_RDMSR, { rcx: 0xc000_0100n }],
  ["wrmsr", L.PRIV_WRMSR, { rcx: 0xc000_0100n }],
  ["clts", L.PRIV_CLTS, {}],
  ["mov from cr0", L.PRIV_MOV_FROM_CR, {}],
  ["mov to cr2", L.PRIV_MOV_TO_CR, { reg2: 2 }],
  ["mov from dr7", L.PRIV_MOV_FROM_DR, { reg2: 7 }],
  ["mov to dr0", L.PRIV_MOV_TO_DR, {}],
  ["invlpg", L.PRIV_INVLPG, {}],
  ["wbinvd", L.PRIV_WBINVD, {}],
];
test.each(KERNEL_ONLY)("%s: the guest kernel may, user mode may not", (_, kind, setup) => {
  expect(execute(kind, setup)).toBe("next");
  guest.vcpu.kernelMode = false;
  expect(execute(kind, setup)).toBe("#GP");
});

describe("MSRs", () => {
  test.each([
    ["APIC_BASE of vCPU 0", 0x1b, 0xfee0_0900n],
    ["microcode", 0x8b, 0x1_0000_0000n],
    ["PAT: Xen's", 0x277, 0x0000_0501_0007_0406n],
    ["EFER", 0xc000_0080, 0xd01n],
    ["MISC_ENABLE", 0x1a0, 0x1801n],
  ])("%s", (_, index, value) => {
    expect(execute(L.PRIV_RDMSR, { rcx: BigInt(index) })).toBe("next");
    expect((guest.reg(L.RDX) << 32n) | guest.reg(L.RAX)).toBe(value);
  });
  test.each([
    ["unknown", 0x1234, 0n, "#GP"],
    ["FS_BASE", 0xc000_0100, 0x7f00_0000_1000n, "next"],
    ["GS_BASE", 0xc000_0101, 0xffff_8888_1000_0000n, "next"],
    ["shadow GS_BASE", 0xc000_0102, 0x10n, "next"],
    ["GS_BASE to no address", 0xc000_0101, 0x8000_0000_0000_0000n, "#GP"],
    ["EFER as it is", 0xc000_0080, 0xd01n, "next"],
    ["EFER otherwise", 0xc000_0080, 0x501n, "#GP"],
    ["PAT", 0x277, 0n, "#GP"],
    ["microcode", 0x8b, 0n, "next"],
    ["APIC_BASE", 0x1b, 0n, "#GP"],
  ])("wrmsr %s", (_, index, value, outcome) => {
    const setup = { rcx: BigInt(index), rax: value & 0xffff_ffffn, rdx: value >> 32n };
    expect(execute(L.PRIV_WRMSR, setup)).toBe(outcome);
    const field = new Map([
      [0xc000_0100, L.FS_BASE],
      [0xc000_0101, L.GS_BASE],
      [0xc000_0102, L.GS_BASE_OTHER],
    ]).get(index);
    if (field !== undefined && outcome === "next") expect(guest.reg(field)).toBe(value);
  });
  test("rdmsr of an unknown one", () => expect(execute(L.PRIV_RDMSR, { rcx: 0x1234n })).toBe("#GP"));
});

describe("control registers", () => {
  test.each([
    ["CR0", 0, 0x8005_0033n],
    ["CR4", 4, 0x660n],
  ])("%s reads", (_, register, value) => {
    expect(execute(L.PRIV_MOV_FROM_CR, { reg: 3, reg2: register })).toBe("next");
    expect(guest.reg(L.RBX)).toBe(value);
  });
  test("CR3 is the kernel's table", () => {
    execute(L.PRIV_MOV_FROM_CR, { reg: 3, reg2: 3 });
    expect(guest.reg(L.RBX)).toBe(guest.context.cr3);
  });
  test("CR8 is not there", () => expect(execute(L.PRIV_MOV_FROM_CR, { reg2: 8 })).toBe("#GP"));
  test.each([
    ["CR0: TS may be set", 0, 0x8005_003bn, "next"],
    ["CR0: nothing else", 0, 0x8005_0032n, "#GP"],
    ["CR4: anything, but it does not take", 4, 0xffff_ffffn, "next"],
    ["CR3: no table", 3, 0x7fff_f000n, "#GP"],
    ["CR1", 1, 0n, "#GP"],
  ])("%s", (_, register, value, outcome) => {
    expect(execute(L.PRIV_MOV_TO_CR, { reg: 0, reg2: register, rax: value })).toBe(outcome);
    if (register === 4) expect(guest.vcpu.cr4).toBe(0x66c);
    if (register === 0 && outcome === "next") expect(guest.reg(L.CR0)).toBe(0x8005_003bn);
  });
  test("CR3 may be the user's table, which is valid too", () => {
    expect(execute(L.PRIV_MOV_TO_CR, { reg: 0, reg2: 3, rax: guest.context.cr3User })).toBe("next");
    expect(BigInt(guest.vcpu.guestTable) << 12n).toBe(guest.context.cr3User);
  });
  test("CR2 is remembered", () => {
    execute(L.PRIV_MOV_TO_CR, { reg: 0, reg2: 2, rax: 0x1234_5678n });
    execute(L.PRIV_MOV_FROM_CR, { reg: 1, reg2: 2 });
    expect(guest.reg(L.RCX)).toBe(0x1234_5678n);
  });
  test("clts, fpu_taskswitch", () => {
    guest.hypercall("fpu_taskswitch", 1);
    expect(execute(L.PRIV_CLTS)).toBe("next");
    expect(guest.reg(L.CR0) & 8n).toBe(0n);
  });
  test("CR4.TSD makes RDTSC exit", () => {
    execute(L.PRIV_MOV_TO_CR, { reg: 0, reg2: 4, rax: 4n });
    expect(guest.reg(L.TSC_EXITS) & 0xffff_ffffn).not.toBe(0n);
  });
});

describe("debug registers", () => {
  test.each([
    ["dr0", 0, 0x1234n, 0, 0x1234n],
    ["dr3 in Xen's range", 3, 0xffff_8000_0000_0000n, "EPERM", undefined],
    ["dr1 no address", 1, 0x8000_0000_0000_0000n, "EPERM", undefined],
    ["dr6: reserved bits are one", 6, 0n, 0, 0xffff_0ff0n],
    ["dr7: reserved bits", 7, 0x0n, 0, 0x400n],
    ["dr7: general detect", 7, 0x2000n, "EPERM", undefined],
    ["dr9", 9, 0n, "ENODEV", undefined],
  ])("%s", (_, register, value, answer, kept) => {
    expect(guest.hypercall("set_debugreg", register, value)).toBe(answer);
    if (kept !== undefined) expect(guest.hypercall("get_debugreg", register)).toBe(Number(kept));
  });
  test("get_debugreg of none", () => expect(guest.hypercall("get_debugreg", 8)).toBe("ENODEV"));
});

describe("ports", () => {
  beforeEach(() => {
    guest.vcpu.iopl = 1;
  });
  const read = (port: number, size: number): bigint => {
    expect(execute(L.PRIV_IN, { reg2: port, size, rax: 0x1122_3344_5566_7788n })).toBe("next");
    return guest.reg(L.RAX);
  };
  test("reads are all ones, in the width asked for", () => {
    expect(read(0x42, 1)).toBe(0x1122_3344_5566_77ffn);
    expect(read(0x1f0, 2)).toBe(0x1122_3344_5566_ffffn);
    expect(read(0xcfc, 4)).toBe(0xffff_ffffn);
  });
  test("0xcf8 is remembered", () => {
    expect(execute(L.PRIV_OUT, { reg2: 0xcf8, size: 4, rax: 0x8000_1234n })).toBe("next");
    expect(read(0xcf8, 4)).toBe(0x8000_1234n);
    expect(read(0xcf8, 1) & 0xffn).toBe(0xffn);
  });
  test("without IOPL they are a #GP, in the kernel and in user mode", () => {
    guest.vcpu.iopl = 0;
    expect(execute(L.PRIV_IN, { reg2: 0x42, size: 1 })).toBe("#GP");
    expect(execute(L.PRIV_CLI)).toBe("#GP");
    guest.vcpu.iopl = 1;
    expect(execute(L.PRIV_CLI)).toBe("next");
    expect(execute(L.PRIV_STI)).toBe("next");
    guest.vcpu.kernelMode = false;
    expect(execute(L.PRIV_OUT, { reg2: 0x42, size: 1 })).toBe("#GP");
  });
  test("set_iopl: 0..3", () => {
    for (const [iopl, answer] of [
      [3, 0],
      [4, "EINVAL"],
    ] as const) {
      expect(guest.hypercall("physdev_op", 6, guest.words(FIRST + 2, iopl))).toBe(answer);
    }
    expect(guest.vcpu.iopl).toBe(3);
  });
  test("REP INS fills memory, one element an exit", () => {
    guest.setReg(L.RDI, guest.va(FIRST + 2));
    const step = (rcx: bigint) => execute(L.PRIV_INS, { reg: 1, reg2: 0x1f0, size: 2, rcx });
    expect(step(2n)).toBe(START);
    expect(step(1n)).toBe("next");
    expect(guest.peek(FIRST + 2, 0)).toBe(0xffff_ffffn);
    expect(guest.reg(L.RDI)).toBe(guest.va(FIRST + 2, 4));
    guest.setReg(L.RDI, 0x1000n);
    expect(step(1n)).toBe(0xffff_8801_0000_00e0n); // #PF
  });
});

test("RDTSC answers virtual time, RDTSCP its vCPU as well", () => {
  world.machine.time.ticks = 12_345_678_901_234;
  guest.vcpu.tscOffset = 12_345_678_901_234;
  expect(execute(L.PRIV_RDTSC)).toBe("next");
  expect(Number((guest.reg(L.RDX) << 32n) | guest.reg(L.RAX))).toBe(12_345_678_901_234);
  guest.setReg32(L.TSC_AUX, 7);
  expect(execute(L.PRIV_RDTSCP)).toBe("next");
  expect(guest.reg(L.RCX)).toBe(7n);
});

describe("the forced emulation prefix", () => {
  const CODE = FIRST + 3;
  const run = (...bytes: number[]): bigint => {
    bytes.forEach((byte, i) => {
      world.engine.mem.u8[guest.address(CODE, i)] = byte;
    });
    guest.as(guest.vcpu, () => {
      guest.setReg(L.RIP, guest.va(CODE));
      guest.setReg(L.RAX, 0x4000_0000n);
      guest.setReg32(L.X_VECTOR, 6);
      handleExit(world.machine, guest.vcpu, L.EXIT_FAULT);
    });
    return guest.reg(L.RIP) - guest.va(CODE);
  };
  test("before CPUID", () => {
    expect(run(0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2)).toBe(7n);
    expect([guest.reg(L.RAX), guest.reg(L.RBX)]).toEqual([0x4000_0005n, 0x566e_6558n]);
  });
  test.each([
    ["a plain ud2", [0x0f, 0x0b, 0x90, 0x90, 0x90, 0x0f, 0xa2]],
    ["another instruction behind it", [0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0x31]],
  ])("%s is #UD", (_, bytes) => {
    run(...bytes);
    expect(guest.reg(L.RIP)).toBe(0xffff_8801_0000_0060n);
  });
});
