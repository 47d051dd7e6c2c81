/**
 * Writable page tables: a guest's store to an L1 table that it has mapped read-only becomes a checked update of one entry.
 * Tables of higher levels must be changed by hypercall: there the guest gets its page fault.
 */
import { PTE_P } from "../../abi/mmu.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { PGT_l1, TYPE_COUNT, TYPE_MASK, TYPE_SHIFT } from "./frame-table.ts";
import { adjustL1High, adjustL1Low, getPageFromL1e, putPageFromL1e } from "./l1-entry.ts";
import { warn } from "./warn.ts";

/**
 * A store of `size` bytes of `value` at byte `offset` of frame `mfn`, which the page tables let him only read. `commit`:
 * the store as it is to happen, same size and place (Xen's bits are in it where it reaches them; the rest of the entry has
 * them already). "refused": it is none of his L1 tables, or the entry is not allowed; he gets his page fault.
 *
 * The references are exchanged here: the caller must carry the store out.
 */
export function emulatePtWrite(
  machine: Machine,
  vcpu: Vcpu,
  mfn: number,
  offset: number,
  size: number,
  value: bigint,
): { readonly commit: bigint } | "refused" {
  const { frames, engine } = machine;
  const { domid } = vcpu.domain;
  if (frames.owner(mfn) !== domid) return "refused";
  const page = mfn << 2;
  if (
    ((frames.info[page] as number) & TYPE_MASK) >> TYPE_SHIFT !== PGT_l1 ||
    frames.info[page + TYPE_COUNT] === 0
  )
    return "refused";
  if ((size !== 1 && size !== 2 && size !== 4 && size !== 8) || (offset & (size - 1)) !== 0) {
    warn(machine, `bad access (bytes=${size})`);
    return "refused";
  }
  const at = engine.mem.writeAddress(mfn);
  if (at === 0) return "refused";
  const entry = at + (offset & ~7);
  const { view } = engine.mem;
  const oldLow = view.getUint32(entry, true);
  const oldHigh = view.getUint32(entry + 4, true);
  const old = (BigInt(oldHigh) << 32n) | BigInt(oldLow);
  const shift = BigInt((offset & 7) * 8);
  const mask = (1n << BigInt(size * 8)) - 1n;
  const wanted = (old & ~(mask << shift)) | ((value & mask) << shift);
  let low = Number(wanted & 0xffff_ffffn);
  let high = Number(wanted >> 32n);
  if (low & PTE_P) {
    const failed = getPageFromL1e(machine, low, high, domid, domid);
    if (failed !== 0) {
      warn(machine, "could not get_page_from_l1e()");
      return "refused";
    }
    const newHigh = adjustL1High(low, high);
    low = adjustL1Low(low, high);
    high = newHigh;
  }
  putPageFromL1e(machine, oldLow, oldHigh);
  const adjusted = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  // What the store does not reach may have changed too (bit 52). What it reaches stays as it is for the instruction, which
  // may want to see it (xchg).
  const rest = (adjusted & ~(mask << shift)) | (old & (mask << shift));
  if (rest !== old) {
    view.setBigUint64(entry, rest, true);
    engine.mem.noteWrite(mfn, offset & ~7, 8);
  }
  return { commit: (adjusted >> shift) & mask };
}
