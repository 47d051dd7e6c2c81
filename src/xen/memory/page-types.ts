/**
 * Page types: a frame is used as at most one of writable memory, L1..L4 table, descriptors. The first reference of a type
 * validates the content, the last one gives back what it referenced.
 *
 *   getPageType   count 0 → 1: L4 → its L3s → their L2s → their L1s → the frames they map
 *   putPageType   count 1 → 0: the same, back
 *
 * A validation that fails leaves no trace but the bits Xen adds to entries. Types nest at most L4, L3, L2, L1; a linear map
 * (an entry to a table of the same level, read-only) adds one step, because a table that has such entries cannot be the
 * target of one. So recursion is bounded, whatever a guest builds.
 */
import { ERRNO } from "../../abi/errno.ts";
import { FIRST_XEN_SLOT, LAST_XEN_SLOT, PTE_P, PTE_RW, PTE_US } from "../../abi/mmu.ts";
import { bug } from "../../lib/absurd.ts";
import type { Machine } from "../machine.ts";
import {
  EPOCH,
  OWNER_MASK,
  type PageType,
  PGF_VALIDATED,
  PGT_l1,
  PGT_l4,
  PGT_seg_desc,
  PGT_writable,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "./frame-table.ts";
import { frameOf } from "./l1-entry.ts";
import { devalidateL1, validateL1 } from "./l1-table.ts";
import { getFrame, putFrame, putWritableType } from "./references.ts";
import { validateDescriptors } from "./seg-desc.ts";
import { writeAddressOf } from "./slots.ts";
import { hex, hexMfn, warn } from "./warn.ts";

/** PWT, PCD, PSE and G have no business above L1 (`BASE_DISALLOW_MASK`): no superpages for PV. */
export const TABLE_DISALLOW = 0x198;

const NAME = ["none", "l1", "l2", "l3", "l4", "segdesc", "none", "writable"];

/** A type reference, on top of a general one that the caller holds. 0 or -errno. */
export function getPageType(machine: Machine, mfn: number, type: PageType): number {
  const { frames } = machine;
  const { info } = frames;
  const page = mfn << 2;
  const meta = info[page] as number;
  const count = info[page + TYPE_COUNT] as number;
  const old = (meta & TYPE_MASK) >> TYPE_SHIFT;
  if (count !== 0) {
    if (old !== type) {
      // A table one level up may be a linear map: the caller will see.
      if (old !== type + 1 || old > PGT_l4) {
        warn(machine, `Bad type (saw ${NAME[old]} != exp ${NAME[type]}) for mfn ${hexMfn(mfn)}`);
      }
      return -ERRNO.EINVAL;
    }
    info[page + TYPE_COUNT] = count + 1;
    return 0;
  }
  if (old !== type) {
    // No TLB may still let the guest write to what becomes a table.
    if (old === PGT_writable && info[page + EPOCH] === frames.epoch) frames.flushAll();
    info[page] = (meta & ~(TYPE_MASK | PGF_VALIDATED)) | (type << TYPE_SHIFT);
  }
  info[page + TYPE_COUNT] = 1;
  if ((info[page] as number) & PGF_VALIDATED || type === PGT_writable) return 0;
  const failed = validate(machine, mfn, type);
  if (failed === 0) {
    info[page] = (info[page] as number) | PGF_VALIDATED;
    return 0;
  }
  warn(machine, `Error while validating mfn ${hexMfn(mfn)} for type ${NAME[type]}`);
  info[page + TYPE_COUNT] = 0;
  info[page] = (info[page] as number) & ~TYPE_MASK;
  return failed;
}

/** Gives a type reference back. `table`: the table whose entry held it, if one did. */
export function putPageType(machine: Machine, mfn: number, table = 0): void {
  const { info } = machine.frames;
  const page = mfn << 2;
  const count = info[page + TYPE_COUNT] as number;
  const meta = info[page] as number;
  const type = (meta & TYPE_MASK) >> TYPE_SHIFT;
  if (type === PGT_writable) {
    putWritableType(machine.frames, mfn);
    return;
  }
  if (count === 0) bug(`frame ${mfn} has no type reference to give back`);
  if (count === 1 && meta & PGF_VALIDATED && type <= PGT_l4) {
    info[page] = meta & ~PGF_VALIDATED;
    devalidate(machine, mfn, type);
  }
  info[page + TYPE_COUNT] = count - 1;
  if (table !== 0 && type === ((info[table << 2] as number) & TYPE_MASK) >> TYPE_SHIFT) {
    adjustLinear(machine, mfn, 1);
    adjustLinear(machine, table, -1);
  }
}

/** A general and a type reference on a frame of `domid`. 0 or -errno. */
export function getFrameAndType(machine: Machine, mfn: number, domid: number, type: PageType): number {
  if (!getFrame(machine.frames, mfn, domid)) return -ERRNO.EINVAL;
  const failed = getPageType(machine, mfn, type);
  if (failed !== 0) putFrame(machine, mfn);
  return failed;
}

export function putFrameAndType(machine: Machine, mfn: number): void {
  putPageType(machine, mfn);
  putFrame(machine, mfn);
}

/**
 * Takes what a present entry of an L2..L4 table (`level`) needs: its frame as a table one level down, or as a linear map.
 * 0 or -errno.
 */
export function getPageFromEntry(
  machine: Machine,
  low: number,
  high: number,
  table: number,
  level: number,
): number {
  if (low & TABLE_DISALLOW) {
    warn(machine, `Bad L${level} flags ${hex(low & TABLE_DISALLOW)}`);
    return -ERRNO.EINVAL;
  }
  const owner = (machine.frames.info[table << 2] as number) & OWNER_MASK;
  const mfn = frameOf(low, high);
  const failed = getFrameAndType(machine, mfn, owner, (level - 1) as PageType);
  if (failed === -ERRNO.EINVAL && getLinear(machine, low, mfn, table, level, owner)) return 0;
  return failed;
}

/** Gives back what an entry of an L2..L4 table held. */
export function putPageFromEntry(machine: Machine, low: number, high: number, table: number): void {
  if ((low & PTE_P) === 0) return;
  const mfn = frameOf(low, high);
  if (mfn === table) return;
  putPageType(machine, mfn, table);
  putFrame(machine, mfn);
}

function validate(machine: Machine, mfn: number, type: PageType): number {
  const { mem } = machine.engine;
  switch (type) {
    case PGT_l1:
      return validateL1(machine, mfn);
    case PGT_seg_desc:
      if (!validateDescriptors(mem, mem.readAddress(mfn))) return -ERRNO.EINVAL;
      mem.noteWrite(mfn, 0, 4096);
      return 0;
    case PGT_writable:
      return 0;
    default:
      return validateTable(machine, mfn, type);
  }
}

function validateTable(machine: Machine, mfn: number, level: number): number {
  const { mem } = machine.engine;
  const { u32 } = mem;
  const base = mem.readAddress(mfn) >> 2;
  machine.frames.walked += 512;
  for (let slot = 0; slot < 512; slot++) {
    if (level === PGT_l4 && slot === FIRST_XEN_SLOT) slot = LAST_XEN_SLOT + 1;
    const word = base + slot * 2;
    const low = u32[word] as number;
    if ((low & PTE_P) === 0) continue;
    const failed = getPageFromEntry(machine, low, u32[word + 1] as number, mfn, level);
    if (failed !== 0) {
      warn(machine, `Failure ${failed} in promote_l${level}_table: slot 0x${hex(slot)}`);
      devalidateSlots(machine, mfn, level, slot);
      return failed;
    }
    u32[word] = low | PTE_US;
  }
  if (level === PGT_l4 && !fillXenSlots(machine, mfn)) {
    devalidateSlots(machine, mfn, level, 512);
    return -ERRNO.ENOMEM;
  }
  mem.noteWrite(mfn, 0, 4096);
  return 0;
}

/** Slots 256..271 of an L4: the M2P, and nothing else that a guest could see. */
function fillXenSlots(machine: Machine, mfn: number): boolean {
  const at = writeAddressOf(machine, mfn);
  if (at === 0) return false;
  const { u32 } = machine.engine.mem;
  const word = (at >> 2) + FIRST_XEN_SLOT * 2;
  u32.fill(0, word, word + (LAST_XEN_SLOT + 1 - FIRST_XEN_SLOT) * 2);
  const l3 = machine.frames.xenL3;
  u32[word] = (l3 << 12) | 0x25; // P, U, A
  u32[word + 1] = l3 >>> 20;
  return true;
}

function devalidate(machine: Machine, mfn: number, type: number): void {
  if (type === PGT_l1) devalidateL1(machine, mfn);
  else devalidateSlots(machine, mfn, type, 512);
}

/** Gives back what the slots below `end` hold. */
function devalidateSlots(machine: Machine, mfn: number, level: number, end: number): void {
  const { mem } = machine.engine;
  const base = mem.readAddress(mfn) >> 2;
  machine.frames.walked += end;
  for (let slot = 0; slot < end; slot++) {
    if (level === PGT_l4 && slot === FIRST_XEN_SLOT) slot = LAST_XEN_SLOT + 1;
    if (slot >= end) return;
    const word = base + slot * 2;
    const low = mem.u32[word] as number;
    if (low & PTE_P) putPageFromEntry(machine, low, mem.u32[word + 1] as number, mfn);
  }
}

/** Drops what a validated table references although others still hold it: its domain is dying. Its type count then only counts. */
export function forceDevalidate(machine: Machine, mfn: number): void {
  const { info } = machine.frames;
  const meta = info[mfn << 2] as number;
  info[mfn << 2] = meta & ~PGF_VALIDATED;
  devalidate(machine, mfn, (meta & TYPE_MASK) >> TYPE_SHIFT);
}

// ── linear maps ──

function getLinear(
  machine: Machine,
  low: number,
  mfn: number,
  table: number,
  level: number,
  owner: number,
): boolean {
  const { frames } = machine;
  const { info, linear } = frames;
  if (low & PTE_RW) {
    warn(machine, "Attempt to create linear p.t. with write perms");
    return false;
  }
  if (mfn === table) return true;
  if (!getFrame(frames, mfn, owner)) return false;
  const meta = info[mfn << 2] as number;
  if (
    (linear.get(table) ?? 0) < 0 ||
    (linear.get(mfn) ?? 0) > 0 ||
    (meta & TYPE_MASK) >> TYPE_SHIFT !== level ||
    (meta & PGF_VALIDATED) === 0
  ) {
    putFrame(machine, mfn);
    return false;
  }
  adjustLinear(machine, mfn, -1);
  adjustLinear(machine, table, 1);
  info[(mfn << 2) + TYPE_COUNT] = (info[(mfn << 2) + TYPE_COUNT] as number) + 1;
  return true;
}

function adjustLinear(machine: Machine, mfn: number, by: number): void {
  const { linear } = machine.frames;
  const count = (linear.get(mfn) ?? 0) + by;
  if (count === 0) linear.delete(mfn);
  else linear.set(mfn, count);
}
