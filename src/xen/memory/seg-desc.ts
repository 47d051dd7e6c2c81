/**
 * Descriptors in a guest's GDT or LDT: which ones Xen lets stand (`check_descriptor`), and how it mends them.
 */
import { MAX_GDT_ENTRIES } from "../../abi/mmu.ts";
import type { MachineMemory } from "../../cpu/types.ts";

const P = 1 << 15;
const S = 1 << 12;
const DPL = 3 << 13;
const TYPE = 0xf00;
const CALL_GATE = 0xc00;

/**
 * The descriptor as Xen stores it; undefined: refused. A 64-bit guest's kernel runs in ring 3, so every DPL becomes 3; of
 * the system descriptors only call gates are kept, with DPL 0, so that using one faults, and the old DPL in the selector.
 */
export function checkDescriptor(low: number, high: number): { low: number; high: number } | undefined {
  if ((high & P) === 0) return { low, high };
  high |= DPL;
  if (high & S) return { low, high: high >>> 0 };
  if ((high & TYPE) === 0) return { low, high: high >>> 0 };
  if ((high & TYPE) !== CALL_GATE) return undefined;
  const selector = low >>> 16;
  if (!gateSelectorOkay(selector)) return undefined;
  high &= ~DPL;
  if (high & 0xff) return undefined;
  return { low: ((low & 0xffff) | ((selector | 3) << 16)) >>> 0, high: high >>> 0 };
}

/** Xen's own segments are no gate's target, but for its flat code segment (`guest_gate_selector_okay`). */
const FLAT_RING3_CS64 = 0xe033;
const gateSelectorOkay = (selector: number): boolean =>
  selector >>> 3 < MAX_GDT_ENTRIES || selector === FLAT_RING3_CS64 || (selector & 4) !== 0;

/** Checks and mends a whole page of descriptors at byte address `at`. False: one of them is not allowed. */
export function validateDescriptors(mem: MachineMemory, at: number): boolean {
  const { u32 } = mem;
  for (let word = at >> 2, end = word + 1024; word < end; word += 2) {
    const low = u32[word] as number;
    const high = u32[word + 1] as number;
    if ((high & P) === 0) continue;
    const fixed = checkDescriptor(low, high);
    if (fixed === undefined) return false;
    if (fixed.low !== low) u32[word] = fixed.low;
    if (fixed.high !== high) u32[word + 1] = fixed.high;
  }
  return true;
}
