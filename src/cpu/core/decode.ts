// Bytes to records: one instruction at a time. The rules are those of 64-bit mode for x86-64-v1; all else is #UD.
//
//   n = decode(bytes, record, offset in page)    length; `emitted` records (0 for NOPs, 2 where an address needs a MICRO),
//                                                `ends` says that the block ends here
//
// It may read up to 30 bytes from `bytes`, whatever the instruction's length.

import {
  CPU, FAR_CALL, FAR_JMP, FS_BASE, GS_BASE, PRIV_CLI, PRIV_CLTS, PRIV_CPUID, PRIV_HLT, PRIV_IN, PRIV_INVD, PRIV_INVLPG, PRIV_LAR,
  PRIV_LGDT, PRIV_LIDT, PRIV_LLDT, PRIV_LMSW, PRIV_LSL, PRIV_LTR, PRIV_MOV_FROM_CR, PRIV_MOV_FROM_DR, PRIV_MOV_TO_CR,
  PRIV_MOV_TO_DR, PRIV_OUT, PRIV_RDMSR, PRIV_RDPMC, PRIV_STI, PRIV_SWAPGS, PRIV_SYSENTER, PRIV_SYSEXIT, PRIV_SYSRET, PRIV_VERR,
  PRIV_VERW, PRIV_WBINVD, PRIV_WRMSR, RCX, RDX,
} from "../layout";
import {
  FP_IMM, FP_KIND, FP_MODRM, FP_OPCODE, FP_PP, FP_REG, FP_REXW, FP_RM, MISC_MEM, MISC_STACK, RECORD_SIZE, R_A, R_B, R_BASE, R_C,
  R_DISP, R_IDX, R_IMM, R_LENGTH, R_LINK, R_MISC, R_OFF, R_OP, R_REL, R_SCALE, UNLINKED,
} from "./record";
import { fpuDecodes } from "./fpu/fpu";
import * as op from "./ops";
import { PAGE_VA, PAGE_VA_HIGH, TMP_EA, ZERO, SLOTS } from "./state";

export let emitted: u32 = 0;
export let ends: bool = false;
/** The instruction is undefined (a record that raises #UD was emitted). */
export let undefinedOpcode: bool = false;

/** Page that the bytes stand in, 0 if they were gathered elsewhere. */
let hostPage: u32 = 0;
let pc: u32 = 0;
let rec: u32 = 0;
let eaRec: u32 = 0;
let rex: u32 = 0;
let p66: bool = false;
let rep: u32 = 0; // 2 = F3, 3 = F2 (as in FP_PP)
let segment: u32 = 0; // address of FS_BASE or GS_BASE
let lock: bool = false;
let lockable: bool = false;
let a32: bool = false;
let modrm: u32 = 0;
let reg: u32 = 0;
let rm: u32 = 0;
let isMem: bool = false;
let ripRelative: bool = false;
let elided: bool = false;
/** Bad instruction. */
let bad: bool = false;

// @ts-ignore: decorator
@inline function byte(): u32 {
  return load<u8>(pc++);
}

// @ts-ignore: decorator
@inline function gpr(n: u32): u32 {
  return CPU + (n << 3);
}

/** Address of a byte register. */
function gpr8(n: u32): u32 {
  return rex == 0 && n >= 4 && n < 8 ? CPU + ((n - 4) << 3) + 1 : gpr(n);
}

function gprOf(n: u32, size: u32): u32 {
  return size == 0 ? gpr8(n) : gpr(n);
}

// @ts-ignore: decorator
@inline function emit(o: u32): void {
  store<u16>(rec, o, R_OP);
}

// @ts-ignore: decorator
@inline function setA(v: u32): void {
  store<u16>(rec, v, R_A);
}

// @ts-ignore: decorator
@inline function setB(v: u32): void {
  store<u32>(rec, v, R_B);
}

// @ts-ignore: decorator
@inline function setC(v: u32): void {
  store<u16>(rec, v, R_C);
}

// @ts-ignore: decorator
@inline function addMisc(v: u32): void {
  store<u8>(rec, load<u8>(rec, R_MISC) | v, R_MISC);
}

/** R_IMM, and R_B points at it. */
function setImm(v: i64): void {
  store<i64>(rec, v, R_IMM);
  setB(rec + R_IMM);
}

function imm8(): i64 {
  return <i64>load<i8>(pc++);
}

/** Immediate of operand size, at most 32 bits, sign-extended. */
function immz(size: u32): i64 {
  if (size == 0) return imm8();
  if (size == 1) {
    pc += 2;
    return <i64>load<i16>(pc - 2);
  }
  pc += 4;
  return <i64>load<i32>(pc - 4);
}

/** Operand size of the general form: 1, 2, 3. */
function opSize(): u32 {
  return rex & 8 ? 3 : p66 ? 1 : 2;
}

/** Operand size of stack operations. */
function stackSize(): u32 {
  return p66 && !(rex & 8) ? 1 : 3;
}

