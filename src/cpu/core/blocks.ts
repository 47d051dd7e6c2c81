// Blocks: decoded instructions that follow each other in one page, found by the host address of their first byte (so a
// machine frame is decoded once, wherever and however often it is mapped).
//
//   header (32 bytes)  u32 address of the first byte, u32 next in hash chain, u32 next of the same slot,
//                      u16 first offset in page, u16 end offset, u16 records, u32 region it is the head of,
//                      u8 it belongs to a region
//   records            the last one branches, or is NEXT
//
// A block is named by the address of its first record. Memory is handed out upwards and taken back all at once, when it
// is used up. A dropped block stays where it is, its records turned into LOOKUP, so links to it need not be found.

import { CPU, RIP, SLOT_CODE, SLOT_HAS_CODE } from "../layout";
import { decode, emitted, ends } from "./decode";
import { addrX, dropWriteEntries, knownX } from "./mmu";
import { CROSS, LOOKUP, NEXT } from "./ops";
import { RECORD_SIZE, R_INDEX, R_LINK, R_OFF, R_OP, UNLINKED } from "./record";
import { dropRegionsOf, forgetRegions } from "./regions";
import { granules, setSlotFlags, slotFlags, SLOT_WRITTEN } from "./slots";
import { BLOCKS, BLOCKS_END, FETCH, GEN, HASH, HASH_BITS, JUMPS, JUMPS_MASK, PAGE_VA, PAGE_VA_HIGH, SLOT_BLOCKS, STEP_BLOCK } from "./state";

const H_ADDRESS: u32 = 0;
const H_CHAIN: u32 = 4;
const H_SLOT: u32 = 8;
const H_FROM: u32 = 12;
const H_TO: u32 = 14;
const H_COUNT: u32 = 16;
/** The two that translated regions use, from a block's name: see regions.ts. */
const H_REGION: u32 = 20;
const H_MEMBER: u32 = 24;
const HEADER: u32 = 32;
/** Instructions in a block; a block's end is where the budget is checked. */
const MAX_INSTRUCTIONS: u32 = 40;
const MAX_BLOCK: u32 = HEADER + (2 * MAX_INSTRUCTIONS + 2) * RECORD_SIZE;

let free: u32 = BLOCKS;
/** Grows with every whole flush: links into older blocks must not be made. */
export let blockEpoch: u32 = 0;
/** Blocks dropped so far. */
export let blocksDropped: u32 = 0;

// @ts-ignore: decorator
@inline function hashOf(host: u32): u32 {
  return HASH + (((host * <u32>0x9e3779b1) >> (32 - HASH_BITS)) << 2);
}

/** Forgets every block. No record is valid afterwards. */
export function flushBlocks(): void {
  for (let b = BLOCKS; b < free; b += HEADER + <u32>load<u16>(b, H_COUNT) * RECORD_SIZE) {
    const slot = load<u32>(b, H_ADDRESS) >> 12;
    store<u32>(SLOT_BLOCKS + (slot << 2), 0);
    store<u64>(SLOT_CODE + (slot << 3), 0);
    setSlotFlags(slot, slotFlags(slot) & ~SLOT_HAS_CODE);
  }
  memory.fill(HASH, 0, 4 << HASH_BITS);
  memory.fill(JUMPS, 0, (JUMPS_MASK + 1) << 4);
  forgetRegions();
  free = BLOCKS;
  blockEpoch++;
}

export function blockBytes(): u32 {
  return free - BLOCKS;
}

// @ts-ignore: decorator
@inline function jumpSlot(rip: u64): u32 {
  return JUMPS + (((<u32>rip ^ (<u32>rip >> 14)) & JUMPS_MASK) << 4);
}

/** First record for RIP, 0 if the fetch faults (fault set). Sets PAGE_VA. */
// @ts-ignore: decorator
@inline export function lookup(): u32 {
  const rip = load<u64>(CPU + RIP);
  const j = jumpSlot(rip);
  if (load<u64>(j) == rip && load<u32>(j, 8) == load<u32>(GEN)) {
    const page = rip & ~0xfff;
    store<u64>(PAGE_VA, page);
    store<u64>(PAGE_VA_HIGH, page + 0x2000);
    return load<u32>(j, 12);
  }
  return lookupSlow();
}

