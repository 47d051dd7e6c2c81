/** The loaded vCPU's state, field by field. Offsets are cpu/layout.ts's; 64-bit fields as halves where paths are hot. */
import { CPU } from "../../cpu/layout.ts";
import type { Machine } from "../machine.ts";

export const get32 = (machine: Machine, field: number): number =>
  machine.engine.mem.u32[(CPU + field) >>> 2] as number;

export function set32(machine: Machine, field: number, value: number): void {
  machine.engine.mem.u32[(CPU + field) >>> 2] = value;
}

export const getHigh = (machine: Machine, field: number): number =>
  machine.engine.mem.u32[(CPU + field + 4) >>> 2] as number;

export const get64 = (machine: Machine, field: number): bigint =>
  machine.engine.mem.u64[(CPU + field) >>> 3] as bigint;

export function set64(machine: Machine, field: number, value: bigint): void {
  machine.engine.mem.u64[(CPU + field) >>> 3] = value;
}

export function setHalves(machine: Machine, field: number, low: number, high: number): void {
  const at = (CPU + field) >>> 2;
  machine.engine.mem.u32[at] = low;
  machine.engine.mem.u32[at + 1] = high;
}

export const getSelector = (machine: Machine, field: number): number =>
  machine.engine.mem.u16[(CPU + field) >>> 1] as number;

export function setSelector(machine: Machine, field: number, selector: number): void {
  machine.engine.mem.u16[(CPU + field) >>> 1] = selector;
}

/** Adds a small signed number to a 64-bit field: RIP past an instruction, RSP past a POP. */
export function add64(machine: Machine, field: number, delta: number): void {
  const { u32 } = machine.engine.mem;
  const at = (CPU + field) >>> 2;
  const low = (u32[at] as number) + delta;
  u32[at] = low;
  if (low > 0xffff_ffff) u32[at + 1] = (u32[at + 1] as number) + 1;
  else if (low < 0) u32[at + 1] = (u32[at + 1] as number) - 1;
}

/** Bits 63..47 all alike. */
export const isCanonical = (va: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, va)) === va;

/** The same of an address's upper half. */
export const isCanonicalHigh = (high: number): boolean => high >>> 15 === 0 || high >>> 15 === 0x1ffff;

// ── RFLAGS ──
export const X86_EFLAGS_ZF = 0x40;
export const X86_EFLAGS_TF = 0x100;
export const X86_EFLAGS_IF = 0x200;
export const X86_EFLAGS_DF = 0x400;
export const X86_EFLAGS_IOPL = 0x3000;
export const X86_EFLAGS_NT = 0x4000;
export const X86_EFLAGS_RF = 0x1_0000;
export const X86_EFLAGS_VM = 0x2_0000;
export const X86_EFLAGS_AC = 0x4_0000;

// ── exception vectors ──
export const TRAP_debug = 1;
export const TRAP_int3 = 3;
export const TRAP_overflow = 4;
export const TRAP_invalid_op = 6;
export const TRAP_no_device = 7;
export const TRAP_no_segment = 11;
export const TRAP_stack_error = 12;
export const TRAP_gp_fault = 13;
export const TRAP_page_fault = 14;

/** Vectors whose frame has an error code. */
export const hasErrorCode = (vector: number): boolean => ((0x22_7d00 >>> vector) & 1) !== 0;

const TRAP_NAMES = "DE DB NMI BP OF BR UD NM DF CSO TS NP SS GP PF SPV MF AC MC XM".split(" ");
export const trapName = (vector: number): string => `#${TRAP_NAMES[vector] ?? vector.toString(16)}`;

export const X86_CR0_TS = 8;
