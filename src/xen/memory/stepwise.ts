/**
 * Big trees of page tables are checked and taken apart in steps, so that nobody waits long for them. A step leaves typed
 * references behind, which make what follows quick:
 *
 *   prepare   references, kept in `prepared`, on tables below one that is to be validated, lowest first
 *   settle    it has been validated, or refused: they are given back
 *   drain     gives references in `releasing` back, top first: a table's children are held before it is emptied, so that
 *             no more than one table falls at a time
 *
 * A hypercall that is not done goes on when the guest executes it again. Until then the tables stay what they are becoming.
 */
import { FIRST_XEN_SLOT, LAST_XEN_SLOT, PTE_P } from "../../abi/mmu.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import {
  COUNT,
  type PageType,
  PGF_VALIDATED,
  PGT_l1,
  PGT_l4,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "./frame-table.ts";
import { frameOf } from "./l1-entry.ts";
import { getFrameAndType, putFrameAndType, TABLE_DISALLOW } from "./page-types.ts";

/** Entries looked at in one step: about 1 ms of the host's time. */
const ENTRIES_A_STEP = 16 * 512;
/** Giving back a reference that is not the last counts as so many. */
const PUT_COST = 4;

/** False: more is to be done. `level` is what `mfn`, a frame of the domain, is going to be used as. */
export function prepare(machine: Machine, domain: Domain, mfn: number, level: number): boolean {
  const { frames } = machine;
  if (level <= PGT_l1 || frames.owner(mfn) !== domain.domid) return true;
  if (frames.info[(mfn << 2) + TYPE_COUNT] !== 0) return true;
  return below(machine, domain, mfn, level, frames.walked + ENTRIES_A_STEP) !== "later";
}

/** "refused": something is wrong there, the validation itself will say what. */
function below(
  machine: Machine,
  domain: Domain,
  table: number,
  level: number,
  enough: number,
): "ready" | "later" | "refused" {
  const { frames, engine } = machine;
  const { u32 } = engine.mem;
  const base = engine.mem.readAddress(table) >> 2;
  frames.walked += 512;
  for (let slot = 0; slot < 512; slot++) {
    if (level === PGT_l4 && slot === FIRST_XEN_SLOT) slot = LAST_XEN_SLOT + 1;
    const low = u32[base + slot * 2] as number;
    if ((low & PTE_P) === 0) continue;
    const child = frameOf(low, u32[base + slot * 2 + 1] as number);
    if (low & TABLE_DISALLOW || frames.owner(child) !== domain.domid) return "refused";
    if (child === table || frames.info[(child << 2) + TYPE_COUNT] !== 0) continue;
    if (level - 1 > PGT_l1) {
      const found = below(machine, domain, child, level - 1, enough);
      if (found !== "ready") return found;
    }
    if (frames.walked >= enough) return "later";
    if (getFrameAndType(machine, child, domain.domid, (level - 1) as PageType) !== 0) return "refused";
    domain.memory.prepared.push(child);
  }
  return "ready";
}

/** What was prepared has served. */
export function settle({ memory }: Domain): void {
  for (const mfn of memory.prepared) memory.releasing.push(mfn);
  memory.prepared.length = 0;
}

/** Takes over a general and a type reference, to be given back by {@link drain}. */
export const releaseLater = ({ memory }: Domain, mfn: number): void => void memory.releasing.push(mfn);

/** False: more is to be done. */
export function drain(machine: Machine, { memory }: Domain): boolean {
  const { frames } = machine;
  const enough = frames.walked + ENTRIES_A_STEP;
  for (;;) {
    if (memory.releasing.length === 0) return true;
    if (frames.walked >= enough) return false;
    const mfn = memory.releasing.pop() as number;
    holdChildren(machine, memory.releasing, mfn);
    putFrameAndType(machine, mfn);
    frames.walked += PUT_COST;
  }
}

/** If the next reference given back is `mfn`'s last: references on the tables that it holds. */
function holdChildren(machine: Machine, held: number[], mfn: number): void {
  const { frames, engine } = machine;
  const { info } = frames;
  const meta = info[mfn << 2] as number;
  const type = (meta & TYPE_MASK) >> TYPE_SHIFT;
  if (info[(mfn << 2) + TYPE_COUNT] !== 1 || (meta & PGF_VALIDATED) === 0) return;
  if (type <= PGT_l1 || type > PGT_l4) return;
  const base = engine.mem.readAddress(mfn) >> 2;
  for (let slot = 0; slot < 512; slot++) {
    if (type === PGT_l4 && slot === FIRST_XEN_SLOT) slot = LAST_XEN_SLOT + 1;
    const low = engine.mem.u32[base + slot * 2] as number;
    if ((low & PTE_P) === 0) continue;
    const child = frameOf(low, engine.mem.u32[base + slot * 2 + 1] as number);
    if (child === mfn) continue;
    info[(child << 2) + COUNT] = (info[(child << 2) + COUNT] as number) + 1;
    info[(child << 2) + TYPE_COUNT] = (info[(child << 2) + TYPE_COUNT] as number) + 1;
    held.push(child);
  }
}

/** The domain dies, and its tables are empty already. */
export function dropAll(machine: Machine, domain: Domain): void {
  settle(domain);
  for (const mfn of domain.memory.releasing.splice(0)) putFrameAndType(machine, mfn);
}
