// FXSAVE, FXRSTOR: the 512-byte image. SDM vol. 1, 10.5.1; vol. 2, FXSAVE table 3-45 ff.
//
//   0 FCW  2 FSW  4 abridged tags  6 FOP  8 FIP  16 FDP  24 MXCSR  28 MXCSR_MASK  32 ST0..ST7  160 XMM0..XMM15  416 -
//
// With REX.W the pointers have 64 bits; without, 32 bits and a selector, which current processors give as 0.

import { addrR, addrW, doneW } from "../mmu";
import { FP_REXW } from "../record";
import { FCW, FDP, FIP, FOP, FSW, gp0, MX, MXCSR_MASK, REGS, TAGS, XMM0, x87Ready } from "./state";

const IMAGE: u32 = 512;
/** What FXSAVE writes: the rest of the image belongs to software. */
const WRITTEN: u32 = 416;

export function fxsave(rec: usize, va: u64): i32 {
  if (!x87Ready(false)) return 0;
  if (va & 15) return gp0();
  const p = addrW(va, IMAGE);
  if (!p) return 0;
  writeImage(p, load<u8>(rec, FP_REXW) != 0);
  doneW();
  return 1;
}

export function fxrstor(rec: usize, va: u64): i32 {
  if (!x87Ready(false)) return 0;
  if (va & 15) return gp0();
  const p = addrR(va, IMAGE);
  if (!p) return 0;
  if (load<u32>(p, 24) & ~MXCSR_MASK) return gp0();
  readImage(p, load<u8>(rec, FP_REXW) != 0);
  return 1;
}

/** For the owner as well (vcpu_guest_context's fpu_ctxt): the loaded vCPU's image, 416 bytes of it. */
export function writeImage(p: usize, wide: bool): void {
  const fsw: u32 = load<u16>(FSW);
  store<u16>(p, load<u16>(FCW));
  store<u16>(p, fsw, 2);
  store<u16>(p, load<u8>(TAGS), 4);
  store<u16>(p, load<u16>(FOP), 6);
  store<u64>(p, wide ? load<u64>(FIP) : load<u32>(FIP), 8);
  store<u64>(p, wide ? load<u64>(FDP) : load<u32>(FDP), 16);
  store<u32>(p, load<u32>(MX), 24);
  store<u32>(p, MXCSR_MASK, 28);
  const top = (fsw >> 11) & 7;
  for (let i: u32 = 0; i < 8; i++) {
    const r = REGS + (((top + i) & 7) << 4);
    store<u64>(p + 32 + (i << 4), load<u64>(r));
    store<u64>(p + 40 + (i << 4), load<u16>(r, 8));
  }
  memory.copy(p + 160, XMM0, WRITTEN - 160);
}

/** The reverse; MXCSR has been checked. */
export function readImage(p: usize, wide: bool): void {
  const fcw: u32 = load<u16>(p);
  let fsw: u32 = load<u16>(p, 2);
  // ES and B follow from the flags and masks
  fsw = fsw & ~fcw & 0x3f ? fsw | 0x8080 : fsw & ~0x8080;
  store<u16>(FCW, (fcw & 0x1f3f) | 0x40);
  store<u16>(FSW, fsw);
  store<u8>(TAGS, load<u8>(p, 4));
  store<u16>(FOP, load<u16>(p, 6) & 0x7ff);
  store<u64>(FIP, wide ? load<u64>(p, 8) : load<u32>(p, 8));
  store<u64>(FDP, wide ? load<u64>(p, 16) : load<u32>(p, 16));
  store<u32>(MX, load<u32>(p, 24));
  const top = (fsw >> 11) & 7;
  for (let i: u32 = 0; i < 8; i++) {
    const r = REGS + (((top + i) & 7) << 4);
    store<u64>(r, load<u64>(p + 32 + (i << 4)));
    store<u16>(r, load<u16>(p + 40 + (i << 4)), 8);
  }
  memory.copy(XMM0, p + 160, WRITTEN - 160);
}