/** The same by the page tables, not trusting the jump cache. */
export function lookupSlow(): u32 {
  const rip = load<u64>(CPU + RIP);
  const host = addrX(rip);
  if (!host) return 0;
  const page = rip & ~0xfff;
  store<u64>(PAGE_VA, page);
  store<u64>(PAGE_VA_HIGH, page + 0x2000);
  let block = findBlock(host);
  if (!block) block = makeBlock(host);
  const j = jumpSlot(rip);
  store<u64>(j, rip);
  store<u32>(j, load<u32>(GEN), 8);
  store<u32>(j, block, 12);
  return block;
}

/**
 * The record to go on with after a branch to RIP, whose link word is at `link`. An in-page target is linked for good.
 * 0: fault set.
 */
export function follow(link: u32): u32 {
  const rip = load<u64>(CPU + RIP);
  const host = load<u32>(link) & ~0xfff;
  if (!host || (rip & ~0xfff) != load<u64>(PAGE_VA)) return lookup();
  const at = host + (<u32>rip & 0xfff);
  const epoch = blockEpoch;
  let block = findBlock(at);
  if (!block) block = makeBlock(at);
  if (epoch == blockEpoch) store<u32>(link, block);
  return block;
}

/** The block that RIP would run, if that is known without a look into the page tables; else 0. */
export function knownBlock(): u32 {
  const rip = load<u64>(CPU + RIP);
  const known = jumpTarget(rip);
  if (known) return known;
  const host = knownX(rip);
  return host ? findBlock(host) : 0;
}

/** What the jump cache says of this address, 0 if nothing. */
export function jumpTarget(rip: u64): u32 {
  const j = jumpSlot(rip);
  return load<u64>(j) == rip && load<u32>(j, 8) == load<u32>(GEN) ? load<u32>(j, 12) : 0;
}

/** The block that this link leads to, also if the one it names has been dropped and there is another; else 0. */
export function relink(link: u32): u32 {
  const block = load<u32>(link);
  if (load<u16>(block, R_OP) != LOOKUP) return block;
  const now = findBlock(load<u32>(block - HEADER, H_ADDRESS));
  if (now) store<u32>(link, now);
  return now;
}

function findBlock(host: u32): u32 {
  for (let b = load<u32>(hashOf(host)); b; b = load<u32>(b, H_CHAIN)) {
    if (load<u32>(b, H_ADDRESS) == host) return b + HEADER;
  }
  return 0;
}

function makeBlock(host: u32): u32 {
  if (free + MAX_BLOCK > BLOCKS_END) flushBlocks();
  const block = free;
  const slot = host >> 12;
  const from = host & 0xfff;
  let rec = block + HEADER;
  let off = from;
  let index: u32 = 0;
  for (;;) {
    const n = decode((slot << 12) + off, rec, off);
    if (off + n > 0x1000) {
      if (off == from) {
        // the whole block is one instruction that crosses the page
        clearRecord(rec, CROSS, off, 0);
        memory.fill(rec + 8, 0, 3 * RECORD_SIZE + 24);
        rec += 4 * RECORD_SIZE;
        off = 0x1000;
      } else {
        endRecord(rec, off, index, slot << 12);
        rec += RECORD_SIZE;
      }
      break;
    }
    store<u8>(rec, index, R_INDEX);
    if (emitted == 2) store<u8>(rec + RECORD_SIZE, index, R_INDEX);
    rec += emitted * RECORD_SIZE;
    off += n;
    index++;
    if (ends) break;
    if (index == MAX_INSTRUCTIONS || off == 0x1000) {
      endRecord(rec, off, index, off < 0x1000 ? slot << 12 : 0);
      rec += RECORD_SIZE;
      break;
    }
  }
  store<u32>(block, host, H_ADDRESS);
  const h = hashOf(host);
  store<u32>(block, load<u32>(h), H_CHAIN);
  store<u32>(h, block);
  const s = SLOT_BLOCKS + (slot << 2);
  store<u32>(block, load<u32>(s), H_SLOT);
  store<u32>(s, block);
  store<u16>(block, from, H_FROM);
  store<u16>(block, off, H_TO);
  store<u16>(block, (rec - block - HEADER) / RECORD_SIZE, H_COUNT);
  store<u32>(block, 0, H_REGION);
  store<u8>(block, 0, H_MEMBER);
  free = rec;

  const flags = slotFlags(slot);
  if (!(flags & SLOT_HAS_CODE)) {
    setSlotFlags(slot, (flags | SLOT_HAS_CODE) & ~SLOT_WRITTEN);
    if (flags & SLOT_WRITTEN) dropWriteEntries();
  }
  const g = SLOT_CODE + (slot << 3);
  store<u64>(g, load<u64>(g) | granules(from, off));
  return block + HEADER;
}

