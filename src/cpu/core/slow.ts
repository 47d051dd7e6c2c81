// The second level: handlers that need not be fast. Most take their ModRM operand from memory or a register alike.
//
//   slow(rec)   0 gave up without effect (EXIT is set, RIP stays)     1 done
//               2 branched: RIP is set                                3 done, RIP is set, and EXIT says why to stop
//               4 a REP instruction stopped: RIP is set and LEFT paid

import {
  CPL, CPU, CR0, EXIT_FAR, EXIT_FAULT, EXIT_INT, EXIT_PAUSE, EXIT_PRIVILEGED, EXIT_SEGMENT, EXIT_SYSCALL, EXIT_VMCALL, FAR_IRET,
  FAR_RET, PRIV_INS, PRIV_OUTS, PRIV_RDTSC, PRIV_RDTSCP, R11, RAX, RBP, RBX, RCX, RDI, RDX, RFLAGS, RIP, RSI, RSP, SEL,
  TSC_AUX, TSC_EXITS, TSC_OFFSET, X_FAR_CS, X_FAR_KIND, X_FAR_RFLAGS, X_FAR_RIP, X_FAR_RSP, X_FAR_SS, X_LENGTH, X_PRIV, X_REG,
  X_REG2, X_SEGMENT_GPR, X_SEGMENT_VALUE, X_SIZE, X_VA, X_VECTOR,
} from "../layout";
import {
  ADC, ADD, AF, ARITH, CF, OF, PF, RESULT, SF, SUB, ZF, arithmetic, carry, condition, currentFlags, overflow, replaceFlags,
  setExplicit, setResult, shiftOf, top, TF,
} from "./flags";
import { fpuExec } from "./fpu/fpu";
import { addrR, addrW, canWrite, DB, DE, doneW, ea, GP, isCanonical, raise, stackFault, UD } from "./mmu";
import { divS, divU, divided, high, mulS, mulU } from "./muldiv";
import * as op from "./ops";
import {
  MISC_MEM, MISC_STACK, RECORD_SIZE, R_A, R_B, R_C, R_IMM, R_INDEX, R_LENGTH, R_MISC, R_OFF, R_OP, R_REL,
} from "./record";
import { DEADLINE, EXIT, F_A, F_B, F_C, F_KIND, LEFT, PAGE_VA } from "./state";
import { compareN, loadN, storeN, stringOp } from "./strings";

/** Not for the owner: RFLAGS.TF was set, `run` must look again. */
export const EXIT_RECHECK: u32 = 100;

// @ts-ignore: decorator
@inline function misc(rec: u32): u32 {
  return load<u8>(rec, R_MISC);
}

// @ts-ignore: decorator
@inline function sizeOf(rec: u32): u32 {
  return load<u8>(rec, R_MISC) & 3;
}

// @ts-ignore: decorator
@inline function next(rec: u32): u64 {
  return load<u64>(PAGE_VA) + load<u16>(rec, R_OFF) + load<u8>(rec, R_LENGTH);
}

/** The r/m operand for reading; 0: fault set. */
function source(rec: u32): u32 {
  return misc(rec) & MISC_MEM ? addrR(ea(rec), 1 << sizeOf(rec)) : load<u32>(rec, R_B);
}

/** The r/m operand for reading and writing; 0: fault set. */
function target(rec: u32): u32 {
  return misc(rec) & MISC_MEM ? addrW(ea(rec), 1 << sizeOf(rec)) : load<u32>(rec, R_B);
}

/** Stores to what `target` answered. */
function put(rec: u32, p: u32, v: u64): void {
  const size = sizeOf(rec);
  if (misc(rec) & MISC_MEM) {
    storeN(p, size, v);
    doneW();
  } else setReg(p, size, v);
}

export function setReg(p: u32, size: u32, v: u64): void {
  if (size == 2) store<u64>(p, v & 0xffffffff);
  else storeN(p, size, v);
}

function signed(size: u32, v: u64): i64 {
  switch (size) {
    case 0: return <i64><i8>v;
    case 1: return <i64><i16>v;
    case 2: return <i64><i32>v;
    default: return <i64>v;
  }
}

