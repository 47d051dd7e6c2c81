/**
 * xz's x86 filter: the encoder made the targets of CALL (e8) and JMP (e9) absolute, so that calls of one function look
 * alike; here they become relative again. After bcj_x86() of XZ Embedded (lib/xz/xz_dec_bcj.c).
 */

import { finish, type Steps } from "./steps.ts";

/** How many of the last opcodes' bytes a mask still reaches, and whether a target may start there. */
const REACH = [0, 1, 2, 2, 3, 3, 3, 3];
const ALLOWED = [true, true, true, false, true, false, false, false];
/** Bytes that are looked at in a step. */
const STEP = 2 * 1024 * 1024;
const isSign = (byte: number): boolean => byte === 0 || byte === 0xff;

/** Undoes the filter in place. `start` is the address that the encoder gave the first byte. */
export const unfilterX86 = (bytes: Uint8Array, start: number): void => finish(unfilterX86Steps(bytes, start));

/** The same in steps. */
export function* unfilterX86Steps(bytes: Uint8Array, start: number): Steps<void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = -1;
  let mask = 0;
  let next = STEP;
  for (let i = 0; i < bytes.length - 4; i++) {
    if (((bytes[i] as number) & 0xfe) !== 0xe8) continue;
    if (i >= next) {
      next = i + STEP;
      yield;
    }
    const gap = i - last;
    last = i;
    if (gap > 3) mask = 0;
    else {
      mask = (mask << (gap - 1)) & 7;
      if (mask !== 0) {
        const byte = bytes[i + 4 - (REACH[mask] as number)] as number;
        if (!ALLOWED[mask] || isSign(byte)) {
          mask = (mask << 1) | 1;
          continue;
        }
      }
    }
    if (!isSign(bytes[i + 4] as number)) {
      mask = (mask << 1) | 1;
      continue;
    }
    const here = (start + i + 5) | 0;
    let target = (view.getInt32(i + 1, true) - here) | 0;
    if (mask !== 0) {
      const shift = (REACH[mask] as number) * 8;
      if (isSign((target >>> (24 - shift)) & 0xff))
        target = ((target ^ ((2 ** (32 - shift) - 1) | 0)) - here) | 0;
    }
    view.setInt32(i + 1, (target << 7) >> 7, true); // 25 bits with their sign
    i += 4;
  }
}