/** The address fields of `rec` go into a MICRO record; `rec` moves behind it and reads TMP_EA. */
function splitAddress(micro: u32, flags: u32): void {
  store<u16>(rec, micro, R_OP);
  store<u8>(rec, flags, R_MISC);
  store<u32>(rec, segment ? segment : <u32>ZERO, R_B);
  const next = rec + RECORD_SIZE;
  memory.fill(next, 0, RECORD_SIZE);
  store<u16>(next, <u32>TMP_EA, R_BASE);
  store<u16>(next, <u32>ZERO, R_IDX);
  rec = next;
}

function parseModrm(): void {
  modrm = byte();
  const mod = modrm >> 6;
  reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  rm = modrm & 7;
  isMem = mod != 3;
  if (!isMem) {
    rm |= (rex & 1) << 3;
    return;
  }
  let base: u32 = <u32>ZERO;
  let index: u32 = <u32>ZERO;
  let scale: u32 = 0;
  let stack = false;
  let disp: i32 = 0;
  if (rm == 4) {
    const sib = byte();
    const i = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (i != 4) {
      index = gpr(i);
      scale = sib >> 6;
    }
    const b = sib & 7;
    if (b == 5 && mod == 0) {
      disp = load<i32>(pc);
      pc += 4;
    } else {
      base = gpr(b | ((rex & 1) << 3));
    }
  } else if (rm == 5 && mod == 0) {
    disp = load<i32>(pc);
    pc += 4;
    base = <u32>PAGE_VA;
    ripRelative = true;
  } else {
    base = gpr(rm | ((rex & 1) << 3));
  }
  stack = base == gpr(4) || base == gpr(5);
  if (mod == 1) disp = load<i8>(pc++);
  else if (mod == 2) {
    disp = load<i32>(pc);
    pc += 4;
  }
  // fs:/gs: with no index: the segment's base takes the index's place
  const useIndex = segment && index == <u32>ZERO && !a32;
  if (useIndex) index = segment;
  store<u16>(rec, base, R_BASE);
  store<u16>(rec, index, R_IDX);
  store<u8>(rec, scale, R_SCALE);
  store<i32>(rec, disp, R_DISP);
  eaRec = rec;
  if (a32 || (segment && !useIndex)) splitAddress(op.MICRO_EA, a32 ? 1 : 0);
  if (stack && !segment) addMisc(MISC_STACK);
}

/** The ModRM operand of a second-level handler. */
function rmOperand(size: u32): void {
  if (isMem) addMisc(MISC_MEM);
  else setB(gprOf(rm, size));
  addMisc(size);
}

/** `family` + size for r/m ← reg, reg ← r/m. */
function toRm(ab: u32, mb: u32, size: u32): void {
  setB(gprOf(reg, size));
  if (isMem) emit(mb + size);
  else {
    emit(ab + size);
    setA(gprOf(rm, size));
  }
}

function toReg(ab: u32, am: u32, size: u32): void {
  setA(gprOf(reg, size));
  if (isMem) emit(am + size);
  else {
    emit(ab + size);
    setB(gprOf(rm, size));
  }
}

/** r/m, immediate (already fetched). */
function immToRm(ab: u32, mb: u32, size: u32, imm: i64): void {
  setImm(imm);
  if (isMem) emit(mb + size);
  else {
    emit(ab + size);
    setA(gprOf(rm, size));
  }
}

function branch(o: u32, displacement: i64): void {
  emit(o);
  store<u32>(rec, hostPage | UNLINKED, R_LINK);
  store<i32>(rec, <i32>displacement, R_REL);
}

function privileged(what: u32): void {
  emit(op.S_PRIV);
  setC(what);
  ends = true;
}

function fpu(kind: u32, opcode: u32, hasModrm: bool): void {
  const pp: u32 = rep ? rep : p66 ? 1 : 0;
  if (hasModrm) parseModrm();
  else {
    modrm = 0;
    isMem = false;
    rm = 0;
    reg = 0;
  }
  const r = fpuDecodes(kind, pp, opcode, modrm);
  if (r < 0) {
    bad = true;
    return;
  }
  if (kind == 1 && opcode == 0xf7 && !isMem) {
    // maskmov: the operand is DS:RDI
    store<u16>(rec, gpr(7), R_BASE);
    if (segment && !a32) store<u16>(rec, segment, R_IDX);
    if (a32) {
      eaRec = rec;
      splitAddress(op.MICRO_EA, 1);
    }
  }
  emit(op.S_FPU);
  store<u8>(rec, isMem ? 0xff : rm, FP_RM);
  store<u8>(rec, reg, FP_REG);
  store<u8>(rec, opcode, FP_OPCODE);
  store<u8>(rec, pp, FP_PP);
  store<u8>(rec, (rex >> 3) & 1, FP_REXW);
  store<u8>(rec, modrm, FP_MODRM);
  store<u8>(rec, (kind == 0 ? 1 : 0) | (p66 ? 2 : 0) | (segment ? 4 : 0), FP_KIND);
  if (r & 1) store<u8>(rec, byte(), FP_IMM);
}

