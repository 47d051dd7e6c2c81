/** One record that does not end its block: the code for it. */
import * as op from "../core/ops.ts";
import { F_A, F_B, F_C, F_KIND, PAGE_VA, PAGE_VA_HIGH, TMP_EA, ZERO } from "../core/state.ts";
import { CPU, GPR } from "../layout.ts";
import { aluAB, aluAM, aluMB, testAB, testMB, unaryA, unaryM } from "./alu.ts";
import { MEM, OP } from "./code.ts";
import type { Emitter } from "./emitter.ts";
import { loadFlags, pushAll } from "./flags.ts";
import { LEFT, NEXT_RECORD, PAGE, REGISTERS } from "./locals.ts";
import { HELPER } from "./module.ts";
import {
  bswap,
  cdq,
  cdqe,
  cmovAB,
  lea,
  leave,
  movAB,
  movAM,
  movMB,
  movsxA,
  movsxM,
  movzxA,
  movzxM,
  popA,
  pushB,
  setccA,
} from "./moves.ts";
import { RECORD_SIZE, type Records } from "./records.ts";
import { imulAB, imulABI, imulAM, mul64, shiftAI } from "./shifts.ts";

/** Second-level handlers that never branch or stop when they succeed: the core does them for us. */
const STEPPED: ReadonlySet<number> = new Set([
  op.S_FPU,
  op.S_SHIFT,
  op.S_SHLD,
  op.S_SHRD,
  op.S_BT,
  op.S_BSF,
  op.S_BSR,
  op.S_XCHG,
  op.S_XADD,
  op.S_CMPXCHG,
  op.S_CMPXCHG8B,
  op.S_MUL,
  op.S_IMUL,
  op.S_DIV,
  op.S_IDIV,
  op.S_IMUL2,
  op.S_SETCC,
  op.S_CMOV,
  op.S_MOVZX,
  op.S_MOVSX,
  op.S_LEA16,
  op.S_CBW,
  op.S_CWD,
  op.S_XLAT,
  op.S_LAHF,
  op.S_SAHF,
  op.S_CMC,
  op.S_CLC,
  op.S_STC,
  op.S_CLD,
  op.S_STD,
  op.S_PUSH,
  op.S_POP,
  op.S_PUSHF,
  op.S_ENTER,
  op.S_LEAVE16,
  op.S_RDTSC,
  op.S_FROM_SEG,
  op.S_PUSH_SEG,
  op.S_STORE_SYSTEM,
  op.S_STORE_TABLE,
  op.S_CLFLUSH,
  op.S_XCHG_REG,
]);
/** String instructions, without REP. */
const STRINGS: ReadonlySet<number> = new Set([op.S_MOVS, op.S_STOS, op.S_LODS, op.S_SCAS, op.S_CMPS]);

/** Are the flags set at `rec` dead: overwritten before anything reads them or the region may be left? */
function deadFlags(e: Emitter): boolean {
  const { records } = e;
  for (let rec = e.rec + RECORD_SIZE; ; rec += RECORD_SIZE) {
    const o = records.op(rec);
    if (setsFlagsOnly(o)) return true;
    if (!isPlain(o)) return false;
  }
}

const within = (o: number, first: number, count: number): boolean => o >= first && o < first + count;

/** Sets all flags, reads none, touches no memory. */
function setsFlagsOnly(o: number): boolean {
  if (within(o, op.ALU_AB, 32)) return ![2, 3].includes((o - op.ALU_AB) >> 2);
  return (
    within(o, op.TEST_AB, 4) ||
    within(o, op.NEG_A, 4) ||
    within(o, op.SHL_AI, 6) ||
    within(o, op.IMUL_AB, 2) ||
    within(o, op.IMUL_ABI, 2) ||
    o === op.MUL64_B
  );
}

/** Has nothing to do with flags or memory. */
function isPlain(o: number): boolean {
  return (
    within(o, op.MOV_AB, 4) ||
    within(o, op.NOT_A, 4) ||
    within(o, op.MOVZX_A, 2) ||
    within(o, op.MOVSX_A, 5) ||
    within(o, op.BSWAP, 2) ||
    [op.LEA32, op.LEA64, op.CDQE, op.CDQ, op.CQO, op.MICRO_EA, op.MICRO_ABS].includes(o)
  );
}

/** Can a region do this record? (A return only if it knows where to.) */
export function isTranslated(records: Records, rec: number): boolean {
  const o = records.op(rec);
  if (o >= op.MAIN_END) return isStepped(records, rec);
  return (
    o !== op.LOOKUP &&
    o !== op.CROSS &&
    o !== op.CALL_B &&
    o !== op.CALL_M &&
    o !== op.RET &&
    !within(o, op.JMP_B, 2)
  );
}

function isStepped(records: Records, rec: number): boolean {
  const o = records.op(rec);
  return STEPPED.has(o) || (STRINGS.has(o) && !(records.c(rec) & op.STR_REP));
}

