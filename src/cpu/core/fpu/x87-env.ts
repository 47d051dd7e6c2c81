// FLDENV, FNSTENV, FRSTOR, FNSAVE. SDM vol. 1, 8.1.10 (figures 8-9, 8-11).
//
//   32-bit form (28 bytes): FCW FSW FTW, each with ones above; FIP; FCS and FOP; FDP; FDS with ones above
//   16-bit form, prefix 66 (14 bytes): FCW FSW FTW FIP FCS FDP FDS
//
// FNSAVE adds ST0..ST7, 10 bytes each. Selectors are stored as 0, as current processors do.

import { addrR, addrW, doneW } from "../mmu";
import { FP_KIND } from "../record";
import { FCW, FDP, FIP, FOP, FSW, fninit, REGS, TAGS } from "./state";
import { classOf, NORMAL, renewSummary, ZERO } from "./x87-stack";

/** FP_KIND: a prefix 66 was seen. */
const HAS_66: u32 = 2;

// @ts-ignore: decorator
@inline function isShort(rec: usize): bool {
  return (load<u8>(rec, FP_KIND) & HAS_66) != 0;
}

/** The tag word: two bits per physical register. */
function tagWord(): u32 {
  const full: u32 = load<u8>(TAGS);
  let w: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    let t: u32 = 3;
    if ((full >> i) & 1) {
      const p = REGS + (i << 4);
      const c = classOf(load<u16>(p, 8), load<u64>(p));
      t = c == NORMAL ? 0 : c == ZERO ? 1 : 2;
    }
    w |= t << (i << 1);
  }
  return w;
}

function writeEnv(p: usize, short: bool): void {
  if (short) {
    store<u16>(p, load<u16>(FCW));
    store<u16>(p, load<u16>(FSW), 2);
    store<u16>(p, tagWord(), 4);
    store<u16>(p, load<u16>(FIP), 6);
    store<u16>(p, 0, 8);
    store<u16>(p, load<u16>(FDP), 10);
    store<u16>(p, 0, 12);
    return;
  }
  store<u32>(p, 0xffff0000 | load<u16>(FCW));
  store<u32>(p, 0xffff0000 | load<u16>(FSW), 4);
  store<u32>(p, 0xffff0000 | tagWord(), 8);
  store<u32>(p, load<u32>(FIP), 12);
  store<u32>(p, <u32>load<u16>(FOP) << 16, 16);
  store<u32>(p, load<u32>(FDP), 20);
  store<u32>(p, 0xffff0000, 24);
}

function readEnv(p: usize, short: bool): void {
  const step: usize = short ? 2 : 4;
  store<u16>(FCW, (load<u16>(p) & 0x1f3f) | 0x40);
  store<u16>(FSW, load<u16>(p + step));
  const w: u32 = load<u16>(p + 2 * step);
  let full: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) if (((w >> (i << 1)) & 3) != 3) full |= 1 << i;
  store<u8>(TAGS, full);
  if (short) {
    store<u64>(FIP, load<u16>(p, 6));
    store<u64>(FDP, load<u16>(p, 10));
    store<u16>(FOP, 0);
  } else {
    store<u64>(FIP, load<u32>(p, 12));
    store<u64>(FDP, load<u32>(p, 20));
    store<u16>(FOP, load<u16>(p, 18) & 0x7ff);
  }
  renewSummary();
}

export function fnstenv(rec: usize, va: u64): i32 {
  const short = isShort(rec);
  const p = addrW(va, short ? 14 : 28);
  if (!p) return 0;
  writeEnv(p, short);
  doneW();
  // all exceptions are masked from now on
  store<u16>(FCW, load<u16>(FCW) | 0x3f);
  renewSummary();
  return 1;
}

export function fldenv(rec: usize, va: u64): i32 {
  const short = isShort(rec);
  const p = addrR(va, short ? 14 : 28);
  if (!p) return 0;
  readEnv(p, short);
  return 1;
}

export function fnsave(rec: usize, va: u64): i32 {
  const short = isShort(rec);
  const head: u32 = short ? 14 : 28;
  const p = addrW(va, head + 80);
  if (!p) return 0;
  writeEnv(p, short);
  const top: u32 = load<u16>(FSW) >> 11;
  for (let i: u32 = 0; i < 8; i++) memory.copy(p + head + i * 10, REGS + (((top + i) & 7) << 4), 10);
  doneW();
  fninit();
  return 1;
}

export function frstor(rec: usize, va: u64): i32 {
  const short = isShort(rec);
  const head: u32 = short ? 14 : 28;
  const p = addrR(va, head + 80);
  if (!p) return 0;
  readEnv(p, short);
  const top: u32 = load<u16>(FSW) >> 11;
  for (let i: u32 = 0; i < 8; i++) memory.copy(REGS + (((top + i) & 7) << 4), p + head + i * 10, 10);
  return 1;
}