/** Group 2: `count` says 0 immediate, 1 one, 2 CL. */
function shift(size: u32, count: u32): void {
  parseModrm();
  const kind = reg & 7;
  let n: u32 = 1;
  if (count == 0) n = byte();
  const masked = n & (size == 3 ? 63 : 31);
  if (count != 2 && !isMem && size >= 2 && masked != 0 && kind != 2 && kind != 3) {
    let o: u32 = 0;
    if (kind == 0) o = op.ROL_AI;
    else if (kind == 1) o = op.ROR_AI;
    else if (kind == 5) o = op.SHR_AI;
    else if (kind == 7) o = op.SAR_AI;
    else o = op.SHL_AI;
    emit(o + (size - 2));
    setA(gpr(rm));
    store<i64>(rec, masked, R_IMM);
    return;
  }
  emit(op.S_SHIFT);
  setC(kind);
  rmOperand(size);
  if (count == 2) setA(CPU + RCX);
  else {
    // the count stands in the record: R_A = 0
    setA(0);
    store<i64>(rec, n, R_IMM);
  }
}

function stringOp(o: u32, size: u32): void {
  emit(o);
  store<u8>(rec, size, R_MISC);
  setC((rep ? op.STR_REP : 0) | (rep == 3 ? op.STR_NE : 0) | (a32 ? op.STR_A32 : 0));
  setB(segment ? segment : <u32>ZERO);
  if (rep) ends = true;
}

/** Decodes one instruction. `off` is its offset in its page. */
export function decode(bytes: u32, record: u32, off: u32): u32 {
  pc = bytes;
  hostPage = bytes >= SLOTS ? <u32>bytes & ~0xfff : 0;
  rec = record;
  eaRec = 0;
  rex = 0;
  p66 = false;
  rep = 0;
  segment = 0;
  lock = false;
  lockable = false;
  a32 = false;
  ripRelative = false;
  elided = false;
  bad = false;
  ends = false;
  undefinedOpcode = false;
  memory.fill(rec, 0, RECORD_SIZE);
  store<u16>(rec, <u32>ZERO, R_BASE);
  store<u16>(rec, <u32>ZERO, R_IDX);

  let opcode: u32 = 0;
  for (;;) {
    opcode = byte();
    if (pc - bytes > 15) break;
    if (opcode == 0x66) p66 = true;
    else if (opcode == 0x67) a32 = true;
    else if (opcode == 0xf2) rep = 3;
    else if (opcode == 0xf3) rep = 2;
    else if (opcode == 0xf0) lock = true;
    else if (opcode == 0x64) segment = CPU + FS_BASE;
    else if (opcode == 0x65) segment = CPU + GS_BASE;
    else if (opcode == 0x26 || opcode == 0x2e || opcode == 0x36 || opcode == 0x3e) {
      // ignored in 64-bit mode
    } else if ((opcode & 0xf0) == 0x40) {
      rex = opcode;
      continue;
    } else break;
    // a REX counts only directly before the opcode
    rex = 0;
  }

  if (opcode == 0x0f) twoByte();
  else oneByte(opcode);

  if (lock && !(lockable && isMem)) bad = true;
  let length = <u32>(pc - bytes);
  if (length > 15) {
    emit(op.S_LONG);
    ends = true;
    elided = false;
    length = 15;
  } else if (bad) {
    emit(op.S_UD);
    ends = true;
    elided = false;
    undefinedOpcode = true;
  }
  if (elided) {
    emitted = 0;
    return length;
  }
  emitted = rec == record ? 1 : 2;
  store<u8>(rec, length, R_LENGTH);
  store<u16>(rec, off, R_OFF);
  if (emitted == 2) {
    store<u8>(record, length, R_LENGTH);
    store<u16>(record, off, R_OFF);
  }
  if (ripRelative) {
    let disp: i64 = <i64>load<i32>(eaRec, R_DISP) + off + length;
    if (disp > 0x7fffffff) {
      store<u16>(eaRec, <u32>PAGE_VA_HIGH, R_BASE);
      disp -= 0x2000;
    }
    store<i32>(eaRec, <i32>disp, R_DISP);
  }
  return length;
}

