/**
 * Changing one entry of a validated table (`mod_l1_entry` … `mod_l4_entry`): take what the new entry needs, store it, give
 * back what the old one held. 0 or -errno; a refusal changes nothing.
 */
import { ERRNO } from "../../abi/errno.ts";
import { FIRST_XEN_SLOT, LAST_XEN_SLOT, PTE_A, PTE_D, PTE_P, PTE_US } from "../../abi/mmu.ts";
import type { Domid } from "../../abi/types.ts";
import type { Machine } from "../machine.ts";
import { OWNER_MASK, PGT_l4, TYPE_MASK, TYPE_SHIFT } from "./frame-table.ts";
import {
  adjustL1High,
  adjustL1Low,
  frameOf,
  getPageFromL1e,
  L1_DISALLOW,
  putPageFromL1e,
  SAME_HIGH,
  SAME_LOW,
} from "./l1-entry.ts";
import { getPageFromEntry, putPageFromEntry, TABLE_DISALLOW } from "./page-types.ts";
import { writeAddressOf } from "./slots.ts";
import { releaseLater } from "./stepwise.ts";
import { hex, warn } from "./warn.ts";

/**
 * The entry at byte `offset` of L1 table `table` becomes `low`, `high`, whose frame must be `pgOwner`'s. The caller holds a
 * reference on the table.
 */
export function modL1Entry(
  machine: Machine,
  table: number,
  offset: number,
  low: number,
  high: number,
  pgOwner: number,
  preserveAd: boolean,
): number {
  const at = writeAddressOf(machine, table);
  if (at === 0) return -ERRNO.ENOMEM;
  const { mem } = machine.engine;
  const { u32 } = mem;
  const word = (at + offset) >> 2;
  const oldLow = u32[word] as number;
  const oldHigh = u32[word + 1] as number;
  if (low & PTE_P) {
    if (low & L1_DISALLOW) {
      warn(machine, `Bad L1 flags ${hex(low & L1_DISALLOW)}`);
      return -ERRNO.EINVAL;
    }
    const newHigh = adjustL1High(low, high);
    low = adjustL1Low(low, high);
    high = newHigh;
    const same = ((oldLow ^ low) & SAME_LOW) === 0 && ((oldHigh ^ high) & SAME_HIGH) === 0;
    if (!same) {
      const ptOwner = (machine.frames.info[table << 2] as number) & OWNER_MASK;
      const failed = getPageFromL1e(machine, low, high, ptOwner, pgOwner);
      if (failed !== 0) return failed;
    }
    u32[word] = preserveAd ? low | (oldLow & (PTE_A | PTE_D)) : low;
    u32[word + 1] = high;
    mem.noteWrite(table, offset, 8);
    if (same) return 0;
  } else {
    u32[word] = preserveAd ? low | (oldLow & (PTE_A | PTE_D)) : low;
    u32[word + 1] = high;
    mem.noteWrite(table, offset, 8);
  }
  putPageFromL1e(machine, oldLow, oldHigh);
  return 0;
}

/** The same for a table of level 2, 3 or 4. The caller sees to the TLBs. */
export function modTableEntry(
  machine: Machine,
  table: number,
  level: number,
  offset: number,
  low: number,
  high: number,
  preserveAd: boolean,
): number {
  const slot = offset >> 3;
  if (level === PGT_l4 && slot >= FIRST_XEN_SLOT && slot <= LAST_XEN_SLOT) {
    warn(machine, `L4 update in Xen-private area, slot 0x${hex(slot)}`);
    return -ERRNO.EINVAL;
  }
  const at = writeAddressOf(machine, table);
  if (at === 0) return -ERRNO.ENOMEM;
  const { mem } = machine.engine;
  const { u32 } = mem;
  const word = (at + offset) >> 2;
  const oldLow = u32[word] as number;
  const oldHigh = u32[word + 1] as number;
  let same = false;
  if (low & PTE_P) {
    if (low & TABLE_DISALLOW) {
      warn(machine, `Bad L${level} flags ${hex(low & TABLE_DISALLOW)}`);
      return -ERRNO.EINVAL;
    }
    low |= PTE_US;
    same = ((oldLow ^ low) & SAME_LOW) === 0 && ((oldHigh ^ high) & SAME_HIGH) === 0;
    if (!same) {
      const failed = getPageFromEntry(machine, low, high, table, level);
      if (failed !== 0) return failed;
    }
  }
  u32[word] = preserveAd ? low | (oldLow & (PTE_A | PTE_D)) : low;
  u32[word + 1] = high;
  mem.noteWrite(table, offset, 8);
  if (same || (oldLow & PTE_P) === 0) return 0;
  const { info } = machine.frames;
  const old = frameOf(oldLow, oldHigh);
  const domain = machine.domains.get(((info[table << 2] as number) & OWNER_MASK) as Domid);
  // A linear map has accounts of its own; a table below is taken apart in steps.
  const isBelow = ((info[old << 2] as number) & TYPE_MASK) >> TYPE_SHIFT === level - 1;
  if (isBelow && domain !== undefined) releaseLater(domain, old);
  else putPageFromEntry(machine, oldLow, oldHigh, table);
  return 0;
}
