// MASKMOVQ, MASKMOVDQU: the bytes of `v` whose mask byte has its top bit set go to DS:RDI.

import { CPU, RDI } from "../../layout";
import { addrW, doneW } from "../mmu";

/** Pages that hold no chosen byte are not touched. False: fault. */
export function maskedStore(rec: usize, v: v128, mask: v128): bool {
  const chosen: u32 = i8x16.bitmask(mask);
  if (!chosen) return true;
  const first: u32 = ctz(chosen);
  const size = 32 - clz(chosen) - first;
  const p = addrW(load<u64>(CPU + RDI) + first, size);
  if (!p) return false;
  const at = p - first;
  store8(at, v, chosen);
  doneW();
  return true;
}

/** Scratch, only within one call. */
const BYTES: usize = memory.data(16, 16);

function store8(at: usize, v: v128, chosen: u32): void {
  v128.store(BYTES, v);
  for (let i: u32 = 0; i < 16; i++) if ((chosen >> i) & 1) store<u8>(at + i, load<u8>(BYTES + i));
}
