// The x87 instructions: opcodes D8..DF, and FWAIT. SDM vol. 1 ch. 8, vol. 2.
//
// Order within an instruction: #NM, pending #MF, memory that is read, stack faults, exceptions seen before the operation (an
// unmasked one leaves everything as it was), memory that is written, then result, pops, exceptions seen after it.

import { CPU, RAX } from "../../layout";
import { condition, flagsSetZPC } from "../flags";
import { addrR, addrW, doneW, effectiveAddress } from "../mmu";
import { FP_MODRM, FP_OPCODE } from "../record";
import { flags, signal } from "./soft";
import {
  BEFORE, BUSY, C0, C1, C2, C3, DE, FCW, fninit, FSW, IE, isMem, notePointers, OE, SF, UE, ud, waitReady, x87Ready,
} from "./state";
import {
  arithmetic80, compare80, extract80, fractionSe, fractionSig, NO_QUOTIENT, remainder80, round80, scale80, sqrt80,
} from "./x87-arith";
import {
  bcdHigh, bcdLow, fromBcd, fromDouble, fromInteger80, fromSingle, toBcd, toIeee, toSigned, wasDenormal,
} from "./x87-convert";
import { frstor, fldenv, fnsave, fnstenv } from "./x87-env";
import { constant80, functionOne, functionTwo, pushedSe, pushedSig, TAKES_TWO } from "./x87-functions";
import {
  classOf, DENORMAL, INFINITE, isEmpty, isUnmasked, moveTop, NORMAL, pop, pushResult, QNAN, QUIET, renewSummary, resSe, resSig,
  free, roomToPush, setCompared, setConditions, setResult80, setSt, settle, settleC1, SNAN, st, start,
  underflowStack, ZERO,
} from "./x87-stack";

export function x87Exec(rec: usize): i32 {
  const op: u32 = load<u8>(rec, FP_OPCODE);
  if (op == 0x9b) return i32(waitReady());
  const modrm: u32 = load<u8>(rec, FP_MODRM);
  const reg = (modrm >> 3) & 7;
  if (isMem(rec)) {
    // FNSTENV, FNSTCW; FNSAVE, FNSTSW do not wait
    const waits = !((op == 0xd9 || op == 0xdd) && reg >= 6);
    if (!x87Ready(waits)) return 0;
    return memoryForm(rec, op, reg);
  }
  if (op == 0xdb && reg == 4) {
    if (!x87Ready(false)) return 0;
    if ((modrm & 7) == 2) store<u16>(FSW, load<u16>(FSW) & ~(BUSY | 0xff)); // FNCLEX
    else if ((modrm & 7) == 3) fninit();
    return 1; // FNENI, FNDISI, FNSETPM: nothing since the 387
  }
  if (op == 0xdf && reg == 4) { // FNSTSW AX
    if (!x87Ready(false)) return 0;
    store<u16>(CPU + RAX, load<u16>(FSW));
    return 1;
  }
  if (!x87Ready(true)) return 0;
  const i = modrm & 7;
  switch (op) {
    case 0xd8:
      if ((reg & 6) == 2) compareRegister(i, false, reg & 1);
      else arithmeticRegister(reg, 0, i, 0, false);
      break;
    case 0xd9:
      formD9(reg, i);
      break;
    case 0xda:
      if (reg < 4) conditionalMove(2 + (reg == 3 ? 8 : reg << 1), i);
      else compareRegister(1, true, 2); // FUCOMPP
      break;
    case 0xdb:
      if (reg < 4) conditionalMove(3 + (reg == 3 ? 8 : reg << 1), i);
      else compareToFlags(i, reg == 5, false); // 5 FUCOMI, 6 FCOMI
      break;
    case 0xdc:
      if ((reg & 6) == 2) compareRegister(i, false, reg & 1);
      else arithmeticRegister(reg, 0, i, i, false);
      break;
    case 0xdd:
      if (reg == 0) freeRegister(i); // FFREE
      else if (reg == 1) exchange(i);
      else if (reg == 2 || reg == 3) storeRegister(i, reg == 3);
      else compareRegister(i, true, reg & 1); // FUCOM, FUCOMP
      break;
    case 0xde:
      if (reg == 2) compareRegister(i, false, 1);
      else if (reg == 3) compareRegister(1, false, 2); // FCOMPP
      else arithmeticRegister(reg, 0, i, i, true);
      break;
    default: // DF
      if (reg == 0) { // FFREEP
        freeRegister(i);
        pop();
      } else if (reg == 1) {
        exchange(i);
      } else if (reg < 4) {
        storeRegister(i, true);
      } else {
        compareToFlags(i, reg == 5, true);
      }
  }
  notePointers(rec, false);
  return 1;
}

