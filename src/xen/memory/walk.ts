/** Walks a validated tree of tables without touching A and D: for Xen's own questions about a guest's address space. */
import { HYPERVISOR_VIRT_START, PTE_P } from "../../abi/mmu.ts";
import type { Machine } from "../machine.ts";
import { frameOf } from "./l1-entry.ts";

const XEN_HIGH = Number(HYPERVISOR_VIRT_START >> 32n);

/** `__addr_ok`: canonical, and not in Xen's range. */
export const isGuestAddress = (high: number): boolean => high < 0x8000 || high >= XEN_HIGH + 0x800;

/** Machine frame of the L1 table that maps the address; 0: there is none (or it is no guest's address). */
export function walkToL1(machine: Machine, l4: number, low: number, high: number): number {
  if (l4 === 0 || !isGuestAddress(high)) return 0;
  const l3 = next(machine, l4, (high >>> 7) & 511);
  if (l3 === 0) return 0;
  const l2 = next(machine, l3, ((high << 2) | (low >>> 30)) & 511);
  if (l2 === 0) return 0;
  return next(machine, l2, (low >>> 21) & 511);
}

function next(machine: Machine, table: number, slot: number): number {
  const { mem } = machine.engine;
  const word = (mem.readAddress(table) >> 2) + slot * 2;
  const low = mem.u32[word] as number;
  return low & PTE_P ? frameOf(low, mem.u32[word + 1] as number) : 0;
}
