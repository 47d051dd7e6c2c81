import { describe, expect, it } from "vitest";
import { CR0, EXIT_FAULT, MXCSR, XMM } from "../../../src/cpu/layout.ts";
import { CODE, DATA, Rig } from "../rig.ts";

const UD = 6;
const NM = 7;
const GP = 13;
const PF = 14;
const MF = 16;
const XM = 19;
const MP = 2;
const EM = 4;
const TS = 8;
const BASE = 0x8005_0031;

/** Runs a snippet until its fault. */
function faultOf(rig: Rig): number {
  expect(rig.run()).toBe(EXIT_FAULT);
  return rig.fault.vector;
}

describe("CR0", () => {
  it.each([
    { name: "fld1", code: "d9 e8", cr0: TS, vector: NM },
    { name: "fld1", code: "d9 e8", cr0: EM, vector: NM },
    { name: "fninit", code: "db e3", cr0: TS, vector: NM },
    { name: "fwait", code: "9b", cr0: TS | MP, vector: NM },
    { name: "paddb mm", code: "0f fc c1", cr0: TS, vector: NM },
    { name: "paddb mm", code: "0f fc c1", cr0: EM, vector: UD },
    { name: "emms", code: "0f 77", cr0: EM, vector: UD },
    { name: "xorps", code: "0f 57 c0", cr0: TS, vector: NM },
    { name: "xorps", code: "0f 57 c0", cr0: EM | TS, vector: UD },
    { name: "ldmxcsr", code: "0f ae 17", cr0: TS, vector: NM },
    { name: "fxsave", code: "0f ae 07", cr0: TS, vector: NM },
    { name: "fxrstor", code: "0f ae 0f", cr0: EM, vector: NM },
  ])("$name with CR0 bits $cr0 raises $vector", ({ code, cr0, vector }) => {
    const rig = new Rig().load(code);
    rig.set64(CR0, BigInt(BASE | cr0));
    rig.setReg("rdi", DATA);
    expect(faultOf(rig)).toBe(vector);
    expect(rig.rip).toBe(CODE);
  });

  it.each([
    { name: "fwait with TS alone", code: "9b", cr0: TS },
    { name: "movnti with TS", code: "0f c3 07", cr0: TS },
    { name: "sfence with EM and TS", code: "0f ae f8", cr0: TS | EM },
  ])("$name is let through", ({ code, cr0 }) => {
    const rig = new Rig().load(`${code} 0f 0b`);
    rig.set64(CR0, BigInt(BASE | cr0));
    rig.setReg("rdi", DATA);
    expect(faultOf(rig)).toBe(UD);
    expect(rig.rip).toBe(CODE + code.split(" ").length);
  });
});

describe("alignment", () => {
  it.each([
    "0f 28 07", // movaps
    "66 0f 6f 07", // movdqa
    "66 0f 7f 07",
    "66 0f fe 07", // paddd
    "0f 58 07", // addps
    "66 0f 70 07 00", // pshufd
    "0f 2b 07", // movntps
    "66 0f 5b 07", // cvtps2dq
    "0f ae 07", // fxsave
    "0f ae 0f", // fxrstor
  ])("%s refuses an odd address", (code) => {
    const rig = new Rig().load(code);
    rig.setReg("rdi", DATA + 8);
    expect(faultOf(rig)).toBe(GP);
    expect(rig.fault.error).toBe(0);
  });

  it.each([
    "0f 10 07", // movups
    "f3 0f 6f 07", // movdqu
    "0f 12 07", // movlps
    "f2 0f 58 07", // addsd
    "f3 0f e6 07", // cvtdq2pd
    "0f 5a 07", // cvtps2pd
    "66 0f 2f 07", // comisd
    "66 0f 60 07", // punpcklbw: aligned, or not this
  ])("%s: as documented", (code) => {
    const rig = new Rig().load(`${code} 0f 0b`);
    rig.setReg("rdi", DATA + 1);
    expect(faultOf(rig)).toBe(code.startsWith("66 0f 60") ? GP : UD);
  });
});

