// Regions: blocks that translate/ has turned into a WebAssembly function. The core keeps the list and hands over.
//
//   region   u32 index in the function table, u32 its head (a block; 0: dead), u32 members,
//            at REGION_CELL two records: the head's first one as it was, and a GOTO to the second,
//            at REGION_MEMBERS u32 each: the blocks that it was made of
//
// The head's first record becomes ENTER. The function takes the budget left at the start of the head, runs, and answers the
// record that the interpreter goes on with: it did all before it and nothing of it. LEFT, PAGE_VA, registers and flags are
// then as the interpreter wants them. When a member is dropped, so is the region. A region that runs must therefore end as
// soon as a block is dropped: regionWrite and regionStep say so.
//
//   rec = region(left)

import { blocksDropped } from "./blocks";
import { CF, condition, replaceFlags } from "./flags";
import { ADC, ADD, SBB, SUB } from "./flag-kinds";
import { slowR, slowW } from "./mmu";
import { ENTER, GOTO } from "./ops";
import { RECORD_SIZE, R_LINK, R_OP } from "./record";
import { slow } from "./slow";
import { F_A, F_B, F_C, F_KIND, LEFT, REGIONS, SLOTS } from "./state";

export const REGION_ENTRY: u32 = 0;
const REGION_HEAD: u32 = 4;
const REGION_COUNT: u32 = 8;
export const REGION_CELL: u32 = 32;
const REGION_MEMBERS: u32 = 96;
const MAX_MEMBERS: u32 = 104;
const REGION_SIZE: u32 = REGION_MEMBERS + 4 * MAX_MEMBERS;
/** At a block's name less this: its region. */
export const REGION_OF: u32 = 12;
const MEMBER_OF: u32 = 8;

let regions: u32 = 0;

/**
 * Makes a region of the blocks whose names stand in `members`, the first being the head, with its function in the table.
 * `number`: regions are numbered from 0 upwards; dropRegions begins anew.
 */
export function installRegion(number: u32, index: u32, members: u32, count: u32): void {
  const region = REGIONS + number * REGION_SIZE;
  const head = load<u32>(members);
  if (load<u16>(head, R_OP) == ENTER) drop(load<u32>(head - REGION_OF));
  store<u32>(region, index, REGION_ENTRY);
  store<u32>(region, head, REGION_HEAD);
  store<u32>(region, count, REGION_COUNT);
  memory.copy(region + REGION_CELL, head, RECORD_SIZE);
  const then = region + REGION_CELL + RECORD_SIZE;
  memory.fill(then, 0, RECORD_SIZE);
  store<u16>(then, GOTO, R_OP);
  store<u32>(then, head + RECORD_SIZE, R_LINK);
  for (let i: u32 = 0; i < count; i++) {
    const block = load<u32>(members + (i << 2));
    store<u32>(region + REGION_MEMBERS + (i << 2), block);
    store<u8>(block - MEMBER_OF, 1);
  }
  store<u32>(head - REGION_OF, region);
  store<u16>(head, ENTER, R_OP);
  if (number >= regions) regions = number + 1;
}

function drop(region: u32): void {
  const head = load<u32>(region, REGION_HEAD);
  if (!head) return;
  store<u32>(region, 0, REGION_HEAD);
  if (load<u16>(head, R_OP) == ENTER) store<u16>(head, load<u16>(region + REGION_CELL, R_OP), R_OP);
}

/** Drops those that this block is part of. */
export function dropRegionsOf(block: u32): void {
  for (let i: u32 = 0; i < regions; i++) {
    const region = REGIONS + i * REGION_SIZE;
    if (!load<u32>(region, REGION_HEAD)) continue;
    const end = region + REGION_MEMBERS + (load<u32>(region, REGION_COUNT) << 2);
    for (let m = region + REGION_MEMBERS; m < end; m += 4) {
      if (load<u32>(m) != block) continue;
      drop(region);
      break;
    }
  }
}

export function dropRegions(): void {
  for (let i: u32 = 0; i < regions; i++) drop(REGIONS + i * REGION_SIZE);
  regions = 0;
}

/** All blocks go: nothing needs to be put back. */
export function forgetRegions(): void {
  regions = 0;
}

// ── what regions call ──

/** Host address of readable guest memory; 0: leave the instruction to the interpreter. */
export function regionRead(va: u64, size: u32): u32 {
  const p = slowR(va, size);
  return p < SLOTS ? 0 : p;
}

/** The same for writing; 0 also if code was dropped, which may be the caller's own. */
export function regionWrite(va: u64, size: u32): u32 {
  const before = blocksDropped;
  const p = slowW(va, size);
  return p < SLOTS || blocksDropped != before ? 0 : p;
}

/**
 * One instruction that never branches, on the state in memory. 0: done; else the record with which the interpreter goes on:
 * this one if it gave up, the next one if code was dropped.
 */
export function regionStep(rec: u32, left: i32): u32 {
  store<i32>(LEFT, left);
  const before = blocksDropped;
  if (slow(load<u16>(rec, R_OP) == ENTER ? load<u32>(rec - REGION_OF) + REGION_CELL : rec) != 1) return rec;
  return blocksDropped == before ? 0 : rec + RECORD_SIZE;
}

// Flags as regions hold them: a, b and c not shifted yet. kind = what goes to F_KIND | (shift still to be made << 16).
// over: some of CF and OF replaced; mask << 16 | values.

/** Writes them to memory. */
export function regionFlags(a: u64, b: u64, c: u64, kind: u32, over: u32): void {
  const shift: u64 = kind >> 16;
  const k = kind & 0xff;
  store<u64>(F_A, a << shift);
  store<u64>(F_B, b << shift);
  store<u64>(F_C, k >= ADD && k <= SBB ? c << shift : c);
  store<u32>(F_KIND, kind & 0xffff);
  if (over) replaceFlags(over >> 16, over & 0xffff);
}

/** CF, 0 or 1. */
export function regionCarry(a: u64, b: u64, c: u64, kind: u32, over: u32): u32 {
  if (over & (CF << 16)) return over & CF;
  switch (kind & 0xff) {
    case SUB: return u32(a < b);
    case ADD: return u32(a < c);
    case ADC: return u32(a <= c);
    case SBB: return u32(a >= c);
    default: return <u32>c & CF;
  }
}

/** Condition code 0..15, 0 or 1. Overwrites the flags in memory. */
export function regionCondition(a: u64, b: u64, c: u64, kind: u32, over: u32, cc: u32): u32 {
  regionFlags(a, b, c, kind, over);
  return u32(condition(cc));
}