function clearRecord(rec: u32, op: u32, off: u32, index: u32): void {
  memory.fill(rec, 0, RECORD_SIZE);
  store<u16>(rec, op, R_OP);
  store<u16>(rec, off, R_OFF);
  store<u8>(rec, index, R_INDEX);
}

function endRecord(rec: u32, off: u32, index: u32, host: u32): void {
  clearRecord(rec, NEXT, off, index);
  store<u32>(rec, host | UNLINKED, R_LINK);
}

/** Drops the blocks that overlap [from, to) of a slot. */
export function dropCode(slot: u32, from: u32, to: u32): void {
  const s = SLOT_BLOCKS + (slot << 2);
  let link = s;
  let left: u64 = 0;
  for (let b = load<u32>(s); b; ) {
    const after = load<u32>(b, H_SLOT);
    if (<u32>load<u16>(b, H_FROM) < to && from < <u32>load<u16>(b, H_TO)) {
      store<u32>(link, after);
      unchain(b);
      blocksDropped++;
      if (load<u8>(b, H_MEMBER)) dropRegionsOf(b + HEADER);
      const count: u32 = load<u16>(b, H_COUNT);
      for (let i: u32 = 0; i < count; i++) store<u16>(b + HEADER + i * RECORD_SIZE, LOOKUP, R_OP);
      // whoever enters it enters at its start (NOPs before the first record have none of their own)
      store<u16>(b + HEADER, load<u16>(b, H_FROM), R_OFF);
      store<u8>(b + HEADER, 0, R_INDEX);
    } else {
      left |= granules(load<u16>(b, H_FROM), load<u16>(b, H_TO));
      link = b + H_SLOT;
    }
    b = after;
  }
  store<u64>(SLOT_CODE + (slot << 3), left);
  if (!left) setSlotFlags(slot, slotFlags(slot) & ~SLOT_HAS_CODE);
}

function unchain(block: u32): void {
  let link = hashOf(load<u32>(block, H_ADDRESS));
  for (let b = load<u32>(link); b; b = load<u32>(link)) {
    if (b == block) {
      store<u32>(link, load<u32>(b, H_CHAIN));
      return;
    }
    link = b + H_CHAIN;
  }
}

// ── an instruction across two pages ──
// Its record keeps the bytes it was decoded from (at R_CROSS_BYTES) and, behind itself, what they became. The second
// page is fetched every time, but decoded only when the bytes differ.

const R_CROSS_BYTES: u32 = 16;

/** First record of the instruction that `rec` (CROSS) stands for; 0: fault set. */
export function crossing(rec: u32): u32 {
  const off: u32 = load<u16>(rec, R_OFF);
  const first = 0x1000 - off;
  const page = load<u64>(PAGE_VA);
  const host = addrX(page);
  if (!host) return 0;
  memory.copy(FETCH, host + off, first);
  const second = addrX(page + 0x1000);
  if (!second) return 0;
  memory.copy(FETCH + first, second, 15 - first);
  store<u8>(FETCH + 15, 1); // unlike a record that was never filled
  if (load<u64>(FETCH) != load<u64>(rec, R_CROSS_BYTES) || load<u64>(FETCH + 8) != load<u64>(rec, R_CROSS_BYTES + 8)) {
    memory.copy(rec + R_CROSS_BYTES, FETCH, 16);
    decodeAlone(FETCH, rec + RECORD_SIZE, off);
  }
  return rec + RECORD_SIZE;
}

/** Decodes one instruction into a block of its own that ends behind it. Answers its length. */
function decodeAlone(bytes: u32, rec: u32, off: u32): u32 {
  const n = decode(bytes, rec, off);
  if (!ends) endRecord(rec + emitted * RECORD_SIZE, off + n, 1, 0);
  return n;
}

/** A throw-away block of the one instruction at RIP; 0: fault set. Sets PAGE_VA. */
export function stepBlock(): u32 {
  const rip = load<u64>(CPU + RIP);
  const host = addrX(rip);
  if (!host) return 0;
  const page = rip & ~0xfff;
  const off = <u32>rip & 0xfff;
  store<u64>(PAGE_VA, page);
  store<u64>(PAGE_VA_HIGH, page + 0x2000);
  if (off + decodeAlone(host, STEP_BLOCK, off) > 0x1000) {
    const first = 0x1000 - off;
    memory.copy(FETCH, host, first);
    const second = addrX(page + 0x1000);
    if (!second) return 0;
    memory.copy(FETCH + first, second, 15 - first);
    decodeAlone(FETCH, STEP_BLOCK, off);
  }
  return STEP_BLOCK;
}