describe("a page fault leaves everything as it was", () => {
  const NOWHERE = 0x60_0000;
  it.each([
    "d9 07", // fld m32
    "dd 1f", // fstp m64
    "db 3f", // fstp m80
    "df 37", // fbstp
    "d9 37", // fnstenv: would mask the exceptions
    "dd 37", // fnsave: would initialise
    "d9 27", // fldenv
    "dd 27", // frstor
    "d8 07", // fadd
    "0f 6f 07", // movq mm
    "0f 7f 07",
    "0f 10 07",
    "f2 0f 58 07",
    "0f ae 0f", // fxrstor
    "0f ae 17", // ldmxcsr
  ])("%s", (code) => {
    const rig = new Rig().load(`d9 e8 d9 eb ${code}`); // fld1, fldpi
    rig.setReg("rdi", NOWHERE);
    rig.set64(XMM, 0x1234n);
    rig.run(2);
    const block = (): Uint8Array => rig.mem.u8.slice(0x1000 + 0x200, 0x1000 + 0x410);
    const before = block();
    expect(faultOf(rig)).toBe(PF);
    expect(rig.fault.va).toBe(NOWHERE);
    expect(rig.rip).toBe(CODE + 4);
    expect(block()).toEqual(before);
  });
});

it("an unmasked x87 exception is told by the next waiting instruction", () => {
  // fldcw [rdi] with #Z unmasked; fld1; fldz; fdivp; fnstsw ax; fld1
  const rig = new Rig().load("d9 2f d9 e8 d9 ee de f9 df e0 d9 e8");
  rig.setReg("rdi", DATA);
  rig.setData64(0, 0x37bn);
  expect(faultOf(rig)).toBe(MF);
  expect(rig.rip).toBe(CODE + 10);
  expect(Number(rig.reg("rax")) & 0x84).toBe(0x84);
});

it("an unmasked SSE exception is #XM before the result", () => {
  const rig = new Rig().load("f2 0f 5e c1"); // divsd xmm0, xmm1
  rig.set32(MXCSR, 0x1f80 & ~0x200);
  rig.set64(XMM, 0x3ff0_0000_0000_0000n);
  rig.set64(XMM + 16, 0n);
  expect(faultOf(rig)).toBe(XM);
  expect(rig.get64(XMM)).toBe(0x3ff0_0000_0000_0000n);
  expect(rig.get32(MXCSR) & 0x3f).toBe(4);
});

it("a new vCPU has the x87 and SSE of power-up", () => {
  const rig = new Rig().load("d9 3f 0f ae 5f 08 df e0 0f 0b"); // fnstcw [rdi]; stmxcsr [rdi+8]; fnstsw ax
  rig.setReg("rdi", DATA);
  expect(faultOf(rig)).toBe(UD);
  expect(rig.data64(0)).toBe(0x37fn);
  expect(rig.data64(8)).toBe(0x1f80n);
  expect(rig.reg("rax")).toBe(0n);
});

it("reserved bits of MXCSR are refused", () => {
  const rig = new Rig().load("0f ae 17");
  rig.setReg("rdi", DATA);
  rig.setData64(0, 0x10000n);
  expect(faultOf(rig)).toBe(GP);
  expect(rig.get32(MXCSR)).toBe(0x1f80);
});

it("operands may cross pages", () => {
  const rig = new Rig().load("0f 10 07 66 0f fe c0 0f 11 47 10 0f 0b"); // movups, paddd xmm0, xmm0, movups [rdi+16]
  rig.setReg("rdi", DATA + 0xff0 - 8);
  for (const at of [0xfe8, 0xff0]) rig.setData64(at, 0x0000_0001_0000_0002n);
  expect(faultOf(rig)).toBe(UD);
  expect(rig.data64(0xff8)).toBe(0x0000_0002_0000_0004n);
  expect(rig.data64(0x1000)).toBe(0x0000_0002_0000_0004n);
});