// ── registers ──

/** ST(a) op ST(b) to ST(to). */
function arithmeticRegister(op: u32, a: u32, b: u32, to: u32, pops: bool): void {
  start();
  if (isEmpty(a) || isEmpty(b)) {
    underflowStack();
  } else {
    const p = st(a), q = st(b);
    arithmetic80(op, load<u16>(p, 8), load<u64>(p), load<u16>(q, 8), load<u64>(q), false);
  }
  if (!settle()) return;
  setSt(to, resSe, resSig);
  if (pops) pop();
}

/** FCOM, FUCOM and those that pop. */
function compareRegister(i: u32, quietly: bool, pops: u32): void {
  start();
  let c: u32 = C0 | C2 | C3;
  if (isEmpty(0) || isEmpty(i)) {
    underflowStack();
  } else {
    const p = st(0), q = st(i);
    c = compare80(quietly, load<u16>(p, 8), load<u64>(p), load<u16>(q, 8), load<u64>(q), false);
  }
  const ok = settle();
  setCompared(c);
  while (ok && pops--) pop();
}

/** FCOMI, FUCOMI: into ZF, PF, CF. */
function compareToFlags(i: u32, quietly: bool, pops: bool): void {
  start();
  let c: u32 = C0 | C2 | C3;
  if (isEmpty(0) || isEmpty(i)) {
    underflowStack();
  } else {
    const p = st(0), q = st(i);
    c = compare80(quietly, load<u16>(p, 8), load<u64>(p), load<u16>(q, 8), load<u64>(q), false);
  }
  // C1 stays, but for a stack fault
  const ok = settleC1((flags & SF) == 0 && (load<u16>(FSW) & C1) != 0);
  flagsSetZPC((c & C3) != 0, (c & C2) != 0, (c & C0) != 0);
  if (ok && pops) pop();
}

/** FCMOVcc; cc as in Jcc. */
function conditionalMove(cc: u32, i: u32): void {
  start();
  if (isEmpty(0) || isEmpty(i)) {
    underflowStack();
    if (settle()) setSt(0, resSe, resSig);
    return;
  }
  if (condition(cc)) {
    const q = st(i);
    setSt(0, load<u16>(q, 8), load<u64>(q));
  }
}

/** FXCH. An empty register takes part as the indefinite, if that is masked. */
function exchange(i: u32): void {
  start();
  const p = st(0), q = st(i);
  let aSe: u32 = load<u16>(p, 8), aSig = load<u64>(p);
  let bSe: u32 = load<u16>(q, 8), bSig = load<u64>(q);
  if (isEmpty(0)) {
    underflowStack();
    aSe = resSe;
    aSig = resSig;
  }
  if (isEmpty(i)) {
    underflowStack();
    bSe = resSe;
    bSig = resSig;
  }
  if (!settle()) return;
  setSt(0, bSe, bSig);
  setSt(i, aSe, aSig);
}

/** FST, FSTP to a register. */
function storeRegister(i: u32, pops: bool): void {
  start();
  if (isEmpty(0)) {
    underflowStack();
  } else {
    const p = st(0);
    setResult80(load<u16>(p, 8), load<u64>(p));
  }
  if (!settle()) return;
  setSt(i, resSe, resSig);
  if (pops) pop();
}

function freeRegister(i: u32): void {
  free(i);
  store<u16>(FSW, load<u16>(FSW) & ~C1);
}

function formD9(reg: u32, i: u32): void {
  switch (reg) {
    case 0: { // FLD ST(i)
      start();
      let room = roomToPush();
      if (isEmpty(i)) {
        underflowStack();
        room = true;
      } else if (room) {
        const p = st(i);
        setResult80(load<u16>(p, 8), load<u64>(p));
      }
      pushResult(!room);
      return;
    }
    case 1:
      exchange(i);
      return;
    case 2: // FNOP
      return;
    case 3: // FSTP, undocumented
      storeRegister(i, true);
      return;
    case 4:
      formD9E0(i);
      return;
    case 5: { // FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ
      start();
      const room = roomToPush();
      if (room) constant80(i);
      pushResult(!room);
      return;
    }
    case 6:
      formD9F0(i);
      return;
    default:
      formD9F8(i);
  }
}

