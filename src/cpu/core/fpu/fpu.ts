// The door to floating point and vectors: x87, MMX, SSE, SSE2, FXSAVE.
//
//   fpuDecodes   is this an instruction of x86-64's first version (FXSR, SSE2, nothing later)?
//   fpuExec      does it
//   fpuReset     power-up state into a vCPU block
//
//   state.ts     where things lie in the vCPU block            soft.ts      exact arithmetic by integers, one rounding
//   operands.ts  what handlers share; the record's handler     wide.ts      128 bits, for the transcendental functions
//   sse.ts, mmx.ts  which handler does what                    x87.ts       all of D8..DF; x87-stack (registers, exceptions),
//   sse-move, -integer, -float, -convert, -control                          -arith, -convert, -env, -functions
//   lanes.ts     one element of float arithmetic               packed.ts    integer operations, masked.ts, fxsave.ts
//
// Exact, flags and all: everything but FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1 (within one unit in the last
// place of a processor's: x87-functions.ts) and RCPPS RSQRTPS (12 bits: lanes.ts). test/cpu/fpu holds it to recordings.

import { FP_KIND, FP_OPCODE, FP_PP } from "../record";
import { mmxHandler } from "./mmx";
import { FP_HANDLER, Handler } from "./operands";
import { sseHandler } from "./sse";
import { x87Exec } from "./x87";

export { fpuReset } from "./state";
export { readImage, writeImage } from "./fxsave";

const UNDEFINED: i32 = -1;
const IMM8: i32 = 1;
/** FP_KIND: the record is an x87 instruction. */
const X87: u32 = 1;

/** kind 0: x87, opcode D8..DF (9B: FWAIT); 1: opcode after 0F. pp: 0 none, 1 66, 2 F3, 3 F2. Bit 0: an imm8 follows; -1: #UD. */
export function fpuDecodes(kind: u32, pp: u32, opcode: u32, modrm: u32): i32 {
  return kind == 0 ? x87Decodes(opcode, modrm) : sseDecodes(pp, opcode, modrm);
}

/** 1: done; 0: faulted, nothing changed. */
export function fpuExec(rec: usize): i32 {
  const f = load<u32>(rec, FP_HANDLER);
  return f ? call_indirect<i32>(f, rec) : firstTime(rec);
}

function firstTime(rec: usize): i32 {
  const h = handlerOf(rec);
  store<u32>(rec, h.index, FP_HANDLER);
  return h(rec);
}

function handlerOf(rec: usize): Handler {
  if (load<u8>(rec, FP_KIND) & X87) return x87Exec;
  return load<u8>(rec, FP_PP) == 0 && isMmx(load<u8>(rec, FP_OPCODE)) ? mmxHandler(rec) : sseHandler(rec);
}

/** Without a prefix, is this opcode one of MMX registers alone? */
// @ts-ignore: decorator
@inline function isMmx(op: u32): bool {
  return (op >= 0x60 && op < 0x80) || op >= 0xd0 || op == 0xc4 || op == 0xc5;
}

function x87Decodes(opcode: u32, modrm: u32): i32 {
  const reg = (modrm >> 3) & 7;
  const rm = modrm & 7;
  if (opcode == 0x9b) return 0;
  if (modrm < 0xc0) {
    switch (opcode) {
      case 0xd9: return reg == 1 ? UNDEFINED : 0;
      case 0xdb: return reg == 1 || reg == 4 || reg == 6 ? UNDEFINED : 0; // 1: FISTTP of SSE3
      case 0xdd: return reg == 1 || reg == 5 ? UNDEFINED : 0;
      case 0xdf: return reg == 1 ? UNDEFINED : 0;
      default: return 0;
    }
  }
  switch (opcode) {
    case 0xd9:
      if (reg == 2) return rm ? UNDEFINED : 0; // FNOP
      if (reg == 4) return rm == 2 || rm == 3 || rm > 5 ? UNDEFINED : 0; // FCHS FABS FTST FXAM
      return modrm == 0xef ? UNDEFINED : 0; // constants end at EE
    case 0xda: return reg < 4 || modrm == 0xe9 ? 0 : UNDEFINED; // FCMOVcc, FUCOMPP
    case 0xdb: return (reg == 4 && rm > 4) || reg == 7 ? UNDEFINED : 0;
    case 0xdd: return reg > 5 ? UNDEFINED : 0;
    case 0xde: return reg == 3 && rm != 1 ? UNDEFINED : 0; // FCOMPP
    case 0xdf: return (reg == 4 && rm) || reg == 7 ? UNDEFINED : 0; // FNSTSW AX
    default: return 0;
  }
}

