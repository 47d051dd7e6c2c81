/** HYPERVISOR_iret and hardware's far transfers inside ring 3. */
import { beforeEach, describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import * as L from "../../../src/cpu/layout.ts";
import { handleExit } from "../../../src/xen/traps/exits.ts";
import { FIRST, makeWorld, type TestGuest, type World } from "../support/world.ts";

let world: World;
let guest: TestGuest;
const GDT = FIRST + 8;
/** Linux's user segments, one too privileged, one not present, one for compatibility mode. */
const DESCRIPTORS: readonly (readonly [number, bigint])[] = [
  [5, 0x00cf_f300_0000_ffffn], // 0x2b data
  [6, 0x00af_fb00_0000_ffffn], // 0x33 code, 64-bit
  [4, 0x00cf_fb00_0000_ffffn], // 0x23 code, 32-bit
  [7, 0x00af_7b00_0000_ffffn], // 0x3b not present
  [8, 0x1234_f356_7890_ffffn], // 0x43 data with base 0x12567890
];

function iret(words: {
  rax?: bigint;
  flags?: bigint;
  rip?: bigint;
  cs?: bigint;
  rflags?: bigint;
  rsp?: bigint;
  ss?: bigint;
}) {
  const values = [
    words.rax ?? 0xaan,
    0x11n, // r11
    0xccn, // rcx
    words.flags ?? 0n,
    words.rip ?? 0x40_0000n,
    words.cs ?? 0xe033n,
    words.rflags ?? 0x202n,
    words.rsp ?? 0x7fff_0000n,
    words.ss ?? 0xe02bn,
  ];
  const at = 0x400;
  values.forEach((value, i) => {
    guest.poke(FIRST, at + i * 8, value);
  });
  guest.setReg(L.RSP, guest.va(FIRST, at));
  guest.hypercall("iret");
}

beforeEach(() => {
  world = makeWorld();
  guest = world.guest();
  for (const [index, descriptor] of DESCRIPTORS) guest.poke(GDT, index * 8, descriptor);
  const l1 = (BigInt(guest.mfns[GDT] as number) << 12n) | 0x21n;
  expect(guest.hypercall("update_va_mapping", guest.va(GDT), l1, 2)).toBe(0);
  guest.poke(FIRST + 2, 0, BigInt(guest.mfns[GDT] as number));
  expect(guest.hypercall("set_gdt", guest.va(FIRST + 2), 512)).toBe(0);
  for (const vector of [11, 12, 13]) guest.vcpu.traps.set(vector, 0, 0xe033, vector * 16, 0xffff_8801);
});

describe("the hypercall", () => {
  test("to user mode: tables, GS base, mask, selectors; IOPL never, IF always", () => {
    guest.setReg(L.GS_BASE, 0x1n);
    guest.setReg(L.GS_BASE_OTHER, 0x2n);
    iret({ cs: 0x33n, ss: 0x2bn, rflags: 0x3046n });
    expect(guest.vcpu.kernelMode).toBe(false);
    expect(guest.reg(L.CR3)).toBe(guest.context.cr3User);
    expect(guest.reg(L.PV_USER) & 0xffff_ffffn).toBe(1n);
    expect([guest.reg(L.GS_BASE), guest.reg(L.GS_BASE_OTHER)]).toEqual([2n, 1n]);
    expect([guest.reg(L.RAX), guest.reg(L.RCX), guest.reg(L.R11)]).toEqual([0xaan, 0xccn, 0x11n]);
    expect([guest.reg(L.RIP), guest.reg(L.RSP)]).toEqual([0x40_0000n, 0x7fff_0000n]);
    expect([guest.reg16(L.SEL_CS), guest.reg16(L.SEL_SS)]).toEqual([0x33, 0x2b]);
    expect(guest.reg(L.RFLAGS)).toBe(0x246n);
    expect((guest.shared(0) >> 8) & 0xff).toBe(1); // IF was clear in the frame
  });
  test("within the kernel: RPL 3 is forced, events as IF says", () => {
    guest.setShared(0, 0x100);
    iret({ cs: 0xe030n, ss: 0xe028n, rip: 0xffff_8800_0000_1234n });
    expect(guest.vcpu.kernelMode).toBe(true);
    expect([guest.reg16(L.SEL_CS), guest.reg16(L.SEL_SS)]).toEqual([0xe033, 0xe02b]);
    expect((guest.shared(0) >> 8) & 0xff).toBe(0);
  });
  test("VGCF_in_syscall: back by SYSRET", () => {
    iret({ cs: 0x33n, ss: 0x2bn, flags: 0x100n });
    expect([guest.reg(L.RCX), guest.reg(L.R11)]).toEqual([0x40_0000n, 0x202n]);
    expect([guest.reg16(L.SEL_CS), guest.reg16(L.SEL_SS)]).toEqual([0xe033, 0xe02b]);
  });
  test("architectural_iopl takes IOPL from the frame", () => {
    guest.domain.vmAssist = 1 << 4;
    iret({ cs: 0xe030n, rflags: 0x1202n });
    expect(guest.vcpu.iopl).toBe(1);
  });
  test.each([
    ["32-bit code", 0x23n, 0x2bn, 13, 0x20n],
    ["not present", 0x3bn, 0x2bn, 11, 0x38n],
    ["no descriptor", 0x7bn, 0x2bn, 13, 0x78n],
    ["data as code", 0x2bn, 0x2bn, 13, 0x28n],
    ["code as stack", 0x33n, 0x33n, 13, 0x30n],
    ["null stack", 0x33n, 0x3n, 13, 0n],
  ])("%s: the guest gets the fault that hardware's IRET would give", (_, cs, ss, vector, error) => {
    iret({ cs, ss });
    expect(guest.reg(L.RIP)).toBe(0xffff_8801_0000_0000n + BigInt(vector * 16));
    expect(guest.vcpu.kernelMode).toBe(true);
    expect(guest.peek(FIRST + 1, Number(guest.reg(L.RSP) & 0xfffn) + 16)).toBe(error);
  });
  test("no user tables, or no frame: the domain ends", () => {
    guest.vcpu.guestTableUser = 0;
    iret({ cs: 0x33n, ss: 0x2bn });
    expect(guest.domain.shutdown?.code).toBe(SHUTDOWN.crash);
    const second = world.guest();
    second.setReg(L.RSP, 0x1000n);
    second.hypercall("iret");
    expect(second.domain.shutdown?.code).toBe(SHUTDOWN.crash);
  });
});

describe("IRETQ, far return, far jump", () => {
  function far(kind: number, cs: number, ss = 0xe02b, rflags = 0x202n): void {
    guest.as(guest.vcpu, () => {
      guest.setReg32(L.X_FAR_KIND, kind);
      guest.setReg32(L.X_FAR_CS, cs);
      guest.setReg32(L.X_FAR_SS, ss);
      guest.setReg(L.X_FAR_RIP, 0xffff_8800_0000_2000n);
      guest.setReg(L.X_FAR_RSP, guest.va(FIRST, 0x500));
      guest.setReg(L.X_FAR_RFLAGS, rflags);
      handleExit(world.machine, guest.vcpu, L.EXIT_FAR);
    });
  }
  test("IRETQ within ring 3 changes what CPL 3 may change of RFLAGS", () => {
    guest.setReg(L.RFLAGS, 0x202n);
    far(L.FAR_IRET, 0xe033, 0xe02b, 0x3_3cd7n & ~0x200n);
    expect(guest.reg(L.RIP)).toBe(0xffff_8800_0000_2000n);
    expect(guest.reg(L.RSP)).toBe(guest.va(FIRST, 0x500));
    expect(guest.reg(L.RFLAGS)).toBe(0x1_0ed7n); // IF stays, IOPL and VM do not come
  });
  test("a far return to a kernel's own code segment", () => {
    far(L.FAR_RET, 0x33);
    expect([guest.reg16(L.SEL_CS), guest.reg(L.RIP)]).toEqual([0x33, 0xffff_8800_0000_2000n]);
  });
  test("a far jump leaves the stack alone", () => {
    const rsp = guest.reg(L.RSP);
    far(L.FAR_JMP, 0x33);
    expect(guest.reg(L.RSP)).toBe(rsp);
  });
  test.each([
    ["RPL 0", L.FAR_IRET, 0xe030, 0xe02b, 13],
    ["32-bit code", L.FAR_RET, 0x23, 0, 13],
    ["not present", L.FAR_RET, 0x3b, 0, 11],
    ["null stack", L.FAR_IRET, 0xe033, 0, 13],
    ["a call", L.FAR_CALL, 0xe033, 0, 13],
  ])("%s faults", (_, kind, cs, ss, vector) => {
    far(kind, cs, ss);
    expect(guest.reg(L.RIP)).toBe(0xffff_8801_0000_0000n + BigInt(vector * 16));
  });
  test("IRETQ with NT set faults", () => {
    guest.setReg(L.RFLAGS, 0x4202n);
    far(L.FAR_IRET, 0xe033);
    expect(guest.reg(L.RIP)).toBe(0xffff_8801_0000_00d0n);
  });
});

describe("segment registers", () => {
  function load(register: number, selector: number, pop = 0): void {
    guest.as(guest.vcpu, () => {
      guest.setReg(L.RIP, 0x1000n);
      guest.setReg32(L.X_REG, register);
      guest.setReg32(L.X_REG2, selector);
      guest.setReg32(L.X_LENGTH, 3);
      guest.setReg32(L.X_SIZE, pop);
      guest.setReg32(L.X_SEGMENT_GPR, 0xff);
      handleExit(world.machine, guest.vcpu, L.EXIT_SEGMENT);
    });
  }
  const FS = 4;
  const GS = 5;
  test("FS and GS take the descriptor's base, null takes 0", () => {
    load(FS, 0x43);
    expect([guest.reg16(L.SEL_FS), guest.reg(L.FS_BASE), guest.reg(L.RIP)]).toEqual([
      0x43,
      0x1256_7890n,
      0x1003n,
    ]);
    load(GS, 0x43);
    expect(guest.reg(L.GS_BASE)).toBe(0x1256_7890n);
    load(GS, 0);
    expect([guest.reg16(L.SEL_GS), guest.reg(L.GS_BASE)]).toEqual([0, 0n]);
  });
  test("POP grows the stack, LFS loads its register too", () => {
    const rsp = guest.reg(L.RSP);
    load(FS, 0, 8);
    expect(guest.reg(L.RSP)).toBe(rsp + 8n);
    guest.as(guest.vcpu, () => {
      guest.setReg32(L.X_REG, FS);
      guest.setReg32(L.X_REG2, 0x43);
      guest.setReg32(L.X_LENGTH, 4);
      guest.setReg32(L.X_SIZE, 0);
      guest.setReg32(L.X_SEGMENT_GPR, 3);
      guest.setReg(L.X_SEGMENT_VALUE, 0x5555n);
      handleExit(world.machine, guest.vcpu, L.EXIT_SEGMENT);
    });
    expect(guest.reg(L.RBX)).toBe(0x5555n);
  });
  test.each([
    ["DS not present", 3, 0x3b, 11],
    ["DS beyond the table", 3, 0x7ff3, 13],
    ["DS of ring 0", 3, 0xe010, 13],
    ["SS null", 2, 0, 13],
    ["SS with RPL 0", 2, 0x28, 13],
    ["SS code", 2, 0x33, 13],
    ["DS in an LDT that is not there", 3, 0x0f, 13],
  ])("%s", (_, register, selector, vector) => {
    load(register, selector);
    expect(guest.reg(L.RIP)).toBe(0xffff_8801_0000_0000n + BigInt(vector * 16));
    expect(guest.peek(FIRST, Number(guest.reg(L.RSP) & 0xfffn) + 16)).toBe(BigInt(selector & 0xfffc));
  });
  test("Xen's flat segments are there without any GDT", () => {
    load(3, 0xe02b);
    load(2, 0xe02b);
    expect([guest.reg16(L.SEL_DS), guest.reg16(L.SEL_SS)]).toEqual([0xe02b, 0xe02b]);
  });
  test("set_segment_base", () => {
    const rows: [number, bigint, number | string, number][] = [
      [0, 0x7000_0000n, 0, L.FS_BASE],
      [1, 0x7100_0000n, 0, L.GS_BASE_OTHER],
      [2, 0xffff_8888_0000_0000n, 0, L.GS_BASE],
      [0, 0x8000_0000_0000_0000n, "EINVAL", L.FS_BASE],
      [4, 0n, "EINVAL", L.FS_BASE],
    ];
    for (const [which, base, answer, field] of rows) {
      expect(guest.hypercall("set_segment_base", which, base)).toBe(answer);
      if (answer === 0) expect(guest.reg(field)).toBe(base);
    }
    expect(guest.hypercall("set_segment_base", 3, 0x43n)).toBe(0);
    expect([guest.reg16(L.SEL_GS), guest.reg(L.GS_BASE_OTHER)]).toEqual([0x43, 0x1256_7890n]);
    expect(guest.hypercall("set_segment_base", 3, 0x7bn)).toBe(0);
    expect([guest.reg16(L.SEL_GS), guest.reg(L.GS_BASE_OTHER)]).toEqual([0, 0n]);
  });
  test("LAR, LSL, VERR, VERW", () => {
    const ask = (kind: number, selector: number): [boolean, bigint] => {
      guest.as(guest.vcpu, () => {
        guest.setReg(L.RBX, 0xffff_ffff_ffff_ffffn);
        guest.setReg32(L.X_PRIV, kind);
        guest.setReg32(L.X_REG, 3);
        guest.setReg32(L.X_REG2, selector);
        guest.setReg32(L.X_SIZE, 4);
        guest.setReg32(L.X_LENGTH, 3);
        handleExit(world.machine, guest.vcpu, L.EXIT_PRIVILEGED);
      });
      return [(guest.reg(L.RFLAGS) & 0x40n) !== 0n, guest.reg(L.RBX)];
    };
    const untouched = 0xffff_ffff_ffff_ffffn;
    expect(ask(L.PRIV_LSL, 0x43)).toEqual([true, 0x4_ffffn]);
    expect(ask(L.PRIV_LSL, 0x2b)).toEqual([true, 0xffff_ffffn]);
    expect(ask(L.PRIV_LAR, 0x33)).toEqual([true, 0xaf_fb00n]);
    expect(ask(L.PRIV_LSL, 0x7b)).toEqual([false, untouched]);
    expect(ask(L.PRIV_LAR, 0xe008)).toEqual([false, untouched]);
    expect(ask(L.PRIV_VERR, 0x33)[0]).toBe(true);
    expect(ask(L.PRIV_VERW, 0x33)[0]).toBe(false);
    expect(ask(L.PRIV_VERW, 0x2b)[0]).toBe(true);
  });
});
