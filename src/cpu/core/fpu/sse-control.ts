// Group 15 (0F AE) and MOVNTI: FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, CLFLUSH, fences.

import { addrR, effectiveAddress } from "../mmu";
import { FP_MODRM, FP_REG, FP_REXW } from "../record";
import { fxrstor, fxsave } from "./fxsave";
import { gpr, store4, store8 } from "./operands";
import { gp0, isMem, MX, MXCSR_MASK, sseReady, ud } from "./state";

export function movnti(rec: usize): i32 {
  const v = load<u64>(gpr(load<u8>(rec, FP_REG)));
  return load<u8>(rec, FP_REXW) ? store8(rec, v) : store4(rec, <u32>v);
}

export function groupFifteen(rec: usize): i32 {
  if (!isMem(rec)) return 1; // LFENCE, MFENCE, SFENCE
  const va = effectiveAddress(rec);
  switch ((load<u8>(rec, FP_MODRM) >> 3) & 7) {
    case 0: return fxsave(rec, va);
    case 1: return fxrstor(rec, va);
    case 2: return ldmxcsr(va);
    case 3: return sseReady() ? store4(rec, load<u32>(MX)) : 0;
    case 7: return i32(addrR(va, 1) != 0); // CLFLUSH
    default: return ud();
  }
}

function ldmxcsr(va: u64): i32 {
  if (!sseReady()) return 0;
  const p = addrR(va, 4);
  if (!p) return 0;
  const v = load<u32>(p);
  if (v & ~MXCSR_MASK) return gp0();
  store<u32>(MX, v);
  return 1;
}