/** Prefixes as a set: bit n is FP_PP n. */
const NP: u32 = 1;
const P66: u32 = 2;
const PF3: u32 = 4;
const PF2: u32 = 8;

function sseDecodes(pp: u32, opcode: u32, modrm: u32): i32 {
  const p: u32 = 1 << pp;
  const isReg = modrm >= 0xc0;
  const reg = (modrm >> 3) & 7;
  let ok: bool;
  let answer: i32 = 0;
  if (opcode >= 0x10 && opcode <= 0x17) {
    if (opcode < 0x12) ok = true;
    else if (opcode == 0x14 || opcode == 0x15) ok = (p & (NP | P66)) != 0;
    else if (opcode == 0x12 || opcode == 0x16) ok = p == NP || (p == P66 && !isReg);
    else ok = (p & (NP | P66)) != 0 && !isReg;
  } else if (opcode >= 0x28 && opcode <= 0x2f) {
    if (opcode == 0x2a || opcode == 0x2c || opcode == 0x2d) ok = true;
    else ok = (p & (NP | P66)) != 0 && !(opcode == 0x2b && isReg);
  } else if (opcode >= 0x50 && opcode <= 0x5f) {
    if (opcode == 0x50) ok = (p & (NP | P66)) != 0 && isReg;
    else if (opcode == 0x52 || opcode == 0x53) ok = (p & (NP | PF3)) != 0;
    else if (opcode >= 0x54 && opcode <= 0x57) ok = (p & (NP | P66)) != 0;
    else if (opcode == 0x5b) ok = p != PF2;
    else ok = true;
  } else if (opcode >= 0x60 && opcode <= 0x7f) {
    if (opcode == 0x6c || opcode == 0x6d) {
      ok = p == P66;
    } else if (opcode == 0x6f || opcode == 0x7e || opcode == 0x7f) {
      ok = p != PF2;
    } else if (opcode == 0x70) {
      ok = true;
      answer = IMM8;
    } else if (opcode >= 0x71 && opcode <= 0x73) {
      const right: u32 = opcode == 0x73 ? (p == P66 ? 0xcc : 0x44) : 0x54;
      ok = isReg && (p & (NP | P66)) != 0 && ((right >> reg) & 1) != 0;
      answer = IMM8;
    } else if (opcode == 0x77) {
      ok = p == NP;
    } else if (opcode >= 0x78 && opcode <= 0x7d) {
      ok = false;
    } else {
      ok = (p & (NP | P66)) != 0;
    }
  } else if (opcode == 0xae) {
    // FXSAVE FXRSTOR LDMXCSR STMXCSR, CLFLUSH; as registers LFENCE MFENCE SFENCE
    ok = p == NP && (isReg ? reg >= 5 : reg < 4 || reg == 7);
  } else if (opcode >= 0xc2 && opcode <= 0xc6) {
    if (opcode == 0xc3) return p == NP && !isReg ? 0 : UNDEFINED; // MOVNTI
    answer = IMM8;
    if (opcode == 0xc2) ok = true;
    else ok = (p & (NP | P66)) != 0 && !(opcode == 0xc5 && !isReg);
  } else if (opcode >= 0xd0 && opcode <= 0xfe) {
    if (opcode == 0xd0 || opcode == 0xf0) ok = false;
    else if (opcode == 0xd6) ok = p == P66 || (p != NP && isReg);
    else if (opcode == 0xe6) ok = p != NP;
    else if (opcode == 0xe7) ok = (p & (NP | P66)) != 0 && !isReg;
    else if (opcode == 0xd7 || opcode == 0xf7) ok = (p & (NP | P66)) != 0 && isReg;
    else ok = (p & (NP | P66)) != 0;
  } else {
    ok = false;
  }
  return ok ? answer : UNDEFINED;
}