function oneByte(opcode: u32): void {
  isMem = false;
  if (opcode < 0x40) {
    const alu = opcode >> 3;
    const form = opcode & 7;
    if (form >= 6) {
      bad = true;
      return;
    }
    const size = form & 1 ? opSize() : 0;
    const family = alu << 2;
    if (form < 4) {
      parseModrm();
      if (form < 2) {
        lockable = alu != 7;
        toRm(op.ALU_AB + family, op.ALU_MB + family, size);
      } else toReg(op.ALU_AB + family, op.ALU_AM + family, size);
    } else {
      emit(op.ALU_AB + family + size);
      setA(CPU);
      setImm(immz(size));
    }
    return;
  }
  if (opcode >= 0x50 && opcode <= 0x5f) {
    const r = (opcode & 7) | ((rex & 1) << 3);
    const size = stackSize();
    if (opcode < 0x58) {
      emit(size == 3 ? op.PUSH_B : op.S_PUSH);
      setB(gpr(r));
    } else {
      emit(size == 3 ? op.POP_A : op.S_POP);
      setA(gpr(r));
      setB(gpr(r));
    }
    addMisc(size);
    return;
  }
  if (opcode >= 0x70 && opcode <= 0x7f) {
    branch(op.JCC + (opcode & 15), imm8());
    return;
  }
  if (opcode >= 0xb0 && opcode <= 0xbf) {
    const r = (opcode & 7) | ((rex & 1) << 3);
    if (opcode < 0xb8) {
      emit(op.MOV_AB);
      setA(gpr8(r));
      setImm(imm8());
    } else {
      const size = opSize();
      emit(op.MOV_AB + size);
      setA(gpr(r));
      if (size == 3) {
        setImm(load<i64>(pc));
        pc += 8;
      } else setImm(immz(size));
    }
    return;
  }
  if (opcode >= 0x90 && opcode <= 0x97) {
    const r = (opcode & 7) | ((rex & 1) << 3);
    if (r == 0) {
      if (rep == 2) {
        emit(op.S_PAUSE);
        ends = true;
      } else elided = true;
      return;
    }
    emit(op.S_XCHG_REG);
    setA(CPU);
    setB(gpr(r));
    addMisc(opSize());
    return;
  }
  if (opcode >= 0xd8 && opcode <= 0xdf) {
    fpu(0, opcode, true);
    return;
  }
  switch (opcode) {
    case 0x63: {
      parseModrm();
      const size = opSize();
      if (size == 3) {
        setA(gpr(reg));
        if (isMem) emit(op.MOVSX_M + 4);
        else {
          emit(op.MOVSX_A + 4);
          setB(gpr(rm));
        }
      } else toReg(op.MOV_AB, op.MOV_AM, size);
      break;
    }
    case 0x68:
    case 0x6a: {
      const size = stackSize();
      setImm(opcode == 0x6a ? imm8() : immz(size == 1 ? 1 : 2));
      emit(size == 3 ? op.PUSH_B : op.S_PUSH);
      addMisc(size);
      break;
    }
    case 0x69:
    case 0x6b: {
      parseModrm();
      const size = opSize();
      const imm = opcode == 0x6b ? imm8() : immz(size);
      store<i64>(rec, imm, R_IMM);
      setA(gpr(reg));
      if (!isMem && size >= 2) {
        emit(op.IMUL_ABI + (size - 2));
        setB(gpr(rm));
      } else {
        emit(op.S_IMUL2);
        rmOperand(size);
      }
      break;
    }
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
      stringOp(opcode < 0x6e ? op.S_INS : op.S_OUTS, opcode & 1 ? (p66 ? 1 : 2) : 0);
      ends = true;
      break;
    case 0x80:
    case 0x81:
    case 0x83: {
      parseModrm();
      const size = opcode == 0x80 ? 0 : opSize();
      const alu = reg & 7;
      lockable = alu != 7;
      immToRm(op.ALU_AB + (alu << 2), op.ALU_MB + (alu << 2), size, opcode == 0x81 ? immz(size) : imm8());
      break;
    }
    case 0x84:
    case 0x85:
      parseModrm();
      toRm(op.TEST_AB, op.TEST_MB, opcode & 1 ? opSize() : 0);
      break;
    case 0x86:
    case 0x87: {
      parseModrm();
      lockable = true;
      const size = opcode & 1 ? opSize() : 0;
      emit(isMem ? op.S_XCHG : op.S_XCHG_REG);
      setA(gprOf(reg, size));
      rmOperand(size);
      break;
    }
    case 0x88:
    case 0x89:
      parseModrm();
      toRm(op.MOV_AB, op.MOV_MB, opcode & 1 ? opSize() : 0);
      break;
    case 0x8a:
    case 0x8b:
      parseModrm();
      toReg(op.MOV_AB, op.MOV_AM, opcode & 1 ? opSize() : 0);
      break;
    case 0x8c:
      parseModrm();
      if ((reg & 7) > 5) {
        bad = true;
        break;
      }
      emit(op.S_FROM_SEG);
      setC(reg & 7);
      rmOperand(isMem ? 1 : opSize());
      break;
    case 0x8d: {
      // segment bases have no part in LEA
      segment = 0;
      parseModrm();
      if (!isMem) {
        bad = true;
        break;
      }
      const size = opSize();
      setA(gpr(reg));
      emit(size == 3 ? op.LEA64 : size == 2 ? op.LEA32 : op.S_LEA16);
      break;
    }
    case 0x8e:
      parseModrm();
      if ((reg & 7) > 5 || (reg & 7) == 1) {
        bad = true;
        break;
      }
      emit(op.S_TO_SEG);
      setC(reg & 7);
      rmOperand(1);
      ends = true;
      break;
    case 0x8f: {
      parseModrm();
      if (reg & 7) {
        bad = true;
        break;
      }
      const size = stackSize();
      if (!isMem && size == 3) {
        emit(op.POP_A);
        setA(gpr(rm));
        } else {
        emit(op.S_POP);
        // the address is made with RSP already moved; a MICRO record makes it before
        if (rec != eaRec && isMem && load<u16>(eaRec, R_BASE) == gpr(4)) {
          store<i32>(eaRec, load<i32>(eaRec, R_DISP) + (1 << size), R_DISP);
        }
        rmOperand(size);
      }
      break;
    }
    case 0x98:
      if (opSize() == 3) emit(op.CDQE);
      else {
        emit(op.S_CBW);
        addMisc(opSize());
      }
      break;
    case 0x99:
      if (opSize() == 1) {
        emit(op.S_CWD);
      } else emit(opSize() == 3 ? op.CQO : op.CDQ);
      break;
    case 0x9b:
      if (fpuDecodes(0, 0, 0x9b, 0) >= 0) fpu(0, 0x9b, false);
      else elided = true;
      break;
    case 0x9c:
      emit(op.S_PUSHF);
      addMisc(stackSize());
      break;
    case 0x9d:
      emit(op.S_POPF);
      addMisc(stackSize());
      ends = true;
      break;
    case 0x9e:
      emit(op.S_SAHF);
      break;
    case 0x9f:
      emit(op.S_LAHF);
      break;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3: {
      const size = opcode & 1 ? opSize() : 0;
      if (a32) {
        store<u64>(rec, load<u32>(pc), R_IMM);
        pc += 4;
      } else {
        store<u64>(rec, load<u64>(pc), R_IMM);
        pc += 8;
      }
      splitAddress(op.MICRO_ABS, 0);
      isMem = true;
      if (opcode < 0xa2) {
        emit(op.MOV_AM + size);
        setA(CPU);
      } else {
        emit(op.MOV_MB + size);
        setB(CPU);
      }
      break;
    }
    case 0xa4:
    case 0xa5:
      stringOp(op.S_MOVS, opcode & 1 ? opSize() : 0);
      break;
    case 0xa6:
    case 0xa7:
      stringOp(op.S_CMPS, opcode & 1 ? opSize() : 0);
      break;
    case 0xa8:
    case 0xa9: {
      const size = opcode & 1 ? opSize() : 0;
      emit(op.TEST_AB + size);
      setA(CPU);
      setImm(immz(size));
      break;
    }
    case 0xaa:
    case 0xab:
      stringOp(op.S_STOS, opcode & 1 ? opSize() : 0);
      break;
    case 0xac:
    case 0xad:
      stringOp(op.S_LODS, opcode & 1 ? opSize() : 0);
      break;
    case 0xae:
    case 0xaf:
      stringOp(op.S_SCAS, opcode & 1 ? opSize() : 0);
      break;
    case 0xc0:
      shift(0, 0);
      break;
    case 0xc1:
      shift(opSize(), 0);
      break;
    case 0xd0:
      shift(0, 1);
      break;
    case 0xd1:
      shift(opSize(), 1);
      break;
    case 0xd2:
      shift(0, 2);
      break;
    case 0xd3:
      shift(opSize(), 2);
      break;
    case 0xc2:
      emit(op.S_RET_IMM);
      store<i64>(rec, load<u16>(pc), R_IMM);
      pc += 2;
      ends = true;
      break;
    case 0xc3:
      emit(op.RET);
      ends = true;
      break;
    case 0xc6:
    case 0xc7: {
      parseModrm();
      if (reg & 7) {
        bad = true;
        break;
      }
      const size = opcode & 1 ? opSize() : 0;
      immToRm(op.MOV_AB, op.MOV_MB, size, immz(size));
      break;
    }
    case 0xc8:
      emit(op.S_ENTER);
      store<i64>(rec, load<u16>(pc) | (<i64>load<u8>(pc, 2) << 16), R_IMM);
      pc += 3;
      addMisc(stackSize());
      break;
    case 0xc9:
      emit(stackSize() == 3 ? op.LEAVE : op.S_LEAVE16);
      break;
    case 0xca:
    case 0xcb:
      emit(op.S_RETF);
      if (opcode == 0xca) {
        store<i64>(rec, load<u16>(pc), R_IMM);
        pc += 2;
      }
      addMisc(opSize());
      ends = true;
      break;
    case 0xcc:
      emit(op.S_INT);
      setC(3);
      ends = true;
      break;
    case 0xcd:
      emit(op.S_INT);
      setC(byte());
      ends = true;
      break;
    case 0xcf:
      emit(op.S_IRET);
      addMisc(opSize());
      ends = true;
      break;
    case 0xd7:
      emit(op.S_XLAT);
      setB(segment ? segment : <u32>ZERO);
      addMisc(a32 ? 1 : 0);
      break;
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
      branch(op.S_LOOP, imm8());
      setC(opcode & 3);
      addMisc(a32 ? 1 : 0);
      ends = true;
      break;
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
      emit(op.S_IN);
      setC(opcode & 2 ? PRIV_OUT : PRIV_IN);
      addMisc(opcode & 1 ? (p66 ? 1 : 2) : 0);
      if (opcode < 0xe8) setImm(byte());
      else setB(CPU + RDX);
      ends = true;
      break;
    case 0xe8:
      branch(op.CALL, immz(2));
      ends = true;
      break;
    case 0xe9:
      branch(op.JMP, immz(2));
      ends = true;
      break;
    case 0xeb:
      branch(op.JMP, imm8());
      ends = true;
      break;
    case 0xf1:
      emit(op.S_ICEBP);
      ends = true;
      break;
    case 0xf4:
      privileged(PRIV_HLT);
      break;
    case 0xf5:
      emit(op.S_CMC);
      break;
    case 0xf6:
    case 0xf7: {
      parseModrm();
      const size = opcode & 1 ? opSize() : 0;
      const kind = reg & 7;
      if (kind < 2) {
        immToRm(op.TEST_AB, op.TEST_MB, size, immz(size));
      } else if (kind < 4) {
        lockable = true;
        if (isMem) emit((kind == 2 ? op.NOT_M : op.NEG_M) + size);
        else {
          emit((kind == 2 ? op.NOT_A : op.NEG_A) + size);
          setA(gprOf(rm, size));
        }
      } else if (kind == 4 && size == 3 && !isMem) {
        emit(op.MUL64_B);
        setB(gpr(rm));
      } else {
        emit(op.S_MUL + (kind - 4));
        rmOperand(size);
      }
      break;
    }
    case 0xf8:
      emit(op.S_CLC);
      break;
    case 0xf9:
      emit(op.S_STC);
      break;
    case 0xfa:
      privileged(PRIV_CLI);
      break;
    case 0xfb:
      privileged(PRIV_STI);
      break;
    case 0xfc:
      emit(op.S_CLD);
      break;
    case 0xfd:
      emit(op.S_STD);
      break;
    case 0xfe:
    case 0xff: {
      parseModrm();
      const kind = reg & 7;
      if (kind < 2) {
        const size = opcode & 1 ? opSize() : 0;
        lockable = true;
        if (isMem) emit((kind == 0 ? op.INC_M : op.DEC_M) + size);
        else {
          emit((kind == 0 ? op.INC_A : op.DEC_A) + size);
          setA(gprOf(rm, size));
        }
        break;
      }
      if (opcode == 0xfe || kind == 7) {
        bad = true;
        break;
      }
      if (kind == 6) {
        const size = stackSize();
        if (!isMem && size == 3) {
          emit(op.PUSH_B);
          setB(gpr(rm));
            } else {
          emit(op.S_PUSH);
          rmOperand(size);
        }
        break;
      }
      ends = true;
      if (kind == 2 || kind == 4) {
        emit(isMem ? (kind == 2 ? op.CALL_M : op.JMP_M) : kind == 2 ? op.CALL_B : op.JMP_B);
        if (!isMem) setB(gpr(rm));
      } else if (isMem) {
        emit(op.S_FAR_M);
        setC(kind == 3 ? FAR_CALL : FAR_JMP);
        addMisc(opSize());
      } else bad = true;
      break;
    }
    default:
      bad = true;
  }
}

