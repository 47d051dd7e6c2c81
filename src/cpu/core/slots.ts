// Machine frames and the slots behind them.
//
//   slot = slotToRead(mfn)    0 while the frame is untouched
//   slot = slotToWrite(mfn)   hands one out on first use; 0: none left
//
// Free slots are a stack (last released, first reused); a slot is zeroed when it is released.

import { MAX_MFNS, SLOT_CODE, SLOT_FLAGS, SLOT_HAS_CODE, SLOT_OF, ZERO_SLOT } from "../layout";
import { FREE_SLOTS, SLOT_MFN } from "./state";
import { dropCode } from "./blocks";

/** Slot flag of our own: some write TLB may hold this slot. */
export const SLOT_WRITTEN: u32 = 4;

let next: u32 = ZERO_SLOT + 1;
let end: u32 = ZERO_SLOT + 1;
let free: u32 = 0;

/** `pages`: 4 KiB pages in the memory. The last page stays unused: the decoder reads up to 16 bytes past a slot. */
export function initSlots(pages: u32): void {
  end = pages - 1;
}

export function slotsFree(): u32 {
  return end - next + free;
}

// @ts-ignore: decorator
@inline export function slotToRead(mfn: u32): u32 {
  return load<u32>(SLOT_OF + (mfn << 2));
}

export function slotToWrite(mfn: u32): u32 {
  if (mfn >= <u32>MAX_MFNS) return 0;
  const known = load<u32>(SLOT_OF + (mfn << 2));
  if (known) return known;
  let slot: u32;
  if (free) {
    free--;
    slot = load<u32>(FREE_SLOTS + (free << 2));
  } else if (next < end) {
    slot = next++;
  } else {
    return 0;
  }
  store<u32>(SLOT_OF + (mfn << 2), slot);
  store<u32>(SLOT_MFN + (slot << 2), mfn);
  return slot;
}

export function releaseFrame(mfn: u32): void {
  const slot = slotToRead(mfn);
  if (!slot) return;
  if (slotFlags(slot) & SLOT_HAS_CODE) dropCode(slot, 0, 4096);
  store<u8>(SLOT_FLAGS + slot, 0);
  memory.fill(slot << 12, 0, 4096);
  store<u32>(SLOT_OF + (mfn << 2), 0);
  store<u32>(FREE_SLOTS + (free << 2), slot);
  free++;
}

// @ts-ignore: decorator
@inline export function slotFlags(slot: u32): u32 {
  return load<u8>(SLOT_FLAGS + slot);
}

// @ts-ignore: decorator
@inline export function setSlotFlags(slot: u32, flags: u32): void {
  store<u8>(SLOT_FLAGS + slot, flags);
}

/** One bit a 64-byte granule that the bytes [from, to) of a page touch. */
export function granules(from: u32, to: u32): u64 {
  const first: u64 = from >> 6;
  const last: u64 = (to - 1) >> 6;
  return (<u64>-1 << first) & (<u64>-1 >> (63 - last));
}

// @ts-ignore: decorator
@inline export function codeGranules(slot: u32): u64 {
  return load<u64>(SLOT_CODE + (slot << 3));
}
