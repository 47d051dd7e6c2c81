/**
 * A grant mapped by a PV guest is an entry of one of its L1 tables, put there by Xen: at a virtual address, or at a machine
 * address that the guest names (GNTMAP_contains_pte). The entry holds the references that its frame needs.
 */
import {
  GNTMAP_application_map,
  GNTMAP_contains_pte,
  GNTMAP_guest_avail0,
  GNTMAP_readonly,
  GNTST,
  type GrantStatus,
} from "../../abi/grant-table.ts";
import { PTE_A, PTE_D, PTE_P, PTE_RW, PTE_US } from "../../abi/mmu.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { PGT_l1, TYPE_COUNT, TYPE_MASK, TYPE_SHIFT } from "../memory/frame-table.ts";
import { adjustL1High, adjustL1Low, frameOf, NO_FRAME, putPageFromL1e } from "../memory/l1-entry.ts";
import { writeAddressOf } from "../memory/slots.ts";
import { walkToL1 } from "../memory/walk.ts";
import { hex64, warn } from "../memory/warn.ts";

interface Entry {
  readonly table: number;
  readonly offset: number;
  /** Index of its low word in `mem.u32`. */
  readonly word: number;
}

const lowFor = (mfn: number, flags: number): number =>
  (mfn << 12) |
  PTE_P |
  PTE_A |
  PTE_D |
  (flags & GNTMAP_application_map ? PTE_US : 0) |
  (flags & GNTMAP_readonly ? 0 : PTE_RW) |
  (((flags >>> GNTMAP_guest_avail0) & 7) << 9);

/** Puts an entry for `mfn` at `address`; the caller's references pass to it. */
export function createGrantMapping(
  machine: Machine,
  vcpu: Vcpu,
  address: bigint,
  mfn: number,
  flags: number,
): GrantStatus {
  const entry = findEntry(machine, vcpu, address, flags);
  if (entry === undefined) return GNTST.general_error;
  const { mem } = machine.engine;
  const { u32 } = mem;
  const oldLow = u32[entry.word] as number;
  const oldHigh = u32[entry.word + 1] as number;
  const low = lowFor(mfn, flags);
  const high = mfn >>> 20;
  u32[entry.word] = adjustL1Low(low, high);
  u32[entry.word + 1] = adjustL1High(low, high);
  mem.noteWrite(entry.table, entry.offset, 8);
  putPageFromL1e(machine, oldLow, oldHigh);
  return GNTST.okay;
}

/**
 * Takes the entry for `mfn` at `address` away; its references pass to the caller. In its place comes what is mapped at
 * `newAddress` (which loses it), or nothing for 0.
 */
export function replaceGrantMapping(
  machine: Machine,
  vcpu: Vcpu,
  address: bigint,
  mfn: number,
  newAddress: bigint,
  flags: number,
): GrantStatus {
  if (newAddress !== 0n && flags & GNTMAP_contains_pte) return GNTST.general_error;
  const entry = findEntry(machine, vcpu, address, flags);
  if (entry === undefined) return GNTST.general_error;
  const { mem } = machine.engine;
  const { u32 } = mem;
  const low = u32[entry.word] as number;
  const high = u32[entry.word + 1] as number;
  if (frameOf(low, high) !== mfn || (low ^ lowFor(mfn, flags)) & (PTE_P | PTE_RW)) {
    warn(machine, `PTE ${hex64(low, high)} for ${address.toString(16)} doesn't match grant`);
    return GNTST.general_error;
  }
  let newLow = 0;
  let newHigh = 0;
  if (newAddress !== 0n) {
    const other = findEntry(machine, vcpu, newAddress, 0);
    if (other === undefined) return GNTST.general_error;
    newLow = u32[other.word] as number;
    newHigh = u32[other.word + 1] as number;
    u32[other.word] = 0;
    u32[other.word + 1] = 0;
    mem.noteWrite(other.table, other.offset, 8);
  }
  u32[entry.word] = newLow;
  u32[entry.word + 1] = newHigh;
  mem.noteWrite(entry.table, entry.offset, 8);
  return GNTST.okay;
}

function findEntry(machine: Machine, vcpu: Vcpu, address: bigint, flags: number): Entry | undefined {
  const low = Number(address & 0xffff_ffffn);
  const high = Number(address >> 32n);
  const byMachineAddress = (flags & GNTMAP_contains_pte) !== 0;
  let table: number;
  let offset: number;
  if (byMachineAddress) {
    if (low & 7) {
      warn(machine, `Misaligned PTE address ${hex64(low, high)}`);
      return undefined;
    }
    table = high > 0xfff ? NO_FRAME : ((low >>> 12) | (high << 20)) >>> 0;
    offset = low & 0xff8;
  } else {
    table = walkToL1(machine, vcpu.guestTable, low, high);
    offset = (low >>> 9) & 0xff8;
    if (table === 0) {
      warn(machine, `Could not find L1 PTE for linear address ${hex64(low, high)}`);
      return undefined;
    }
  }
  const { frames } = machine;
  if (frames.owner(table) !== vcpu.domain.domid) return undefined;
  const page = table << 2;
  if (
    ((frames.info[page] as number) & TYPE_MASK) >> TYPE_SHIFT !== PGT_l1 ||
    frames.info[page + TYPE_COUNT] === 0
  )
    return undefined;
  const at = writeAddressOf(machine, table);
  return at === 0 ? undefined : { table, offset, word: (at + offset) >> 2 };
}
