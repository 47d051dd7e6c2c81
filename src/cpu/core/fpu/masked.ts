// MASKMOVQ, MASKMOVDQU: the bytes of `v` whose mask byte has its top bit set go to DS:RDI.

import { CPU, RDI } from "../../layout";
import { addrW, doneW, effectiveAddress } from "../mmu";
import { R_BASE } from "../record";

/** Pages that hold no chosen byte are not touched. False: fault. */
function maskedStore(rec: usize, v: v128, mask: v128): bool {
  const chosen: u32 = i8x16.bitmask(mask);
  if (!chosen) return true;
  const first: u32 = ctz(chosen);
  const size = 32 - clz(chosen) - first;
  // the decoder may have made an address of RDI, a segment and the address size
  const va = load<u16>(rec, R_BASE) ? effectiveAddress(rec) : load<u64>(CPU + RDI);
  const p = addrW(va + first, size);
  if (!p) return false;
  const at = p - first;
  storeBytes(at, v, chosen);
  doneW();
  return true;
}

/** Scratch, only within one call. */
const BYTES: usize = memory.data(16, 16);

function storeBytes(at: usize, v: v128, chosen: u32): void {
  v128.store(BYTES, v);
  for (let i: u32 = 0; i < 16; i++) if ((chosen >> i) & 1) store<u8>(at + i, load<u8>(BYTES + i));
}

export { maskedStore };