/** FCHS, FABS, FTST, FXAM. */
function formD9E0(i: u32): void {
  const p = st(0);
  const se: u32 = load<u16>(p, 8);
  const sig = load<u64>(p);
  if (i == 5) {
    const sign = se >> 15 ? C1 : 0;
    if (isEmpty(0)) {
      setConditions(C3 | C0 | sign);
      return;
    }
    switch (classOf(se, sig)) {
      case ZERO: setConditions(C3 | sign); break;
      case NORMAL: setConditions(C2 | sign); break;
      case DENORMAL: setConditions(C3 | C2 | sign); break;
      case INFINITE: setConditions(C2 | C0 | sign); break;
      case QNAN: setConditions(C0 | sign); break;
      case SNAN: setConditions(C0 | sign); break;
      default: setConditions(sign);
    }
    return;
  }
  start();
  if (i == 4) {
    let c: u32 = C0 | C2 | C3;
    if (isEmpty(0)) underflowStack();
    else c = compare80(false, se, sig, 0, 0, false);
    settle();
    setCompared(c);
    return;
  }
  if (isEmpty(0)) underflowStack();
  else setResult80(i ? se & 0x7fff : se ^ 0x8000, sig);
  if (settle()) setSt(0, resSe, resSig);
}

/** D9 F0..F7: F2XM1 FYL2X FPTAN FPATAN FXTRACT FPREM1 FDECSTP FINCSTP. */
function formD9F0(i: u32): void {
  switch (i) {
    case 4: { // FXTRACT
      start();
      if (isEmpty(0)) {
        underflowStack();
        if (!settle()) return;
        setSt(0, resSe, resSig);
        moveTop(-1);
        setSt(0, resSe, resSig);
        return;
      }
      const p = st(0);
      const room = roomToPush();
      if (room) extract80(load<u16>(p, 8), load<u64>(p));
      if (!settleC1(!room)) return;
      setSt(0, resSe, resSig);
      moveTop(-1);
      if (room) setSt(0, fractionSe, fractionSig);
      else setSt(0, resSe, resSig);
      return;
    }
    case 5:
      partialRemainder(true);
      return;
    case 6: // FDECSTP
      moveTop(-1);
      store<u16>(FSW, load<u16>(FSW) & ~C1);
      return;
    case 7: // FINCSTP
      moveTop(1);
      store<u16>(FSW, load<u16>(FSW) & ~C1);
      return;
    default:
      callFunction(i);
  }
}

/** D9 F8..FF: FPREM FYL2XP1 FSQRT FSINCOS FRNDINT FSCALE FSIN FCOS. */
function formD9F8(i: u32): void {
  const p = st(0);
  switch (i) {
    case 0:
      partialRemainder(false);
      return;
    case 2:
    case 4:
      start();
      if (isEmpty(0)) underflowStack();
      else if (i == 2) sqrt80(load<u16>(p, 8), load<u64>(p));
      else round80(load<u16>(p, 8), load<u64>(p));
      if (settle()) setSt(0, resSe, resSig);
      return;
    case 5: {
      start();
      const q = st(1);
      if (isEmpty(0) || isEmpty(1)) underflowStack();
      else scale80(load<u16>(p, 8), load<u64>(p), load<u16>(q, 8), load<u64>(q));
      if (settle()) setSt(0, resSe, resSig);
      return;
    }
    default:
      callFunction(8 + i);
  }
}

function partialRemainder(nearest: bool): void {
  start();
  let c = NO_QUOTIENT;
  if (isEmpty(0) || isEmpty(1)) {
    underflowStack();
  } else {
    const p = st(0), q = st(1);
    c = remainder80(nearest, load<u16>(p, 8), load<u64>(p), load<u16>(q, 8), load<u64>(q));
  }
  const ok = settle();
  store<u16>(FSW, load<u16>(FSW) & ~C2);
  if (!ok) return;
  if (c != NO_QUOTIENT) setConditions(c);
  setSt(0, resSe, resSig);
}