/** RESULT flags for a value of this size. */
function setResultN(size: u32, v: u64, flags: u32): void {
  const shift: u32 = 64 - (8 << size);
  store<u64>(F_A, v << shift);
  store<u64>(F_B, 0);
  store<u64>(F_C, flags);
  store<u32>(F_KIND, RESULT | (shift << 8));
}

function exit(code: u32): i32 {
  store<u32>(EXIT, code);
  return 0;
}

/** Instructions retired before this one. */
function instructionsBefore(rec: u32): u64 {
  return load<u64>(DEADLINE) - <u64><i64>load<i32>(LEFT) + load<u8>(rec, R_INDEX);
}

export function slow(rec: u32): i32 {
  const what: u32 = load<u16>(rec, R_OP);
  switch (what) {
    case op.S_UD:
      raise(UD, false, 0);
      store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
      return 0;
    case op.S_LONG:
      raise(GP, true, 0);
      return 0;
    case op.S_FPU:
      return fpuExec(rec);
    case op.S_SHIFT:
      return shift(rec);
    case op.S_SHLD:
    case op.S_SHRD:
      return doubleShift(rec, what == op.S_SHLD);
    case op.S_BT:
      return bitTest(rec);
    case op.S_BSF:
    case op.S_BSR: {
      const p = source(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      const v = loadN(p, size);
      const a: u32 = load<u16>(rec, R_A);
      // a source of 0 leaves the destination alone (its upper half too)
      if (v) setReg(a, size, what == op.S_BSF ? ctz(v) : 63 - clz(v));
      replaceFlags(ARITH, v ? 0 : ZF | PF);
      return 1;
    }
    case op.S_XCHG:
    case op.S_XCHG_REG: {
      const p = target(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      const a: u32 = load<u16>(rec, R_A);
      const v = loadN(p, size);
      put(rec, p, loadN(a, size));
      setReg(a, size, v);
      return 1;
    }
    case op.S_XADD: {
      const p = target(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      const a: u32 = load<u16>(rec, R_A);
      const v = loadN(p, size);
      const w = loadN(a, size);
      setReg(a, size, v);
      put(rec, p, v + w);
      addN(size, v, w);
      return 1;
    }
    case op.S_CMPXCHG: {
      const p = target(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      const v = loadN(p, size);
      const old = loadN(CPU + RAX, size);
      const equal = v == old;
      const w = loadN(load<u16>(rec, R_A), size);
      // memory is written in any case; a register only if equal (else its upper half would go)
      if (equal || misc(rec) & MISC_MEM) put(rec, p, equal ? w : v);
      if (!equal) setReg(CPU + RAX, size, v);
      compareN(size, old, v);
      return 1;
    }
    case op.S_CMPXCHG8B: {
      const p = addrW(ea(rec), 8);
      if (!p) return 0;
      const v = load<u64>(p);
      const equal = v == (<u64>load<u32>(CPU + RAX) | (<u64>load<u32>(CPU + RDX) << 32));
      if (equal) store<u64>(p, <u64>load<u32>(CPU + RBX) | (<u64>load<u32>(CPU + RCX) << 32));
      else {
        store<u64>(p, v);
        store<u64>(CPU + RAX, v & 0xffffffff);
        store<u64>(CPU + RDX, v >> 32);
      }
      doneW();
      replaceFlags(ZF, equal ? ZF : 0);
      return 1;
    }
    case op.S_MUL:
    case op.S_IMUL:
      return multiply(rec, what == op.S_IMUL);
    case op.S_DIV:
    case op.S_IDIV:
      return divide(rec, what == op.S_IDIV);
    case op.S_IMUL2: {
      const p = source(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      const a: u32 = load<u16>(rec, R_A);
      const v = signed(size, loadN(p, size));
      const w = load<u16>(rec, R_C) ? signed(size, loadN(a, size)) : load<i64>(rec, R_IMM);
      const r = mulS(v, w);
      setReg(a, size, r);
      const fits = size == 3 ? high == <u64>(r >> 63) : signed(size, r) == r;
      setResultN(size, r, fits ? 0 : CF | OF);
      return 1;
    }
    case op.S_SETCC: {
      const p = target(rec);
      if (!p) return 0;
      put(rec, p, condition(load<u16>(rec, R_C)) ? 1 : 0);
      return 1;
    }
    case op.S_CMOV: {
      const p = source(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      const a: u32 = load<u16>(rec, R_A);
      setReg(a, size, loadN(condition(load<u16>(rec, R_C)) ? p : a, size));
      return 1;
    }
    case op.S_MOVZX:
    case op.S_MOVSX: {
      const from: u32 = load<u16>(rec, R_C);
      const p = misc(rec) & MISC_MEM ? addrR(ea(rec), 1 << from) : load<u32>(rec, R_B);
      if (!p) return 0;
      const v = loadN(p, from);
      setReg(load<u16>(rec, R_A), sizeOf(rec), what == op.S_MOVZX ? v : signed(from, v));
      return 1;
    }
    case op.S_LEA16:
      store<u16>(load<u16>(rec, R_A), <u16>ea(rec));
      return 1;
    case op.S_CBW:
      if (sizeOf(rec) == 1) store<u16>(CPU + RAX, <u16><i16>load<i8>(CPU + RAX));
      else store<u64>(CPU + RAX, <u32><i32>load<i16>(CPU + RAX));
      return 1;
    case op.S_CWD:
      store<u16>(CPU + RDX, load<i16>(CPU + RAX) < 0 ? 0xffff : 0);
      return 1;
    case op.S_XLAT: {
      let at = load<u64>(CPU + RBX) + load<u8>(CPU + RAX);
      if (misc(rec) & 1) at &= 0xffffffff;
      const p = addrR(at + load<u64>(load<u32>(rec, R_B)), 1);
      if (!p) return 0;
      store<u8>(CPU + RAX, load<u8>(p));
      return 1;
    }
    case op.S_LAHF:
      store<u8>(CPU + RAX + 1, <u8>((arithmetic() & 0xd5) | 2));
      return 1;
    case op.S_SAHF:
      replaceFlags(0xd5, load<u8>(CPU + RAX + 1));
      return 1;
    case op.S_CMC:
      replaceFlags(CF, carry() ^ 1);
      return 1;
    case op.S_CLC:
      replaceFlags(CF, 0);
      return 1;
    case op.S_STC:
      replaceFlags(CF, CF);
      return 1;
    case op.S_CLD:
      store<u64>(CPU + RFLAGS, load<u64>(CPU + RFLAGS) & ~0x400);
      return 1;
    case op.S_STD:
      store<u64>(CPU + RFLAGS, load<u64>(CPU + RFLAGS) | 0x400);
      return 1;
    case op.S_PUSH: {
      const p = source(rec);
      if (!p) return 0;
      const size = sizeOf(rec);
      return push(size, loadN(p, size));
    }
    case op.S_POP: {
      const size = sizeOf(rec);
      const sp = load<u64>(CPU + RSP);
      const p = addrR(sp, 1 << size);
      if (!p) return stackFault();
      const v = loadN(p, size);
      // the target's address is made with RSP already past the value
      store<u64>(CPU + RSP, sp + (1 << size));
      const q = target(rec);
      if (!q) {
        store<u64>(CPU + RSP, sp);
        return 0;
      }
      put(rec, q, v);
      return 1;
    }
    case op.S_PUSHF:
      return push(sizeOf(rec), currentFlags() & ~0x30000);
    case op.S_POPF:
      return popf(rec);
    case op.S_ENTER:
      return enter(rec);
    case op.S_LEAVE16: {
      const bp = load<u64>(CPU + RBP);
      const p = addrR(bp, 2);
      if (!p) return stackFault();
      const v = load<u16>(p);
      store<u64>(CPU + RSP, bp + 2);
      store<u16>(CPU + RBP, v);
      return 1;
    }
    case op.S_RET_IMM: {
      const sp = load<u64>(CPU + RSP);
      const p = addrR(sp, 8);
      if (!p) return stackFault();
      const to = load<u64>(p);
      if (!isCanonical(to)) {
        raise(GP, true, 0);
        return 0;
      }
      store<u64>(CPU + RSP, sp + 8 + load<u64>(rec, R_IMM));
      store<u64>(CPU + RIP, to);
      return 2;
    }
    case op.S_LOOP: {
      const kind: u32 = load<u16>(rec, R_C);
      const short = (misc(rec) & 1) != 0;
      let n = short ? <u64>load<u32>(CPU + RCX) : load<u64>(CPU + RCX);
      let taken: bool;
      if (kind == 3) taken = n == 0;
      else {
        n--;
        if (short) n &= 0xffffffff;
        store<u64>(CPU + RCX, n);
        taken = n != 0;
        if (kind < 2) taken = taken && (load<u64>(F_A) == load<u64>(F_B)) == (kind == 1);
      }
      store<u64>(CPU + RIP, next(rec) + (taken ? <i64>load<i32>(rec, R_REL) : 0));
      return 2;
    }
    case op.S_MOVS:
    case op.S_STOS:
    case op.S_LODS:
    case op.S_SCAS:
    case op.S_CMPS:
      return stringOp(what, rec);
    case op.S_INS:
    case op.S_OUTS:
      return portString(what, rec);
    case op.S_SYSCALL:
      store<u64>(CPU + RCX, next(rec));
      store<u64>(CPU + R11, currentFlags() & ~0x10000);
      store<u64>(CPU + RIP, next(rec));
      store<u32>(EXIT, EXIT_SYSCALL);
      store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
      return 3;
    case op.S_INT:
      store<u32>(CPU + X_VECTOR, load<u16>(rec, R_C));
      store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
      store<u64>(CPU + RIP, next(rec));
      store<u32>(EXIT, EXIT_INT);
      return 3;
    case op.S_ICEBP:
      raise(DB, false, 0);
      store<u64>(CPU + RIP, next(rec));
      return 3;
    case op.S_PRIV:
      return privileged(rec, load<u16>(rec, R_C), load<u16>(rec, R_A), load<u32>(rec, R_B), 1 << sizeOf(rec));
    case op.S_PRIV_RM16: {
      const p = source(rec);
      if (!p) return 0;
      return privileged(rec, load<u16>(rec, R_C), load<u16>(rec, R_A), load<u16>(p), 1 << load<u8>(rec, R_IMM));
    }
    case op.S_PRIV_M:
      store<u64>(CPU + X_VA, ea(rec));
      return privileged(rec, load<u16>(rec, R_C), 0, 0, 0);
    case op.S_IN:
      return privileged(rec, load<u16>(rec, R_C), 0, load<u16>(load<u32>(rec, R_B)), 1 << sizeOf(rec));
    case op.S_RDTSC: {
      const aux: u32 = load<u16>(rec, R_C);
      if (load<u32>(CPU + TSC_EXITS)) return privileged(rec, aux ? PRIV_RDTSCP : PRIV_RDTSC, 0, 0, 0);
      const tsc = load<u64>(CPU + TSC_OFFSET) + instructionsBefore(rec);
      store<u64>(CPU + RAX, tsc & 0xffffffff);
      store<u64>(CPU + RDX, tsc >> 32);
      if (aux) store<u64>(CPU + RCX, load<u32>(CPU + TSC_AUX));
      return 1;
    }
    case op.S_PAUSE:
      store<u64>(CPU + RIP, next(rec));
      store<u32>(EXIT, EXIT_PAUSE);
      return 3;
    case op.S_VMCALL:
      if (load<u32>(CPU + CPL) == 3) {
        raise(UD, false, 0);
        return 0;
      }
      store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
      return exit(EXIT_VMCALL);
    case op.S_IRET: {
      const size = sizeOf(rec);
      const sp = load<u64>(CPU + RSP);
      const p = addrR(sp, 5 << size);
      if (!p) return stackFault();
      return far(
        rec, FAR_IRET, loadN(p, size), load<u16>(p + (1 << size)), loadN(p + (2 << size), size), loadN(p + (3 << size), size),
        load<u16>(p + (4 << size)),
      );
    }
    case op.S_RETF: {
      const size = sizeOf(rec);
      const sp = load<u64>(CPU + RSP);
      const p = addrR(sp, 2 << size);
      if (!p) return stackFault();
      return far(rec, FAR_RET, loadN(p, size), load<u16>(p + (1 << size)), 0, sp + (2 << size) + load<u64>(rec, R_IMM), 0);
    }
    case op.S_FAR_M: {
      const size = sizeOf(rec);
      const p = addrR(ea(rec), (1 << size) + 2);
      if (!p) return 0;
      return far(rec, load<u16>(rec, R_C), loadN(p, size), load<u16>(p + (1 << size)), 0, 0, 0);
    }
    case op.S_TO_SEG: {
      const p = source(rec);
      if (!p) return 0;
      return segment(rec, load<u16>(p), 0, 0xff, 0);
    }
    case op.S_POP_SEG: {
      const bytes: u32 = 1 << sizeOf(rec);
      const p = addrR(load<u64>(CPU + RSP), bytes);
      if (!p) return stackFault();
      return segment(rec, load<u16>(p), bytes, 0xff, 0);
    }
    case op.S_LSS: {
      const size = sizeOf(rec);
      const p = addrR(ea(rec), (1 << size) + 2);
      if (!p) return 0;
      const a: u32 = load<u16>(rec, R_A);
      let v = loadN(p, size);
      if (size == 1) v |= load<u64>(CPU + (a << 3)) & ~0xffff;
      return segment(rec, load<u16>(p + (1 << size)), 0, a, v);
    }
    case op.S_FROM_SEG: {
      const p = target(rec);
      if (!p) return 0;
      put(rec, p, load<u16>(CPU + SEL + (<u32>load<u16>(rec, R_C) << 1)));
      return 1;
    }
    case op.S_PUSH_SEG:
      return push(sizeOf(rec), load<u16>(CPU + SEL + (<u32>load<u16>(rec, R_C) << 1)));
    case op.S_STORE_SYSTEM: {
      const p = target(rec);
      if (!p) return 0;
      const kind: u32 = load<u16>(rec, R_C);
      put(rec, p, kind == 4 ? load<u64>(CPU + CR0) : <u64>load<u16>(CPU + SEL + 12 + (kind << 1)));
      return 1;
    }
    case op.S_STORE_TABLE: {
      const p = addrW(ea(rec), 10);
      if (!p) return 0;
      // what a processor under Xen 4.17 would show: its own per-CPU GDT and IDT
      const idt = load<u16>(rec, R_C) != 0;
      store<u16>(p, idt ? 0x0fff : 0xefff);
      store<u64>(p, idt ? 0xffff82d040400000 : 0xffff830000000000, 2);
      doneW();
      return 1;
    }
    case op.S_CLFLUSH:
      return addrR(ea(rec), 1) ? 1 : 0;
    default:
      return unreachable();
  }
}

function addN(size: u32, a: u64, b: u64): void {
  switch (size) {
    case 0: setResult<u8>(ADD, <u8>a + <u8>b, top<u8>(<u8>a)); break;
    case 1: setResult<u16>(ADD, <u16>a + <u16>b, top<u16>(<u16>a)); break;
    case 2: setResult<u32>(ADD, <u32>a + <u32>b, top<u32>(<u32>a)); break;
    default: setResult<u64>(ADD, a + b, a);
  }
}

function push(size: u32, v: u64): i32 {
  const sp = load<u64>(CPU + RSP) - (1 << size);
  const p = addrW(sp, 1 << size);
  if (!p) return stackFault();
  storeN(p, size, v);
  doneW();
  store<u64>(CPU + RSP, sp);
  return 1;
}

function popf(rec: u32): i32 {
  const size = sizeOf(rec);
  const sp = load<u64>(CPU + RSP);
  const p = addrR(sp, 1 << size);
  if (!p) return stackFault();
  const v = loadN(p, size);
  store<u64>(CPU + RSP, sp + (1 << size));
  const old = load<u64>(CPU + RFLAGS);
  const cpl = load<u32>(CPU + CPL);
  // CF..SF, TF, DF, OF, NT; with more than 16 bits AC and ID too
  let mask: u64 = ARITH | 0x4500;
  if (size != 1) mask |= 0x240000;
  if (cpl <= (<u32>(old >> 12) & 3)) mask |= 0x200;
  if (cpl == 0) mask |= 0x3000;
  store<u64>(CPU + RFLAGS, (((old & ~mask) | (v & mask)) & ~0x10000) | 2);
  setExplicit(<u32>v);
  store<u64>(CPU + RIP, next(rec));
  if (<u32>v & TF) {
    store<u32>(EXIT, EXIT_RECHECK);
    return 3;
  }
  return 2;
}

function enter(rec: u32): i32 {
  const size = sizeOf(rec);
  const bytes: u32 = 1 << size;
  const allocate = load<u64>(rec, R_IMM) & 0xffff;
  const level = (load<u32>(rec, R_IMM) >> 16) & 31;
  const sp = load<u64>(CPU + RSP);
  const bp = load<u64>(CPU + RBP);
  // pushes go downwards: RBP, then level - 1 words that stand below RBP, then the new frame's address; in that order
  // they fault. At last, with all of it stored, the new stack pointer must be writable
  const words: u32 = level ? level + 1 : 1;
  if (!canWrite(sp - bytes, bytes)) return stackFault();
  for (let i: u32 = 1; i < level; i++) {
    if (!addrR(bp - bytes * i, bytes) || !canWrite(sp - bytes * (i + 1), bytes)) return stackFault();
  }
  if (level && !canWrite(sp - bytes * words, bytes)) return stackFault();
  const frame = sp - bytes;
  const low = sp - bytes * words;
  const p = addrW(low, bytes * words);
  if (!p) return 0;
  storeN(p + bytes * (words - 1), size, bp);
  for (let i: u32 = 1; i < level; i++) {
    // one after the other: what is read may just have been pushed
    const from = bp - bytes * i;
    const v = from >= low && from <= sp - bytes ? loadN(p + <u32>(from - low), size) : loadN(addrR(from, bytes), size);
    storeN(p + bytes * (words - 1 - i), size, v);
  }
  if (level) storeN(p, size, frame);
  doneW();
  if (!canWrite(sp - bytes * words - allocate, bytes)) return stackFault();
  if (size == 1) store<u16>(CPU + RBP, <u16>frame);
  else store<u64>(CPU + RBP, frame);
  store<u64>(CPU + RSP, sp - bytes * words - allocate);
  return 1;
}

function shift(rec: u32): i32 {
  const p = target(rec);
  if (!p) return 0;
  const size = sizeOf(rec);
  const bits: u32 = 8 << size;
  const a: u32 = load<u16>(rec, R_A);
  let n = a ? <u32>load<u8>(a) : load<u32>(rec, R_IMM);
  n &= size == 3 ? 63 : 31;
  const v = loadN(p, size);
  const kind: u32 = load<u16>(rec, R_C);
  if (n == 0) {
    put(rec, p, v);
    return 1;
  }
  const mask: u64 = size == 3 ? -1 : (<u64>1 << bits) - 1;
  let r: u64;
  let c: u32;
  switch (kind) {
    case 0: {
      const k = n & (bits - 1);
      r = (k ? (v << k) | (v >> (bits - k)) : v) & mask;
      c = <u32>r & 1;
      put(rec, p, r);
      replaceFlags(CF | OF, c | ((c ^ (<u32>(r >> (bits - 1)) & 1)) << 11));
      return 1;
    }
    case 1: {
      const k = n & (bits - 1);
      r = (k ? (v >> k) | (v << (bits - k)) : v) & mask;
      c = <u32>(r >> (bits - 1)) & 1;
      put(rec, p, r);
      replaceFlags(CF | OF, c | ((c ^ (<u32>(r >> (bits - 2)) & 1)) << 11));
      return 1;
    }
    case 2:
    case 3: {
      const k = size == 0 ? n % 9 : size == 1 ? n % 17 : n;
      c = carry();
      r = v;
      if (kind == 2) {
        for (let i: u32 = 0; i < k; i++) {
          const out = <u32>(r >> (bits - 1)) & 1;
          r = ((r << 1) | c) & mask;
          c = out;
        }
        put(rec, p, r);
        replaceFlags(CF | OF, c | ((c ^ (<u32>(r >> (bits - 1)) & 1)) << 11));
      } else {
        for (let i: u32 = 0; i < k; i++) {
          const out = <u32>r & 1;
          r = (r >> 1) | (<u64>c << (bits - 1));
          c = out;
        }
        put(rec, p, r);
        replaceFlags(CF | OF, c | (((<u32>(r >> (bits - 1)) ^ <u32>(r >> (bits - 2))) & 1) << 11));
      }
      return 1;
    }
    case 5:
      r = n < 64 ? v >> n : 0;
      c = <u32>(v >> (n - 1)) & 1;
      setResultN(size, r, c | ((<u32>(v >> (bits - 1)) & 1) << 11));
      break;
    case 7: {
      const s = signed(size, v);
      r = <u64>(s >> n) & mask;
      c = <u32>(s >> (n - 1)) & 1;
      setResultN(size, r, c);
      break;
    }
    default:
      r = (v << n) & mask;
      c = n <= bits ? <u32>(v >> (bits - n)) & 1 : 0;
      setResultN(size, r, c | ((c ^ (<u32>(r >> (bits - 1)) & 1)) << 11));
  }
  put(rec, p, r);
  return 1;
}

function doubleShift(rec: u32, left: bool): i32 {
  const p = target(rec);
  if (!p) return 0;
  const size = sizeOf(rec);
  const bits: u32 = 8 << size;
  const cl: u32 = load<u16>(rec, R_C);
  let n = cl ? <u32>load<u8>(cl) : load<u32>(rec, R_IMM);
  n &= size == 3 ? 63 : 31;
  const v = loadN(p, size);
  if (n == 0) {
    put(rec, p, v);
    return 1;
  }
  const w = loadN(load<u16>(rec, R_A), size);
  let r: u64;
  let c: u32;
  if (size == 1) {
    // counts above 16 are undefined; the operands go round as processors do it: target, source, target
    const three = (v << 32) | (w << 16) | v;
    if (left) {
      r = (three << n >> 32) & 0xffff;
      c = <u32>((three << (n - 1)) >> 47) & 1;
    } else {
      r = (((v << 32) | (w << 16) | v) >> n) & 0xffff;
      c = <u32>(three >> (n - 1)) & 1;
    }
  } else if (left) {
    r = (v << n) | (w >> (bits - n));
    c = <u32>(v >> (bits - n)) & 1;
  } else {
    r = (v >> n) | (w << (bits - n));
    c = <u32>(v >> (n - 1)) & 1;
  }
  const turned = <u32>((r ^ v) >> (bits - 1)) & 1;
  setResultN(size, r, c | (turned << 11));
  put(rec, p, r);
  return 1;
}

function bitTest(rec: u32): i32 {
  const size = sizeOf(rec);
  const kind: u32 = load<u16>(rec, R_C);
  const bits: u32 = 8 << size;
  let n: i64 = kind & 4 ? load<i64>(rec, R_IMM) : signed(size, loadN(load<u16>(rec, R_A), size));
  let p: u32;
  if (misc(rec) & MISC_MEM) {
    let va = ea(rec);
    // a register's bit number reaches beyond the operand
    if (!(kind & 4)) va += <u64>((n >> (3 + size)) << size);
    p = (kind & 3) == 0 ? addrR(va, 1 << size) : addrW(va, 1 << size);
    if (!p) return 0;
  } else p = load<u32>(rec, R_B);
  const v = loadN(p, size);
  const bit: u64 = <u64>1 << (<u64>n & (bits - 1));
  const c: u32 = v & bit ? 1 : 0;
  switch (kind & 3) {
    case 1: put(rec, p, v | bit); break;
    case 2: put(rec, p, v & ~bit); break;
    case 3: put(rec, p, v ^ bit); break;
  }
  replaceFlags(CF, c);
  return 1;
}

function multiply(rec: u32, isSigned: bool): i32 {
  const p = source(rec);
  if (!p) return 0;
  const size = sizeOf(rec);
  const v = loadN(p, size);
  const w = loadN(CPU + RAX, size);
  let low: u64;
  let large: bool;
  if (size == 3) {
    low = isSigned ? <u64>mulS(v, w) : mulU(v, w);
    store<u64>(CPU + RAX, low);
    store<u64>(CPU + RDX, high);
    large = isSigned ? high != <u64>(<i64>low >> 63) : high != 0;
  } else {
    low = isSigned ? <u64>(signed(size, v) * signed(size, w)) : v * w;
    const bits: u32 = 8 << size;
    if (size == 0) store<u16>(CPU + RAX, <u16>low);
    else {
      setReg(CPU + RAX, size, low);
      setReg(CPU + RDX, size, low >> bits);
    }
    large = isSigned ? <u64>signed(size, low) != low : low >> bits != 0;
  }
  setResultN(size, low, large ? CF | OF : 0);
  return 1;
}

function divide(rec: u32, isSigned: bool): i32 {
  const p = source(rec);
  if (!p) return 0;
  const size = sizeOf(rec);
  const d = loadN(p, size);
  let q: u64 = 0;
  let r: u64 = 0;
  let ok = d != 0;
  if (ok && size == 3) {
    const hi = load<u64>(CPU + RDX);
    const lo = load<u64>(CPU + RAX);
    q = isSigned ? <u64>divS(hi, lo, d) : divU(hi, lo, d);
    r = high;
    ok = divided;
  } else if (ok) {
    const bits: u32 = 8 << size;
    const lo = loadN(CPU + RAX, size);
    const hi = size == 0 ? <u64>load<u8>(CPU + RAX + 1) : loadN(CPU + RDX, size);
    const n = (hi << bits) | lo;
    if (isSigned) {
      const s = size == 2 ? <i64>n : size == 1 ? <i64><i32>n : <i64><i16>n;
      const t = signed(size, d);
      if (t == -1) {
        // the one quotient that a 64-bit division cannot hold
        ok = s != i64.MIN_VALUE;
        q = -(<u64>s);
        r = 0;
      } else {
        q = <u64>(s / t);
        r = <u64>(s % t);
      }
      ok = ok && <u64>signed(size, q) == q;
    } else {
      q = n / d;
      r = n % d;
      ok = q >> bits == 0;
    }
  }
  if (!ok) {
    raise(DE, false, 0);
    return 0;
  }
  if (size == 0) {
    store<u8>(CPU + RAX, <u8>q);
    store<u8>(CPU + RAX + 1, <u8>r);
  } else {
    setReg(CPU + RAX, size, q);
    setReg(CPU + RDX, size, r);
  }
  return 1;
}

function privileged(rec: u32, what: u32, reg: u32, reg2: u32, bytes: u32): i32 {
  store<u32>(CPU + X_PRIV, what);
  store<u32>(CPU + X_REG, reg);
  store<u32>(CPU + X_REG2, reg2);
  store<u32>(CPU + X_SIZE, bytes);
  store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
  return exit(EXIT_PRIVILEGED);
}

/** INS, OUTS: X_VA is the element's address. */
function portString(what: u32, rec: u32): i32 {
  const mode: u32 = load<u16>(rec, R_C);
  const a32 = (mode & op.STR_A32) != 0;
  const count = a32 ? <u64>load<u32>(CPU + RCX) : load<u64>(CPU + RCX);
  if (mode & op.STR_REP && count == 0) {
    store<u64>(CPU + RIP, next(rec));
    return 2;
  }
  const at = CPU + (what == op.S_INS ? RDI : RSI);
  const va = a32 ? <u64>load<u32>(at) : load<u64>(at);
  store<u64>(CPU + X_VA, what == op.S_INS ? va : va + load<u64>(load<u32>(rec, R_B)));
  return privileged(
    rec, what == op.S_INS ? PRIV_INS : PRIV_OUTS, (mode & op.STR_REP) | (a32 ? 2 : 0), load<u16>(CPU + RDX), 1 << sizeOf(rec),
  );
}

function far(rec: u32, kind: u32, rip: u64, cs: u32, rflags: u64, rsp: u64, ss: u32): i32 {
  store<u32>(CPU + X_FAR_KIND, kind);
  store<u64>(CPU + X_FAR_RIP, rip);
  store<u32>(CPU + X_FAR_CS, cs);
  store<u64>(CPU + X_FAR_RFLAGS, rflags);
  store<u64>(CPU + X_FAR_RSP, rsp);
  store<u32>(CPU + X_FAR_SS, ss);
  store<u32>(CPU + X_SIZE, 1 << sizeOf(rec));
  store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
  return exit(EXIT_FAR);
}

function segment(rec: u32, selector: u32, bytes: u32, gpr: u32, value: u64): i32 {
  store<u32>(CPU + X_REG, load<u16>(rec, R_C));
  store<u32>(CPU + X_REG2, selector);
  store<u32>(CPU + X_SIZE, bytes);
  store<u32>(CPU + X_SEGMENT_GPR, gpr);
  store<u64>(CPU + X_SEGMENT_VALUE, value);
  store<u32>(CPU + X_LENGTH, load<u8>(rec, R_LENGTH));
  return exit(EXIT_SEGMENT);
}
