// From a virtual address to a byte of this memory.
//
//   p = addrR(va, size)    host address of `size` (1..512) readable bytes; 0: a fault has been set
//   p = addrW(va, size)    the same for writing (read-modify-write too: the old content is there); after storing: doneW()
//
// An access that crosses a page goes through a bounce buffer below SLOT_BASE, as does a store that is being probed.
// Hot code inlines the TLB check (`readable`, `writable`) and calls doneW only for such addresses.

import {
  ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE, CPL, CPU, CR0, CR3, CR4, EFER, EXIT_FAULT, EXIT_NO_MEMORY, EXIT_STORE,
  MAX_MFNS, SLOT_HAS_CODE, SLOT_OF, SLOT_PROTECTED, STORE_COMMIT, X_ERROR, X_FRAME, X_HAS_ERROR, X_OFFSET,
  X_SIZE, X_VA, X_VALUE, X_VECTOR, ZERO_SLOT,
} from "../layout";
import { R_BASE, R_DISP, R_IDX, R_OFF, R_SCALE } from "./record";
import { dropCode } from "./blocks";
import { codeGranules, granules, setSlotFlags, slotFlags, slotToRead, slotToWrite, SLOT_WRITTEN } from "./slots";
import {
  BOUNCE_R, BOUNCE_W, EXIT, GEN, MAX_VCPUS, NON_CANONICAL, PAGE_VA, PROBED, SET_META, TLB, TLBS, TLB_SET, TLB_W, TLB_X, VCPU_USED,
} from "./state";

export const DE: u32 = 0;
export const DB: u32 = 1;
export const UD: u32 = 6;
export const NM: u32 = 7;
export const SS: u32 = 12;
export const GP: u32 = 13;
export const PF: u32 = 14;

const PTE_P: u64 = 1;
const PTE_W: u64 = 2;
const PTE_U: u64 = 4;
const PTE_A: u64 = 0x20;
const PTE_D: u64 = 0x40;
const PTE_PS: u64 = 0x80;
const PTE_NX: u64 = 0x8000000000000000;
const ERR_P: u32 = 1;
const ERR_W: u32 = 2;
const ERR_U: u32 = 4;
const ERR_RSVD: u32 = 8;
const ERR_I: u32 = 16;
/** Bits 35..51: beyond the machine's last frame. */
const PTE_RESERVED: u64 = 0x000ffff800000000;
const ADDRESS: u64 = 0x000ffffffffff000;

/** Low bit of a write tag: translation known, but stores take the slow path (the page holds code). */
const SLOW: u64 = 1;

// ── faults ──

/** Sets an EXIT_FAULT; the handler then gives up without effect. */
export function raise(vector: u32, hasError: bool, error: u32): void {
  store<u32>(EXIT, EXIT_FAULT);
  store<u32>(CPU + X_VECTOR, vector);
  store<u32>(CPU + X_HAS_ERROR, hasError);
  store<u32>(CPU + X_ERROR, error);
  store<u32>(NON_CANONICAL, 0);
}

function nonCanonical(va: u64): void {
  raise(GP, true, 0);
  store<u64>(CPU + X_VA, va);
  store<u32>(NON_CANONICAL, 1);
}

/** An access to the stack gave up: a non-canonical address is #SS there. Answers 0, as the handler does. */
export function stackFault(): i32 {
  if (load<u32>(EXIT) == EXIT_FAULT && load<u32>(NON_CANONICAL)) store<u32>(CPU + X_VECTOR, SS);
  return 0;
}

// @ts-ignore: decorator
@inline export function isCanonical(va: u64): bool {
  return <u64>((<i64>(va << 16)) >> 16) == va;
}

/** Virtual address of the instruction in this record. */
export function recordRip(rec: u32): u64 {
  return load<u64>(PAGE_VA) + load<u16>(rec, R_OFF);
}

// ── addresses ──

