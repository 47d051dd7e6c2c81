/** A whole L1 table: 512 entries checked, mended and counted, or given back. The hypervisor's hottest loop. */
import { PTE_G, PTE_HI_GUEST_KERNEL, PTE_P, PTE_RW, PTE_US } from "../../abi/mmu.ts";
import type { Machine } from "../machine.ts";
import { chargeWork } from "../time/cost-table.ts";
import { COUNT, OWNER_MASK, PGT_writable, TYPE_COUNT, TYPE_MASK, TYPE_SHIFT } from "./frame-table.ts";
import { frameOf, getPageFromL1e, L1_DISALLOW, putPageFromL1e } from "./l1-entry.ts";
import { hex, warn } from "./warn.ts";

const WRITABLE = PGT_writable << TYPE_SHIFT;

/** Takes a reference for every present entry and adds Xen's bits. 0, or -errno with nothing taken. */
export function validateL1(machine: Machine, table: number): number {
  const { frames, engine } = machine;
  const { info, total } = frames;
  const { mem } = engine;
  const { u32 } = mem;
  const owner = (info[table << 2] as number) & OWNER_MASK;
  const first = mem.readAddress(table) >> 2;
  let changed = false;
  frames.walked += 512;
  let present = 0;
  for (let word = first, end = first + 1024; word < end; word += 2) {
    const low = u32[word] as number;
    if ((low & PTE_P) === 0) continue;
    present++;
    const high = u32[word + 1] as number;
    const mfn = frameOf(low, high);
    const page = mfn << 2;
    // The common case in place: his own frame, read-only or already writable.
    if (
      mfn < total &&
      (low & L1_DISALLOW) === 0 &&
      ((info[page] as number) & OWNER_MASK) === owner &&
      info[page + COUNT] !== 0 &&
      ((low & PTE_RW) === 0 ||
        (((info[page] as number) & TYPE_MASK) === WRITABLE && info[page + TYPE_COUNT] !== 0))
    ) {
      info[page + COUNT] = (info[page + COUNT] as number) + 1;
      if (low & PTE_RW) info[page + TYPE_COUNT] = (info[page + TYPE_COUNT] as number) + 1;
    } else {
      const failed = getPageFromL1e(machine, low, high, owner, owner);
      if (failed !== 0) {
        warn(machine, `Failure ${failed} in promote_l1_table: slot 0x${hex((word - first) >> 1)}`);
        putEntries(machine, first, word);
        return failed;
      }
    }
    if ((low & PTE_US) === 0) {
      u32[word] = low | PTE_US;
      u32[word + 1] = high | PTE_HI_GUEST_KERNEL;
      changed = true;
    } else if ((low & PTE_G) === 0 && (high & PTE_HI_GUEST_KERNEL) === 0) {
      u32[word] = low | PTE_G;
      changed = true;
    }
  }
  if (changed) mem.noteWrite(table, 0, 4096);
  chargeWork(machine, "entry", present);
  return 0;
}

/** Gives back what the entries hold. */
export function devalidateL1(machine: Machine, table: number): void {
  const first = machine.engine.mem.readAddress(table) >> 2;
  machine.frames.walked += 512;
  chargeWork(machine, "entry", putEntries(machine, first, first + 1024));
}

function putEntries(machine: Machine, from: number, end: number): number {
  const { u32 } = machine.engine.mem;
  let present = 0;
  for (let word = from; word < end; word += 2) {
    const low = u32[word] as number;
    if ((low & PTE_P) === 0) continue;
    present++;
    putPageFromL1e(machine, low, u32[word + 1] as number);
  }
  return present;
}
