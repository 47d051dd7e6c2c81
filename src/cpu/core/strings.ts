// MOVS, STOS, LODS, SCAS, CMPS. With REP each iteration counts as an instruction and the budget may end between two;
// the registers say how far it came, so it can be started again, after a fault too.

import { CPU, RAX, RCX, RDI, RFLAGS, RIP, RSI } from "../layout";
import { setSub } from "./flags";
import { addrR, addrW, doneW } from "./mmu";
import { S_CMPS, S_LODS, S_MOVS, S_SCAS, S_STOS, STR_A32, STR_NE, STR_REP } from "./ops";
import { R_B, R_C, R_INDEX, R_LENGTH, R_MISC, R_OFF } from "./record";
import { F_A, F_B, F_C, F_KIND, LEFT, PAGE_VA, TLB, TLB_W, SLOTS } from "./state";

// @ts-ignore: decorator
@inline function pointer(at: u32, a32: bool): u64 {
  return a32 ? load<u32>(at) : load<u64>(at);
}

// @ts-ignore: decorator
@inline function setPointer(at: u32, a32: bool, v: u64): void {
  store<u64>(at, a32 ? v & 0xffffffff : v);
}

export function loadN(p: u32, size: u32): u64 {
  switch (size) {
    case 0: return load<u8>(p);
    case 1: return load<u16>(p);
    case 2: return load<u32>(p);
    default: return load<u64>(p);
  }
}

export function storeN(p: u32, size: u32, v: u64): void {
  switch (size) {
    case 0: store<u8>(p, <u8>v); break;
    case 1: store<u16>(p, <u16>v); break;
    case 2: store<u32>(p, <u32>v); break;
    default: store<u64>(p, v);
  }
}

export function compareN(size: u32, a: u64, b: u64): void {
  switch (size) {
    case 0: setSub<u8>(<u8>a, <u8>b); break;
    case 1: setSub<u16>(<u16>a, <u16>b); break;
    case 2: setSub<u32>(<u32>a, <u32>b); break;
    default: setSub<u64>(a, b);
  }
}

/** May plain stores go to all of this page? */
// @ts-ignore: decorator
@inline function wholePage(va: u64): bool {
  return load<u64>(load<u32>(TLB) + ((<u32>va >> 8) & 0x3ff0), TLB_W) == (va & ~0xfff);
}

/** Elements from va to the end of its page. */
// @ts-ignore: decorator
@inline function room(va: u64, size: u32): u64 {
  return (0x1000 - (va & 0xfff)) >> size;
}

/** Answers as `slow` does. */
export function stringOp(what: u32, rec: u32): i32 {
  const size: u32 = load<u8>(rec, R_MISC) & 3;
  const mode: u32 = load<u16>(rec, R_C);
  const a32 = (mode & STR_A32) != 0;
  const base = load<u64>(load<u32>(rec, R_B));
  const down = (load<u32>(CPU + RFLAGS) & 0x400) != 0;
  const step: i64 = down ? -(<i64>1 << size) : <i64>1 << size;
  if (!(mode & STR_REP)) {
    if (!once(what, size, a32, base, step)) return 0;
    return 1;
  }

  const index: i32 = load<u8>(rec, R_INDEX);
  let available: i64 = load<i32>(LEFT) - index;
  if (available < 1) available = 1;
  let n = pointer(CPU + RCX, a32);
  if (a32) {
    // upper halves go at once, as on processors, even if nothing is done
    store<u64>(CPU + RCX, n);
    if (what == S_MOVS) store<u64>(CPU + RSI, load<u32>(CPU + RSI));
    if (what == S_MOVS || what == S_STOS) store<u64>(CPU + RDI, load<u32>(CPU + RDI));
  }
  let done: u64 = 0;
  let stopped = n == 0;
  const conditional = what == S_SCAS || what == S_CMPS;
  // until the instruction is through, its flags are those it began with
  const fa = load<u64>(F_A), fb = load<u64>(F_B), fc = load<u64>(F_C);
  const kind = load<u32>(F_KIND);
  while (n != 0 && done < <u64>available) {
    let k: u64 = 0;
    if (!down && !conditional) {
      let most = <u64>available - done;
      if (most > n) most = n;
      k = many(what, size, a32, base, most);
    }
    if (k == 0) {
      if (!once(what, size, a32, base, step)) {
        store<i32>(LEFT, load<i32>(LEFT) - <i32>done);
        if (conditional) restoreFlags(fa, fb, fc, kind);
        return 0;
      }
      k = 1;
    }
    done += k;
    n -= k;
    setPointer(CPU + RCX, a32, n);
    if (conditional && lastEqual == ((mode & STR_NE) != 0)) {
      stopped = true;
      break;
    }
  }
  if (n == 0) stopped = true;
  if (conditional && !stopped) restoreFlags(fa, fb, fc, kind);
  const next: u32 = load<u16>(rec, R_OFF) + (stopped ? <u32>load<u8>(rec, R_LENGTH) : 0);
  store<u64>(CPU + RIP, load<u64>(PAGE_VA) + next);
  store<i32>(LEFT, load<i32>(LEFT) - index - (done ? <i32>done : 1));
  return 4;
}