// @ts-ignore: decorator
@inline export function ea(rec: u32): u64 {
  return (
    load<u64>(load<u16>(rec, R_BASE)) + (load<u64>(load<u16>(rec, R_IDX)) << load<u8>(rec, R_SCALE)) + <u64>load<i32>(rec, R_DISP)
  );
}

/** Address of a record's memory operand. */
export function effectiveAddress(rec: u32): u64 {
  return ea(rec);
}

// @ts-ignore: decorator
@inline export function readable<T>(va: u64, tlb: u32): u32 {
  const e = tlb + ((<u32>va >> 8) & 0x3ff0);
  if (load<u64>(e) == ((va + (sizeof<T>() - 1)) & ~0xfff)) return load<u32>(e, 8) + <u32>va;
  return slowR(va, sizeof<T>());
}

// @ts-ignore: decorator
@inline export function writable<T>(va: u64, tlb: u32): u32 {
  const e = tlb + ((<u32>va >> 8) & 0x3ff0);
  if (load<u64>(e, TLB_W) == ((va + (sizeof<T>() - 1)) & ~0xfff)) return load<u32>(e, TLB_W + 8) + <u32>va;
  return slowW(va, sizeof<T>());
}

export function addrR(va: u64, size: u32): u32 {
  const e = load<u32>(TLB) + ((<u32>va >> 8) & 0x3ff0);
  if (load<u64>(e) == ((va + (size - 1)) & ~0xfff)) return load<u32>(e, 8) + <u32>va;
  return slowR(va, size);
}

export function addrW(va: u64, size: u32): u32 {
  pending = 0;
  const e = load<u32>(TLB) + ((<u32>va >> 8) & 0x3ff0);
  if (load<u64>(e, TLB_W) == ((va + (size - 1)) & ~0xfff)) return load<u32>(e, TLB_W + 8) + <u32>va;
  return slowW(va, size);
}

// ── the walk ──

let walkedFrame: u32 = 0;
/** Stores are looked at (1) or finished (2), not simply done: see store.ts in exec. */
export let probing: u32 = 0;
/** Probing may write to present pages that lack W in their tables. */
let bypass: bool = false;

export function translatedFrame(): u32 {
  return walkedFrame;
}

function pageFault(va: u64, error: u32): bool {
  raise(PF, true, error);
  store<u64>(CPU + X_VA, va);
  return false;
}

/** Walks the page tables for one byte, sets A and D. The frame is left in `walkedFrame`; false: fault set. */
function walk(va: u64, access: u32): bool {
  if (!isCanonical(va)) {
    nonCanonical(va);
    return false;
  }
  const user = load<u32>(CPU + CPL) == 3;
  const nxe = (load<u32>(CPU + EFER) & 0x800) != 0;
  let error: u32 = (access == ACCESS_WRITE ? ERR_W : 0) | (user ? ERR_U : 0);
  if (access == ACCESS_EXEC && nxe) error |= ERR_I;
  let reserved = PTE_RESERVED;
  if (!nxe) reserved |= PTE_NX;

  let frame = load<u64>(CPU + CR3) >> 12;
  let all: u64 = PTE_W | PTE_U;
  let any: u64 = 0;
  let p4: u32 = 0, p3: u32 = 0, p2: u32 = 0, leaf: u32 = 0;
  let shift: u64 = 39;
  for (;;) {
    if (frame >= <u64>MAX_MFNS) return pageFault(va, error | ERR_P | ERR_RSVD);
    const slot = slotToRead(<u32>frame);
    if (!slot) return pageFault(va, error);
    const at: u32 = (slot << 12) + ((<u32>(va >> shift) & 511) << 3);
    const entry = load<u64>(at);
    if (!(entry & PTE_P)) return pageFault(va, error);
    if (entry & reserved) return pageFault(va, error | ERR_P | ERR_RSVD);
    all &= entry;
    any |= entry;
    frame = (entry & ADDRESS) >> 12;
    leaf = at;
    if (shift == 12) break;
    if (entry & PTE_PS) {
      // 1 GiB or 2 MiB; bits 13 up to the page's size are reserved
      const pages: u64 = (<u64>1 << (shift - 12)) - 1;
      if (shift == 39 || frame & pages & ~1) return pageFault(va, error | ERR_P | ERR_RSVD);
      frame = (frame & ~pages) | ((va >> 12) & pages);
      break;
    }
    if (shift == 39) p4 = at;
    else if (shift == 30) p3 = at;
    else p2 = at;
    shift -= 9;
  }

  if (user && !(all & PTE_U)) return pageFault(va, error | ERR_P);
  if (access == ACCESS_WRITE && !(all & PTE_W) && !bypass) {
    if (user || load<u32>(CPU + CR0) & 0x10000) return pageFault(va, error | ERR_P);
  }
  if (access == ACCESS_EXEC && any & PTE_NX) return pageFault(va, error | ERR_P);

  if (p4) setBits(p4, PTE_A);
  if (p3) setBits(p3, PTE_A);
  if (p2) setBits(p2, PTE_A);
  setBits(leaf, access == ACCESS_WRITE && !bypass ? PTE_A | PTE_D : PTE_A);
  walkedFrame = <u32>frame;
  return true;
}