/** The transcendental ones; `i` is the opcode's low nibble. */
function callFunction(i: u32): void {
  start();
  const p = st(0), q = st(1);
  const aSe: u32 = load<u16>(p, 8), aSig = load<u64>(p);
  if ((TAKES_TWO >> i) & 1) { // FYL2X, FPATAN, FYL2XP1
    if (isEmpty(0) || isEmpty(1)) underflowStack();
    else functionTwo(i, aSe, aSig, load<u16>(q, 8), load<u64>(q));
    if (!settle()) return;
    setSt(1, resSe, resSig);
    pop();
    return;
  }
  const pushes = i == 2 || i == 11; // FPTAN, FSINCOS
  const angle = pushes || i >= 14;
  if (isEmpty(0) || (pushes && !isEmpty(7))) {
    const overflow = !isEmpty(0);
    underflowStack();
    const ok = settleC1(overflow);
    if (angle) store<u16>(FSW, load<u16>(FSW) & ~C2);
    if (!ok) return;
    setSt(0, resSe, resSig);
    if (pushes) {
      moveTop(-1);
      setSt(0, resSe, resSig);
    }
    return;
  }
  const complete = functionOne(i, aSe, aSig);
  const ok = settle();
  // C2: the angle is out of range
  if (angle) store<u16>(FSW, complete ? load<u16>(FSW) & ~C2 : load<u16>(FSW) | C2);
  if (!ok || !complete) return;
  setSt(0, resSe, resSig);
  if (pushes) {
    moveTop(-1);
    setSt(0, pushedSe, pushedSig);
  }
}

// ── memory ──

function memoryForm(rec: usize, op: u32, reg: u32): i32 {
  const va = effectiveAddress(rec);
  let r: i32;
  switch (op) {
    case 0xd8: // m32, m64: arithmetic
    case 0xdc: {
      const p = addrR(va, op == 0xd8 ? 4 : 8);
      if (!p) return 0;
      if (op == 0xd8) fromSingle(load<u32>(p));
      else fromDouble(load<u64>(p));
      arithmeticMemory(reg);
      r = 1;
      break;
    }
    case 0xda: // m32, m16 integers: arithmetic
    case 0xde: {
      const p = addrR(va, op == 0xda ? 4 : 2);
      if (!p) return 0;
      fromInteger80(op == 0xda ? load<i32>(p) : load<i16>(p));
      arithmeticMemory(reg);
      r = 1;
      break;
    }
    case 0xd9:
      if (reg == 0) r = pushMemory(va, 4, op);
      else if (reg < 4) r = storeIeee(va, 4, reg == 3);
      else return control(rec, op, reg, va);
      break;
    case 0xdb:
      if (reg == 0) r = pushMemory(va, 4, op);
      else if (reg < 4) r = storeInteger(va, 4, reg == 3);
      else if (reg == 5) r = pushMemory(va, 10, op);
      else if (reg == 7) r = storeExtended(va);
      else return ud();
      break;
    case 0xdd:
      if (reg == 0) r = pushMemory(va, 8, op);
      else if (reg < 4) r = storeIeee(va, 8, reg == 3);
      else return control(rec, op, reg, va);
      break;
    default: // DF
      if (reg == 0) r = pushMemory(va, 2, op);
      else if (reg < 4) r = storeInteger(va, 2, reg == 3);
      else if (reg == 4) r = pushMemory(va, 10, op);
      else if (reg == 5) r = pushMemory(va, 8, op);
      else if (reg == 6) r = storeBcd(va);
      else r = storeInteger(va, 8, true);
  }
  if (r) notePointers(rec, true);
  return r;
}

/** ST(0) and the number just taken from memory (in resSe, resSig). */
function arithmeticMemory(reg: u32): void {
  start();
  const bSe = resSe, bSig = resSig;
  const p = st(0);
  if ((reg & 6) == 2) {
    let c: u32 = C0 | C2 | C3;
    if (isEmpty(0)) underflowStack();
    else c = compare80(false, load<u16>(p, 8), load<u64>(p), bSe, bSig, wasDenormal);
    const ok = settle();
    setCompared(c);
    if (ok && reg == 3) pop();
    return;
  }
  if (isEmpty(0)) underflowStack();
  else arithmetic80(reg, load<u16>(p, 8), load<u64>(p), bSe, bSig, wasDenormal);
  if (settle()) setSt(0, resSe, resSig);
}

/** FLD, FILD, FBLD. */
function pushMemory(va: u64, size: u32, op: u32): i32 {
  const p = addrR(va, size);
  if (!p) return 0;
  start();
  if (!roomToPush()) {
    pushResult(true);
    return 1;
  }
  switch (op) {
    case 0xd9: // single
      fromSingle(load<u32>(p));
      noteLoaded();
      break;
    case 0xdd: // double
      fromDouble(load<u64>(p));
      noteLoaded();
      break;
    case 0xdb:
      if (size == 4) fromInteger80(load<i32>(p));
      else setResult80(load<u16>(p, 8), load<u64>(p));
      break;
    default:
      if (size == 2) fromInteger80(load<i16>(p));
      else if (size == 8) fromInteger80(load<i64>(p));
      else fromBcd(p);
  }
  pushResult(false);
  return 1;
}