function twoByte(): void {
  isMem = false;
  const opcode = byte();
  if (opcode >= 0x40 && opcode <= 0x4f) {
    parseModrm();
    const size = opSize();
    setA(gpr(reg));
    if (!isMem && size >= 2) {
      emit(op.CMOV_AB + (size - 2));
      addMisc(opcode & 15);
      setB(gpr(rm));
    } else {
      emit(op.S_CMOV);
      setC(opcode & 15);
      rmOperand(size);
    }
    return;
  }
  if (opcode >= 0x80 && opcode <= 0x8f) {
    branch(op.JCC + (opcode & 15), immz(2));
    return;
  }
  if (opcode >= 0x90 && opcode <= 0x9f) {
    parseModrm();
    if (isMem) {
      emit(op.S_SETCC);
      setC(opcode & 15);
      rmOperand(0);
    } else {
      emit(op.SETCC_A);
      addMisc(opcode & 15);
      setA(gpr8(rm));
    }
    return;
  }
  if (opcode >= 0xc8 && opcode <= 0xcf) {
    // with a 16-bit operand the result is undefined; it runs as the 32-bit form on a zero-extended word elsewhere: 0
    emit(op.BSWAP + (rex & 8 ? 1 : 0));
    setA(gpr((opcode & 7) | ((rex & 1) << 3)));
    if (p66 && !(rex & 8)) {
      emit(op.MOV_AB + 1);
      setImm(0);
    }
    return;
  }
  if (
    (opcode >= 0x10 && opcode <= 0x17) ||
    (opcode >= 0x28 && opcode <= 0x2f) ||
    (opcode >= 0x50 && opcode <= 0x76) ||
    (opcode >= 0x7c && opcode <= 0x7f) ||
    opcode == 0xc2 ||
    (opcode >= 0xc4 && opcode <= 0xc6) ||
    (opcode >= 0xd0 && opcode <= 0xfe)
  ) {
    fpu(1, opcode, true);
    return;
  }
  switch (opcode) {
    case 0x00: {
      parseModrm();
      const kind = reg & 7;
      if (kind < 2) {
        emit(op.S_STORE_SYSTEM);
        setC(kind);
        rmOperand(isMem ? 1 : opSize());
      } else if (kind < 6) {
        emit(op.S_PRIV_RM16);
        setC(kind == 2 ? PRIV_LLDT : kind == 3 ? PRIV_LTR : kind == 4 ? PRIV_VERR : PRIV_VERW);
        rmOperand(1);
        ends = true;
      } else bad = true;
      break;
    }
    case 0x01: {
      parseModrm();
      const kind = reg & 7;
      if (isMem) {
        if (kind < 2) {
          emit(op.S_STORE_TABLE);
          setC(kind);
        } else if (kind == 2 || kind == 3 || kind == 7) {
          emit(op.S_PRIV_M);
          setC(kind == 2 ? PRIV_LGDT : kind == 3 ? PRIV_LIDT : PRIV_INVLPG);
          ends = true;
        } else if (kind == 4) {
          emit(op.S_STORE_SYSTEM);
          setC(kind);
          rmOperand(1);
        } else if (kind == 6) {
          emit(op.S_PRIV_RM16);
          setC(PRIV_LMSW);
          rmOperand(1);
          ends = true;
        } else bad = true;
      } else if (kind == 4) {
        emit(op.S_STORE_SYSTEM);
        setC(kind);
        rmOperand(opSize());
      } else if (kind == 6) {
        emit(op.S_PRIV_RM16);
        setC(PRIV_LMSW);
        rmOperand(1);
        ends = true;
      } else if ((modrm == 0xc1 || modrm == 0xd9) && !p66 && !rep) {
        emit(op.S_VMCALL);
        ends = true;
      } else if (modrm == 0xf8) {
        privileged(PRIV_SWAPGS);
      } else if (modrm == 0xf9) {
        emit(op.S_RDTSC);
        setC(1);
      } else bad = true;
      break;
    }
    case 0x02:
    case 0x03:
      parseModrm();
      emit(op.S_PRIV_RM16);
      setC(opcode == 2 ? PRIV_LAR : PRIV_LSL);
      setA(reg);
      store<u8>(rec, opSize(), R_IMM);
      rmOperand(1);
      ends = true;
      break;
    case 0x05:
      emit(op.S_SYSCALL);
      ends = true;
      break;
    case 0x06:
      privileged(PRIV_CLTS);
      break;
    case 0x07:
      privileged(PRIV_SYSRET);
      addMisc(opSize());
      break;
    case 0x08:
      privileged(PRIV_INVD);
      break;
    case 0x09:
      privileged(PRIV_WBINVD);
      break;
    case 0x0d:
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
      // prefetches and hint NOPs: the operand is not touched
      a32 = false;
      segment = 0;
      parseModrm();
      elided = true;
      break;
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23: {
      modrm = byte();
      const number = ((modrm >> 3) & 7) | ((rex & 4) << 1);
      const control = (opcode & 1) == 0;
      if (control ? number == 1 || (number > 4 && number != 8) || number > 8 : number > 7) {
        bad = true;
        break;
      }
      privileged(control ? (opcode & 2 ? PRIV_MOV_TO_CR : PRIV_MOV_FROM_CR) : opcode & 2 ? PRIV_MOV_TO_DR : PRIV_MOV_FROM_DR);
      setA((modrm & 7) | ((rex & 1) << 3));
      setB(number);
      break;
    }
    case 0x30:
      privileged(PRIV_WRMSR);
      break;
    case 0x31:
      emit(op.S_RDTSC);
      break;
    case 0x32:
      privileged(PRIV_RDMSR);
      break;
    case 0x33:
      privileged(PRIV_RDPMC);
      break;
    case 0x34:
      privileged(PRIV_SYSENTER);
      break;
    case 0x35:
      privileged(PRIV_SYSEXIT);
      break;
    case 0x77:
      fpu(1, opcode, false);
      break;
    case 0xa0:
    case 0xa8:
      emit(op.S_PUSH_SEG);
      setC(opcode == 0xa0 ? 4 : 5);
      addMisc(stackSize());
      break;
    case 0xa1:
    case 0xa9:
      emit(op.S_POP_SEG);
      setC(opcode == 0xa1 ? 4 : 5);
      addMisc(stackSize());
      ends = true;
      break;
    case 0xa2:
      privileged(PRIV_CPUID);
      break;
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb: {
      parseModrm();
      const size = opSize();
      const kind = (opcode >> 3) & 3;
      lockable = kind != 0;
      emit(op.S_BT);
      setC(kind);
      setA(gpr(reg));
      rmOperand(size);
      break;
    }
    case 0xba: {
      parseModrm();
      const kind = reg & 7;
      if (kind < 4) {
        bad = true;
        break;
      }
      lockable = kind != 4;
      emit(op.S_BT);
      setC(kind); // 4..7: immediate
      rmOperand(opSize());
      store<i64>(rec, byte(), R_IMM);
      break;
    }
    case 0xa4:
    case 0xa5:
    case 0xac:
    case 0xad:
      parseModrm();
      emit(opcode < 0xa8 ? op.S_SHLD : op.S_SHRD);
      rmOperand(opSize());
      setA(gpr(reg));
      if (opcode & 1) setC(CPU + RCX);
      else store<i64>(rec, byte(), R_IMM);
      break;
    case 0xae:
      groupFifteen();
      break;
    case 0xaf: {
      parseModrm();
      const size = opSize();
      if (size >= 2) {
        setA(gpr(reg));
        if (isMem) emit(op.IMUL_AM + (size - 2));
        else {
          emit(op.IMUL_AB + (size - 2));
          setB(gpr(rm));
        }
      } else {
        emit(op.S_IMUL2);
        setA(gpr(reg));
        setC(1);
        rmOperand(size);
      }
      break;
    }
    case 0xb0:
    case 0xb1:
    case 0xc0:
    case 0xc1: {
      parseModrm();
      lockable = true;
      const size = opcode & 1 ? opSize() : 0;
      emit(opcode < 0xc0 ? op.S_CMPXCHG : op.S_XADD);
      setA(gprOf(reg, size));
      rmOperand(size);
      break;
    }
    case 0xb2:
    case 0xb4:
    case 0xb5:
      parseModrm();
      if (!isMem) {
        bad = true;
        break;
      }
      emit(op.S_LSS);
      setC(opcode == 0xb2 ? 2 : opcode == 0xb4 ? 4 : 5);
      setA(reg);
      rmOperand(opSize());
      ends = true;
      break;
    case 0xb6:
    case 0xb7: {
      parseModrm();
      const size = opSize();
      setA(gpr(reg));
      if (size == 1) {
        emit(op.S_MOVZX);
        setC(opcode & 1);
        if (isMem) addMisc(MISC_MEM | size);
        else {
          setB(gprOf(rm, opcode & 1));
          addMisc(size);
        }
      } else if (isMem) emit(op.MOVZX_M + (opcode & 1));
      else {
        emit(op.MOVZX_A + (opcode & 1));
        setB(gprOf(rm, opcode & 1));
      }
      break;
    }
    case 0xbe:
    case 0xbf: {
      parseModrm();
      const size = opSize();
      setA(gpr(reg));
      if (size == 1) {
        emit(op.S_MOVSX);
        setC(opcode & 1);
        if (isMem) addMisc(MISC_MEM | size);
        else {
          setB(gprOf(rm, opcode & 1));
          addMisc(size);
        }
        break;
      }
      const kind = ((opcode & 1) << 1) | (size == 3 ? 1 : 0);
      if (isMem) emit(op.MOVSX_M + kind);
      else {
        emit(op.MOVSX_A + kind);
        setB(gprOf(rm, opcode & 1));
      }
      break;
    }
    case 0xbc:
    case 0xbd:
      // with F3 (tzcnt, lzcnt) too: CPUID offers neither
      parseModrm();
      emit(opcode & 1 ? op.S_BSR : op.S_BSF);
      setA(gpr(reg));
      rmOperand(opSize());
      break;
    case 0xc3:
      parseModrm();
      if (!isMem || p66 || rep) {
        bad = true;
        break;
      }
      setB(gpr(reg));
      emit(op.MOV_MB + (rex & 8 ? 3 : 2));
      break;
    case 0xc7:
      parseModrm();
      if (!isMem || (reg & 7) != 1 || rex & 8) {
        bad = true;
        break;
      }
      lockable = true;
      emit(op.S_CMPXCHG8B);
      addMisc(MISC_MEM);
      break;
    case 0x0b:
      bad = true;
      break;
    case 0xb9:
    case 0xff:
      // ud1, ud0: with a ModRM operand
      parseModrm();
      bad = true;
      break;
    default:
      bad = true;
  }
}

function groupFifteen(): void {
  const kind = (load<u8>(pc) >> 3) & 7;
  const memory = load<u8>(pc) < 0xc0;
  if (memory) {
    if (kind < 4) {
      fpu(1, 0xae, true);
      return;
    }
    parseModrm();
    if (kind == 7 && !p66 && !rep) {
      // clflush: reads nothing, but faults as a load of a byte would
      emit(op.S_CLFLUSH);
      addMisc(MISC_MEM);
    } else bad = true;
    return;
  }
  parseModrm();
  if (kind >= 5 && !p66 && !rep) elided = true;
  else bad = true;
}