// @ts-ignore: decorator
@inline function setBits(at: u32, bits: u64): void {
  const entry = load<u64>(at);
  if ((entry & bits) != bits) store<u64>(at, entry | bits);
}

// ── TLB misses ──

/** As addrR, without a look into the TLB. */
export function slowR(va: u64, size: u32): u32 {
  const first: u32 = 0x1000 - (<u32>va & 0xfff);
  if (size > first) {
    if (!isCanonical(va) || !isCanonical(va + (size - 1))) {
      nonCanonical(va);
      return 0;
    }
    // both pages before any byte: the fault of the first one comes first
    const p = slowR(va, first);
    if (!p) return 0;
    memory.copy(BOUNCE_R, p, first);
    const q = slowR(va + first, size - first);
    if (!q) return 0;
    memory.copy(BOUNCE_R + first, q, size - first);
    return BOUNCE_R;
  }
  if (!walk(va, ACCESS_READ)) return 0;
  const slot = slotToRead(walkedFrame);
  // an untouched frame is in no TLB: its first write must be seen by every reader
  if (!slot) return (ZERO_SLOT << 12) + (<u32>va & 0xfff);
  const e = load<u32>(TLB) + ((<u32>va >> 8) & 0x3ff0);
  store<u64>(e, va & ~0xfff);
  store<u32>(e, (slot << 12) - (<u32>va & ~0xfff), 8);
  store<u32>(e, slot, 12);
  return (slot << 12) + (<u32>va & 0xfff);
}

/** What doneW has to do: 0 nothing, 1 copy the bounce buffer out to one or two places, 2 the same with a probe's answers. */
let pending: u32 = 0;
let placeA: u32 = 0;
let placeB: u32 = 0;
let sizeA: u32 = 0;
let sizeB: u32 = 0;

/** As addrW, without a look into the TLB. */
export function slowW(va: u64, size: u32): u32 {
  pending = 0;
  if (probing) return probeW(va, size);
  const first: u32 = 0x1000 - (<u32>va & 0xfff);
  if (size <= first) {
    const p = pageW(va, size);
    if (p == PROTECTED) return protectedStore(va, size);
    return p;
  }
  if (!isCanonical(va) || !isCanonical(va + (size - 1))) {
    nonCanonical(va);
    return 0;
  }
  const a = pageW(va, first);
  if (!a) return 0;
  const b = pageW(va + first, size - first);
  if (!b) return 0;
  if (a == PROTECTED || b == PROTECTED) return protectedStore(va, size);
  placeA = a;
  placeB = b;
  sizeA = first;
  sizeB = size - first;
  memory.copy(BOUNCE_W, a, first);
  memory.copy(BOUNCE_W + first, b, size - first);
  pending = 1;
  return BOUNCE_W;
}