function restoreFlags(a: u64, b: u64, c: u64, kind: u32): void {
  store<u64>(F_A, a);
  store<u64>(F_B, b);
  store<u64>(F_C, c);
  store<u32>(F_KIND, kind);
}

let lastEqual: bool = false;

/** One iteration. */
function once(what: u32, size: u32, a32: bool, base: u64, step: i64): bool {
  const si = pointer(CPU + RSI, a32);
  const di = pointer(CPU + RDI, a32);
  const bytes: u32 = 1 << size;
  switch (what) {
    case S_MOVS: {
      const p = addrR(si + base, bytes);
      if (!p) return false;
      const v = loadN(p, size);
      const q = addrW(di, bytes);
      if (!q) return false;
      storeN(q, size, v);
      doneW();
      setPointer(CPU + RSI, a32, si + step);
      setPointer(CPU + RDI, a32, di + step);
      break;
    }
    case S_STOS: {
      const q = addrW(di, bytes);
      if (!q) return false;
      storeN(q, size, load<u64>(CPU + RAX));
      doneW();
      setPointer(CPU + RDI, a32, di + step);
      break;
    }
    case S_LODS: {
      const p = addrR(si + base, bytes);
      if (!p) return false;
      const v = loadN(p, size);
      if (size == 2) store<u64>(CPU + RAX, v);
      else storeN(CPU + RAX, size, v);
      setPointer(CPU + RSI, a32, si + step);
      break;
    }
    case S_SCAS: {
      const q = addrR(di, bytes);
      if (!q) return false;
      const a = loadN(CPU + RAX, size);
      const b = loadN(q, size);
      compareN(size, a, b);
      lastEqual = a == b;
      setPointer(CPU + RDI, a32, di + step);
      break;
    }
    default: {
      // processors touch the target first
      const q = addrR(di, bytes);
      if (!q) return false;
      const b = loadN(q, size);
      const p = addrR(si + base, bytes);
      if (!p) return false;
      const a = loadN(p, size);
      compareN(size, a, b);
      lastEqual = a == b;
      setPointer(CPU + RSI, a32, si + step);
      setPointer(CPU + RDI, a32, di + step);
    }
  }
  return true;
}

/** Up to `most` iterations upwards within the pages at hand; 0: take it one by one (faults are found there). */
function many(what: u32, size: u32, a32: bool, base: u64, most: u64): u64 {
  const bytes: u32 = 1 << size;
  const di = pointer(CPU + RDI, a32);
  if (what == S_STOS) {
    if (!wholePage(di)) return 0;
    let k = room(di, size);
    if (k > most) k = most;
    if (k == 0) return 0;
    const q = addrW(di, bytes);
    if (q < SLOTS) return 0;
    const v = load<u64>(CPU + RAX);
    const low = <u8>v;
    if (size == 0) memory.fill(q, low, <u32>k);
    else if (size == 1) for (let i: u32 = 0; i < <u32>k; i++) store<u16>(q + (i << 1), <u16>v);
    else if (size == 2) {
      if (<u32>v == 0) memory.fill(q, 0, <u32>k << 2);
      else for (let i: u32 = 0; i < <u32>k; i++) store<u32>(q + (i << 2), <u32>v);
    } else if (v == 0) memory.fill(q, 0, <u32>k << 3);
    else for (let i: u32 = 0; i < <u32>k; i++) store<u64>(q + (i << 3), v);
    setPointer(CPU + RDI, a32, di + (k << size));
    return k;
  }
  if (what != S_MOVS) return 0;
  const si = pointer(CPU + RSI, a32);
  if (!wholePage(di)) return 0;
  let k = room(di, size);
  const ks = room(si + base, size);
  if (k > ks) k = ks;
  if (k > most) k = most;
  if (k == 0) return 0;
  const p = addrR(si + base, bytes);
  if (p < SLOTS) return 0;
  const q = addrW(di, bytes);
  if (q < SLOTS) return 0;
  const length = <u32>k << size;
  if (q > p && q < p + length) {
    // source and target overlap: earlier results are read again
    if (size == 0) for (let i: u32 = 0; i < length; i++) store<u8>(q + i, load<u8>(p + i));
    else if (size == 1) for (let i: u32 = 0; i < length; i += 2) store<u16>(q + i, load<u16>(p + i));
    else if (size == 2) for (let i: u32 = 0; i < length; i += 4) store<u32>(q + i, load<u32>(p + i));
    else for (let i: u32 = 0; i < length; i += 8) store<u64>(q + i, load<u64>(p + i));
  } else memory.copy(q, p, length);
  setPointer(CPU + RSI, a32, si + (k << size));
  setPointer(CPU + RDI, a32, di + (k << size));
  return k;
}
