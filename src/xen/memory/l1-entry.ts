/**
 * One entry of an L1 table: what it references while it stands in a validated table. Entries are two 32-bit halves.
 */
import { ERRNO } from "../../abi/errno.ts";
import {
  PTE_G,
  PTE_HI_FRAME,
  PTE_HI_GUEST_KERNEL,
  PTE_P,
  PTE_PCD,
  PTE_PS,
  PTE_PWT,
  PTE_RW,
  PTE_US,
} from "../../abi/mmu.ts";
import type { Domid } from "../../abi/types.ts";
import type { Machine } from "../machine.ts";
import { getFrame, getWritableType, putFrame, putWritableType } from "./references.ts";
import { hex, hex64, hexMfn, warn } from "./warn.ts";

/** A guest without devices chooses no cache attributes (`L1_DISALLOW_MASK`). G is allowed. */
export const L1_DISALLOW = PTE_PWT | PTE_PCD | PTE_PS;
/** Bits the guest changes without the references changing (`FASTPATH_FLAG_WHITELIST`), inverted: what must be equal. */
export const SAME_LOW = ~0xf64;
export const SAME_HIGH = PTE_HI_FRAME;

/** Frame of an entry. Beyond 2^32 there is none: NO_FRAME, which no machine has. */
export const NO_FRAME = 0xffff_ffff;
export function frameOf(low: number, high: number): number {
  const top = high & PTE_HI_FRAME;
  return top > 0xfff ? NO_FRAME : ((low >>> 12) | (top << 20)) >>> 0;
}

/**
 * Takes what a present entry needs in a table of `ptOwner`: a reference on its frame, which must be `pgOwner`'s, writable if
 * the entry is. 0 or -errno: EINVAL flags, EPERM no RAM, EBUSY not his or in use as something else.
 */
export function getPageFromL1e(
  machine: Machine,
  low: number,
  high: number,
  ptOwner: number,
  pgOwner: number,
): number {
  const { frames } = machine;
  if (low & L1_DISALLOW) {
    warn(machine, `Bad L1 flags ${hex(low & L1_DISALLOW)}`);
    return -ERRNO.EINVAL;
  }
  const mfn = frameOf(low, high);
  if (mfn >= frames.total) return refuseMmio(machine, low, high, pgOwner);
  if (!getFrame(frames, mfn, pgOwner) && !getServed(machine, mfn, ptOwner, pgOwner)) {
    const owner = frames.owner(mfn);
    warn(
      machine,
      `pg_owner d${pgOwner} l1e_owner d${ptOwner}, but real_pg_owner d${owner === 0x7ff4 ? -1 : owner}`,
    );
    return couldNotPin(machine, low, high, mfn, ptOwner, pgOwner);
  }
  if (low & PTE_RW && !getWritableType(frames, mfn)) {
    putFrame(machine, mfn);
    warn(machine, "Could not get page type PGT_writable_page");
    return couldNotPin(machine, low, high, mfn, ptOwner, pgOwner);
  }
  return 0;
}

/** A domain that others may map frames of passes on the right to those of the domain that it serves. */
function getServed(machine: Machine, mfn: number, ptOwner: number, pgOwner: number): boolean {
  if (ptOwner === pgOwner) return false;
  const served = machine.domains.get(pgOwner as Domid)?.target;
  return served !== undefined && getFrame(machine.frames, mfn, served.domid);
}

/** Gives back what an entry held. */
export function putPageFromL1e(machine: Machine, low: number, high: number): void {
  if ((low & PTE_P) === 0) return;
  const mfn = frameOf(low, high);
  if (low & PTE_RW) putWritableType(machine.frames, mfn);
  putFrame(machine, mfn);
}

/** Low and high half as Xen stores them (`adjust_guest_l1e`): U always, G for user pages, bit 52 for the kernel's. */
export const adjustL1Low = (low: number, high: number): number =>
  (low & PTE_P) === 0
    ? low
    : (low & PTE_US) === 0 || high & PTE_HI_GUEST_KERNEL
      ? low | PTE_US
      : low | PTE_US | PTE_G;
export const adjustL1High = (low: number, high: number): number =>
  (low & (PTE_P | PTE_US)) === PTE_P ? high | PTE_HI_GUEST_KERNEL : high;

function refuseMmio(machine: Machine, low: number, high: number, pgOwner: number): number {
  if ((high & PTE_HI_FRAME) === PTE_HI_FRAME && low >>> 12 === 0xf_ffff) return -ERRNO.EINVAL;
  warn(
    machine,
    `d${pgOwner} non-privileged attempt to map MMIO space ${hex64((low >>> 12) | (high << 20), (high & PTE_HI_FRAME) >>> 12).replace(/^0+/, "")}`,
  );
  return -ERRNO.EPERM;
}

function couldNotPin(
  machine: Machine,
  low: number,
  high: number,
  mfn: number,
  ptOwner: number,
  pgOwner: number,
): number {
  const pfn = machine.frames.m2p.get(mfn);
  warn(
    machine,
    `Error getting mfn ${hexMfn(mfn)} (pfn ${pfn === undefined ? "ffffffffffffffff" : hexMfn(pfn)}) from L1 entry ${hex64(low, high)} for l1e_owner d${ptOwner}, pg_owner d${pgOwner}`,
  );
  return -ERRNO.EBUSY;
}