/** Would a store fault? (Nothing is said of protected frames.) */
export function canWrite(va: u64, size: u32): bool {
  const last = va + (size - 1);
  if (!isCanonical(last)) {
    nonCanonical(last);
    return false;
  }
  if (!walk(va, ACCESS_WRITE)) return false;
  return ((va ^ last) & ~0xfff) == 0 || walk(last & ~0xfff, ACCESS_WRITE);
}

/** After a store through an address that addrW answered. */
export function doneW(): void {
  if (!pending) return;
  if (pending == 1) {
    memory.copy(placeA, BOUNCE_W, sizeA);
    memory.copy(placeB, BOUNCE_W + sizeA, sizeB);
  } else if (probing == 2) {
    finishParts();
  }
  pending = 0;
}

const PROTECTED: u32 = 1;

/** Host address of bytes within one page that are about to be written; 0: fault set; PROTECTED. */
function pageW(va: u64, size: u32): u32 {
  const e = load<u32>(TLB) + TLB_W + ((<u32>va >> 8) & 0x3ff0);
  const page = va & ~0xfff;
  let slot: u32;
  if ((load<u64>(e) & ~SLOW) == page) {
    slot = load<u32>(e, 12);
  } else {
    if (!walk(va, ACCESS_WRITE)) return 0;
    slot = slotToWrite(walkedFrame);
    if (!slot) {
      store<u32>(EXIT, EXIT_NO_MEMORY);
      return 0;
    }
  }
  let flags = slotFlags(slot);
  if (flags & SLOT_PROTECTED) return PROTECTED;
  const offset = <u32>va & 0xfff;
  let slow: u64 = 0;
  if (flags & SLOT_HAS_CODE) {
    noteStore(slot, offset, size);
    flags = slotFlags(slot);
    if (flags & SLOT_HAS_CODE) slow = SLOW;
  }
  setSlotFlags(slot, flags | SLOT_WRITTEN);
  store<u64>(e, page | slow);
  store<u32>(e, (slot << 12) - <u32>page, 8);
  store<u32>(e, slot, 12);
  return (slot << 12) + offset;
}

/** Bytes of a slot with decoded code change: drops the blocks that hold them. */
export function noteStore(slot: u32, offset: u32, size: u32): void {
  if (codeGranules(slot) & granules(offset, offset + size)) dropCode(slot, offset, offset + size);
}

// ── stores that their owner decides on ──

let partVa: u64 = 0;
let partSize: u32 = 0;
/** Offset in the store of the part that was shown last, and of the next one. */
let partAt: u32 = 0;
let partNext: u32 = 0;
/** Bit a 16-byte step: dropped. Parts are at most 16 bytes and never cross a page. */
let dropped: u64 = 0;
let partCount: u32 = 0;

function protectedStore(va: u64, size: u32): u32 {
  store<u32>(EXIT, EXIT_STORE);
  partVa = va;
  partSize = size;
  return 0;
}

/** Under a probe every store goes to the bounce buffer, which holds the old content. */
function probeW(va: u64, size: u32): u32 {
  const first: u32 = 0x1000 - (<u32>va & 0xfff);
  const n = size <= first ? size : first;
  const a = probePage(va);
  if (!a) return 0;
  memory.copy(BOUNCE_W, a, n);
  if (n < size) {
    const b = probePage(va + n);
    if (!b) return 0;
    memory.copy(BOUNCE_W + n, b, size - n);
  }
  partVa = va;
  partSize = size;
  pending = 2;
  return BOUNCE_W;
}

function probePage(va: u64): u32 {
  if (!walk(va, ACCESS_WRITE)) return 0;
  const slot = slotToWrite(walkedFrame);
  if (!slot) {
    store<u32>(EXIT, EXIT_NO_MEMORY);
    return 0;
  }
  return (slot << 12) + (<u32>va & 0xfff);
}

