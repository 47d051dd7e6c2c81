// Moves between XMM registers, memory, general and MMX registers. SDM vol. 1, 10.4.1, 11.4.1. None looks at MXCSR.

import { addrW, doneW, effectiveAddress } from "../mmu";
import { FP_PP, FP_REG, FP_REXW, FP_RM } from "../record";
import { dest, rmXmm, SD, setGpr, source, source16, sourceGpr, store4, store8 } from "./operands";
import { enterMmx, gp0, isMem, mm, mmxReady, setMm, sseReady } from "./state";

/** MOVAPS, MOVAPD, MOVDQA xmm, m128. */
export function loadAligned(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  v128.store(dest(rec), v128.load(p));
  return 1;
}

/** MOVUPS, MOVUPD, MOVDQU xmm, m128. */
export function loadUnaligned(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 16);
  if (!p) return 0;
  v128.store(dest(rec), v128.load(p));
  return 1;
}

/** Any of them between registers. */
export function copyTo(rec: usize): i32 {
  if (!sseReady()) return 0;
  v128.store(dest(rec), v128.load(rmXmm(rec)));
  return 1;
}

export function copyFrom(rec: usize): i32 {
  if (!sseReady()) return 0;
  v128.store(rmXmm(rec), v128.load(dest(rec)));
  return 1;
}

/** MOVAPS m128, xmm and kin; MOVNTPS, MOVNTPD, MOVNTDQ. */
export function storeAligned(rec: usize): i32 {
  if (!sseReady()) return 0;
  const va = effectiveAddress(rec);
  if (va & 15) return gp0();
  const p = addrW(va, 16);
  if (!p) return 0;
  v128.store(p, v128.load(dest(rec)));
  doneW();
  return 1;
}

export function storeUnaligned(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = addrW(effectiveAddress(rec), 16);
  if (!p) return 0;
  v128.store(p, v128.load(dest(rec)));
  doneW();
  return 1;
}

/** MOVSS xmm, xmm/m32: memory clears the rest. */
export function movssLoad(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 4);
  if (!p) return 0;
  if (isMem(rec)) v128.store(dest(rec), v128.load32_zero(p));
  else store<u32>(dest(rec), load<u32>(p));
  return 1;
}

/** MOVSD xmm, xmm/m64. */
export function movsdLoad(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 8);
  if (!p) return 0;
  if (isMem(rec)) v128.store(dest(rec), v128.load64_zero(p));
  else store<u64>(dest(rec), load<u64>(p));
  return 1;
}

export function movssStore(rec: usize): i32 {
  if (!sseReady()) return 0;
  const v = load<u32>(dest(rec));
  if (isMem(rec)) return store4(rec, v);
  store<u32>(rmXmm(rec), v);
  return 1;
}

/** MOVSD xmm/m64, xmm; MOVLPS, MOVLPD m64, xmm. */
export function movsdStore(rec: usize): i32 {
  if (!sseReady()) return 0;
  const v = load<u64>(dest(rec));
  if (isMem(rec)) return store8(rec, v);
  store<u64>(rmXmm(rec), v);
  return 1;
}

/** MOVLPS, MOVLPD xmm, m64; MOVHLPS between registers. */
export function movlpLoad(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = isMem(rec) ? source(rec, 8) : rmXmm(rec) + 8;
  if (!p) return 0;
  store<u64>(dest(rec), load<u64>(p));
  return 1;
}

/** MOVHPS, MOVHPD xmm, m64; MOVLHPS between registers. */
export function movhpLoad(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 8);
  if (!p) return 0;
  store<u64>(dest(rec), load<u64>(p), 8);
  return 1;
}

export function movhpStore(rec: usize): i32 {
  if (!sseReady()) return 0;
  return store8(rec, load<u64>(dest(rec), 8));
}

/** MOVQ xmm, xmm/m64. */
export function movqLoad(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 8);
  if (!p) return 0;
  v128.store(dest(rec), v128.load64_zero(p));
  return 1;
}

/** MOVQ xmm/m64, xmm. */
export function movqStore(rec: usize): i32 {
  if (!sseReady()) return 0;
  if (isMem(rec)) return store8(rec, load<u64>(dest(rec)));
  v128.store(rmXmm(rec), v128.load64_zero(dest(rec)));
  return 1;
}

/** MOVD, MOVQ xmm, r/m. */
export function movdLoad(rec: usize): i32 {
  if (!sseReady()) return 0;
  const wide = load<u8>(rec, FP_REXW) != 0;
  const p = sourceGpr(rec, wide ? 8 : 4);
  if (!p) return 0;
  v128.store(dest(rec), wide ? v128.load64_zero(p) : v128.load32_zero(p));
  return 1;
}

/** MOVD, MOVQ r/m, xmm. */
export function movdStore(rec: usize): i32 {
  if (!sseReady()) return 0;
  if (load<u8>(rec, FP_REXW)) {
    if (isMem(rec)) return store8(rec, load<u64>(dest(rec)));
    setGpr(load<u8>(rec, FP_RM), load<u64>(dest(rec)));
  } else {
    if (isMem(rec)) return store4(rec, load<u32>(dest(rec)));
    setGpr(load<u8>(rec, FP_RM), load<u32>(dest(rec)));
  }
  return 1;
}

/** MOVQ2DQ (F3), MOVDQ2Q (F2). */
export function movBetween(rec: usize): i32 {
  if (!mmxReady()) return 0;
  if (load<u8>(rec, FP_PP) == SD) {
    setMm(load<u8>(rec, FP_REG), load<u64>(rmXmm(rec)));
  } else {
    v128.store(dest(rec), v128.load64_zero(mm(load<u8>(rec, FP_RM))));
    enterMmx();
  }
  return 1;
}