/** False: only the interpreter can do it. */
export function instruction(e: Emitter): boolean {
  const o = e.records.op(e.rec);
  const live = (): boolean => !deadFlags(e);
  const at = (first: number): number => o - first;
  if (o < op.ALU_AB) return micro(e, o);
  if (o < op.ALU_AM) aluAB(e, at(op.ALU_AB) >> 2, at(op.ALU_AB) & 3, live());
  else if (o < op.ALU_MB) aluAM(e, at(op.ALU_AM) >> 2, at(op.ALU_AM) & 3);
  else if (o < op.TEST_AB) aluMB(e, at(op.ALU_MB) >> 2, at(op.ALU_MB) & 3);
  else if (o < op.TEST_MB) testAB(e, at(op.TEST_AB), live());
  else if (o < op.MOV_AB) testMB(e, at(op.TEST_MB));
  else if (o < op.MOV_AM) movAB(e, at(op.MOV_AB));
  else if (o < op.MOV_MB) movAM(e, at(op.MOV_AM));
  else if (o < op.INC_A) movMB(e, at(op.MOV_MB));
  else if (o < op.INC_M) unaryA(e, at(op.INC_A) >> 2, at(op.INC_A) & 3, live());
  else if (o < op.MOVZX_A) unaryM(e, at(op.INC_M) >> 2, at(op.INC_M) & 3);
  else if (o < op.MOVZX_M) movzxA(e, at(op.MOVZX_A));
  else if (o < op.MOVSX_A) movzxM(e, at(op.MOVZX_M));
  else if (o < op.MOVSX_M) movsxA(e, at(op.MOVSX_A));
  else if (o < op.LEA32) movsxM(e, at(op.MOVSX_M));
  else if (o <= op.LEA64) lea(e, o === op.LEA32 ? 2 : 3);
  else if (o === op.PUSH_B) pushB(e);
  else if (o === op.POP_A) popA(e);
  else if (o === op.LEAVE) leave(e);
  else if (within(o, op.SHL_AI, 10)) shiftAI(e, at(op.SHL_AI) >> 1, 2 + (at(op.SHL_AI) & 1), live());
  else if (within(o, op.IMUL_AB, 2)) imulAB(e, 2 + at(op.IMUL_AB), live());
  else if (within(o, op.IMUL_AM, 2)) imulAM(e, 2 + at(op.IMUL_AM));
  else if (within(o, op.IMUL_ABI, 2)) imulABI(e, 2 + at(op.IMUL_ABI), live());
  else if (o === op.SETCC_A) setccA(e);
  else if (within(o, op.CMOV_AB, 2)) cmovAB(e, 2 + at(op.CMOV_AB));
  else if (within(o, op.BSWAP, 2)) bswap(e, 2 + at(op.BSWAP));
  else if (o === op.CDQE) cdqe(e);
  else if (o === op.CDQ) cdq(e, 2);
  else if (o === op.CQO) cdq(e, 3);
  else if (o === op.MUL64_B) mul64(e, live());
  else if (isStepped(e.records, e.rec)) step(e);
  else return false;
  return true;
}

/** Address parts that a record has no room for: TMP_EA, which the instruction behind reads. */
function micro(e: Emitter, o: number): boolean {
  const { code, records } = e;
  if (o !== op.MICRO_EA && o !== op.MICRO_ABS) return false;
  code.i32(0);
  if (o === op.MICRO_EA) {
    e.address();
    if (records.misc(e.rec) & 1) code.i64(0xffff_ffff).op(OP.i64And);
  } else code.i64(records.immediate(e.rec));
  const segment = records.b(e.rec);
  if (segment !== ZERO) code.i32(0).memory(MEM.i64Load, segment).op(OP.i64Add);
  code.memory(MEM.i64Store, TMP_EA);
  return true;
}

/** Writes to memory what may have changed since the region was entered. */
export function spill(e: Emitter, registers: number): void {
  const { code } = e;
  for (let r = 0; r < 16; r++)
    if (registers & (1 << r))
      code
        .i32(0)
        .get(REGISTERS + r)
        .memory(MEM.i64Store, CPU + GPR + 8 * r);
  if (!e.flagsWritten) return;
  pushAll(e);
  code.call(HELPER.regionFlags);
}

/** The core's handler does this one instruction on the state in memory. */
function step(e: Emitter): void {
  const { code } = e;
  const all = 0xffff;
  e.used = all;
  e.written = all;
  e.flagsWritten = true;
  spill(e, all);
  storePage(e);
  code.i32(e.rec).get(LEFT).call(HELPER.regionStep).set(NEXT_RECORD);
  reload(e, all);
  loadFlags(e, { a: F_A, b: F_B, c: F_C, kind: F_KIND });
  // a MICRO before it has to be done again too
  if (e.start !== e.rec) {
    code.get(NEXT_RECORD).i32(e.rec).op(OP.i32Eq).if();
    code.i32(e.start).set(NEXT_RECORD).end();
  }
  code.get(NEXT_RECORD).if();
  code.br(e.exit).end();
}

export function reload(e: Emitter, registers: number): void {
  for (let r = 0; r < 16; r++)
    if (registers & (1 << r))
      e.code
        .i32(0)
        .memory(MEM.i64Load, CPU + GPR + 8 * r)
        .set(REGISTERS + r);
}

export function storePage(e: Emitter): void {
  const { code } = e;
  code.i32(0).get(PAGE).memory(MEM.i64Store, PAGE_VA);
  code.i32(0).get(PAGE).i64(0x2000).op(OP.i64Add).memory(MEM.i64Store, PAGE_VA_HIGH);
}