export function setProbing(mode: u32, allowReadOnly: bool): void {
  probing = mode;
  bypass = allowReadOnly;
  pending = 0;
}

/** The probe ran: keeps what it would have written. False: it stored nothing. */
export function keepProbe(): bool {
  memory.copy(PROBED, BOUNCE_W, partSize);
  partAt = 0;
  partNext = 0;
  partCount = 0;
  dropped = 0;
  return partSize != 0;
}

export function forgetProbe(): void {
  partSize = 0;
}

export function probedSize(): u32 {
  return partSize;
}

/** Bytes from `at` on that form one part: at most 16, in one page. */
function partLength(at: u32): u32 {
  let n = partSize - at;
  if (n > 16) n = 16;
  const room: u32 = 0x1000 - (<u32>(partVa + at) & 0xfff);
  return n < room ? n : room;
}

/** Is the page of this address one whose owner decides? (The walk cannot fail: it just succeeded.) */
function isDecided(va: u64, readOnly: bool): bool {
  const kept = bypass;
  bypass = readOnly;
  const ok = walk(va, ACCESS_WRITE);
  bypass = kept;
  if (!ok) return false;
  if (slotFlags(slotToWrite(walkedFrame)) & SLOT_PROTECTED) return true;
  if (!readOnly) return false;
  const frame = walkedFrame;
  // present but read-only? Ask once more without the bypass.
  bypass = false;
  const plain = walk(va, ACCESS_WRITE);
  bypass = kept;
  walkedFrame = frame;
  return !plain;
}

/** Fills X_* with the next part of the probed store that its owner decides on. False: there is no more. */
export function nextPart(readOnly: bool): bool {
  while (partNext < partSize) {
    const at = partNext;
    const n = partLength(at);
    partNext += n;
    partCount++;
    if (!isDecided(partVa + at, readOnly)) continue;
    partAt = at;
    store<u32>(CPU + X_FRAME, walkedFrame);
    store<u32>(CPU + X_OFFSET, <u32>(partVa + at) & 0xfff);
    store<u32>(CPU + X_SIZE, n);
    store<u64>(CPU + X_VALUE, 0);
    store<u64>(CPU + X_VALUE + 8, 0);
    memory.copy(CPU + X_VALUE, PROBED + at, n);
    store<u64>(CPU + X_VA, partVa + at);
    return true;
  }
  return false;
}

/** Takes the owner's answer for the part shown last. */
export function answerPart(answer: u32): void {
  if (answer == STORE_COMMIT) memory.copy(PROBED + partAt, CPU + X_VALUE, partLength(partAt));
  else dropped |= <u64>1 << (partCount - 1);
}

/** The instruction ran again and its store is due: writes what is not dropped. */
function finishParts(): void {
  let i: u64 = 0;
  for (let at: u32 = 0; at < partSize; i++) {
    const n = partLength(at);
    if (!(dropped & (<u64>1 << i)) && walk(partVa + at, ACCESS_WRITE)) {
      const slot = slotToWrite(walkedFrame);
      const offset = <u32>(partVa + at) & 0xfff;
      if (slotFlags(slot) & SLOT_HAS_CODE) noteStore(slot, offset, n);
      memory.copy((slot << 12) + offset, PROBED + at, n);
    }
    at += n;
  }
}

// ── instruction fetch ──

/** Host address of the byte at `va` for execution; 0: fault set. The entry's page gets a slot if it has none. */
export function addrX(va: u64): u32 {
  const e = load<u32>(TLB) + TLB_X + ((<u32>va >> 8) & 0xff0);
  if (load<u64>(e) == (va & ~0xfff)) return load<u32>(e, 8) + <u32>va;
  if (!walk(va, ACCESS_EXEC)) return 0;
  const slot = slotToWrite(walkedFrame);
  if (!slot) {
    store<u32>(EXIT, EXIT_NO_MEMORY);
    return 0;
  }
  store<u64>(e, va & ~0xfff);
  store<u32>(e, (slot << 12) - (<u32>va & ~0xfff), 8);
  store<u32>(e, slot, 12);
  return (slot << 12) + (<u32>va & 0xfff);
}