/** A single or double was loaded: denormal and SNaN are exceptions. */
function noteLoaded(): void {
  if (wasDenormal) {
    signal(DE);
  } else if (classOf(resSe, resSig) == SNAN) {
    signal(IE);
    setResult80(resSe, resSig | QUIET);
  }
}

/** Exceptions that, unmasked, keep a store from touching memory at all. */
const NO_STORE: u32 = BEFORE | OE | UE;

/** What the instruction answers when `target` is 0. */
let outcome: i32 = 0;

/** The result is known: settles its exceptions, answers where it goes. 0: a fault, or nothing is to be stored. */
function target(va: u64, size: u32): usize {
  outcome = 1;
  if (isUnmasked(NO_STORE)) {
    settle();
    return 0;
  }
  const to = addrW(va, size);
  if (to) settle();
  else outcome = 0;
  return to;
}

/** FST, FSTP m32, m64. */
function storeIeee(va: u64, size: u32, pops: bool): i32 {
  start();
  let v: u64;
  if (isEmpty(0)) {
    underflowStack();
    v = size == 4 ? 0xffc00000 : 0xfff8000000000000;
  } else {
    const p = st(0);
    v = size == 4 ? toIeee(load<u16>(p, 8), load<u64>(p), 24, 127) : toIeee(load<u16>(p, 8), load<u64>(p), 53, 1023);
  }
  const to = target(va, size);
  if (!to) return outcome;
  if (size == 4) store<u32>(to, <u32>v);
  else store<u64>(to, v);
  doneW();
  if (pops) pop();
  return 1;
}

/** FIST, FISTP. */
function storeInteger(va: u64, size: u32, pops: bool): i32 {
  start();
  let v: u64;
  if (isEmpty(0)) {
    underflowStack();
    v = <u64>1 << ((size << 3) - 1);
  } else {
    const p = st(0);
    v = toSigned(load<u16>(p, 8), load<u64>(p), size << 3);
  }
  const to = target(va, size);
  if (!to) return outcome;
  if (size == 2) store<u16>(to, <u16>v);
  else if (size == 4) store<u32>(to, <u32>v);
  else store<u64>(to, v);
  doneW();
  if (pops) pop();
  return 1;
}

/** FSTP m80. */
function storeExtended(va: u64): i32 {
  start();
  if (isEmpty(0)) {
    underflowStack();
  } else {
    const p = st(0);
    setResult80(load<u16>(p, 8), load<u64>(p));
  }
  const to = target(va, 10);
  if (!to) return outcome;
  store<u64>(to, resSig);
  store<u16>(to, resSe, 8);
  doneW();
  pop();
  return 1;
}

/** FBSTP. */
function storeBcd(va: u64): i32 {
  start();
  const p = st(0);
  let low: u64 = 0xc000000000000000;
  let high: u32 = 0xffff;
  if (isEmpty(0)) {
    underflowStack();
  } else {
    toBcd(load<u16>(p, 8), load<u64>(p));
    low = bcdLow;
    high = bcdHigh;
  }
  const to = target(va, 10);
  if (!to) return outcome;
  store<u64>(to, low);
  store<u16>(to, high, 8);
  doneW();
  pop();
  return 1;
}

/** FLDENV FLDCW FNSTENV FNSTCW, FRSTOR FNSAVE FNSTSW. */
function control(rec: usize, op: u32, reg: u32, va: u64): i32 {
  if (reg == 4) return op == 0xd9 ? fldenv(rec, va) : frstor(rec, va);
  if (reg == 6) return op == 0xd9 ? fnstenv(rec, va) : fnsave(rec, va);
  if (reg == 5) { // FLDCW
    const p = addrR(va, 2);
    if (!p) return 0;
    store<u16>(FCW, (load<u16>(p) & 0x1f3f) | 0x40);
    renewSummary();
    return 1;
  }
  const to = addrW(va, 2);
  if (!to) return 0;
  store<u16>(to, load<u16>(op == 0xd9 ? FCW : FSW));
  doneW();
  return 1;
}