/** As addrX, by the TLB alone: 0 is no fault. */
export function knownX(va: u64): u32 {
  const e = load<u32>(TLB) + TLB_X + ((<u32>va >> 8) & 0xff0);
  return load<u64>(e) == (va & ~0xfff) ? load<u32>(e, 8) + <u32>va : 0;
}

// ── flushing ──
// Each set has a generation (jump cache entries of older ones are void) and the epoch of its write table: when a slot
// gets its first code, every write table that may hold it is stale; others than the running set's notice on their next run.

let generation: u32 = 0;
let writeEpoch: u32 = 0;

/** A number never used before for the jump cache. */
export function newGeneration(): u32 {
  return ++generation;
}

function flushSet(set: u32): void {
  memory.fill(TLBS + set * TLB_SET, 0xff, TLB_SET);
  const meta = SET_META + (set << 3);
  store<u32>(meta, newGeneration());
  store<u32>(meta, writeEpoch, 4);
}

/** Makes this set the one in force. */
export function useSet(set: u32): void {
  const meta = SET_META + (set << 3);
  if (load<u32>(meta, 4) != writeEpoch) {
    memory.fill(TLBS + set * TLB_SET + TLB_W, 0xff, 0x4000);
    store<u32>(meta, writeEpoch, 4);
  }
  store<u32>(TLB, TLBS + set * TLB_SET);
  store<u32>(GEN, load<u32>(meta));
}

/** The running set's number. */
function setInForce(): u32 {
  return (load<u32>(TLB) - TLBS) / TLB_SET;
}

export function flushVcpu(vcpu: u32): void {
  flushSet(vcpu << 1);
  flushSet((vcpu << 1) | 1);
}

export function flushEverything(): void {
  for (let v: u32 = 0; v < MAX_VCPUS; v++) if (load<u8>(VCPU_USED + v)) flushVcpu(v);
}

/** A slot that write TLBs may hold got code: none may hold it any more. */
export function dropWriteEntries(): void {
  writeEpoch++;
  const set = setInForce();
  memory.fill(TLBS + set * TLB_SET + TLB_W, 0xff, 0x4000);
  store<u32>(SET_META + (set << 3), writeEpoch, 4);
}

export function flushPage(vcpu: u32, va: u64): void {
  const page = va & ~0xfff;
  for (let set: u32 = vcpu << 1; set <= ((vcpu << 1) | 1); set++) {
    const r = TLBS + set * TLB_SET + ((<u32>va >> 8) & 0x3ff0);
    const x = TLBS + set * TLB_SET + TLB_X + ((<u32>va >> 8) & 0xff0);
    if (load<u64>(r) == page) store<u64>(r, -1);
    if ((load<u64>(r, TLB_W) & ~SLOW) == page) store<u64>(r, -1, TLB_W);
    if (load<u64>(x) == page) store<u64>(x, -1);
    store<u32>(SET_META + (set << 3), newGeneration());
  }
}

/** For the owner: byte address, or 0 with X_VECTOR, X_ERROR, X_VA set. */
export function translate(va: u64, access: u32): u32 {
  if (!walk(va, access)) return 0;
  if (access == ACCESS_WRITE) {
    const slot = slotToWrite(walkedFrame);
    if (!slot) {
      store<u32>(EXIT, EXIT_NO_MEMORY);
      return 0;
    }
    return (slot << 12) + (<u32>va & 0xfff);
  }
  const slot = slotToRead(walkedFrame);
  return ((slot ? slot : ZERO_SLOT) << 12) + (<u32>va & 0xfff);
}
