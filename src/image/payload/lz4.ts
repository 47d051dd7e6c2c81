/**
 * LZ4 "legacy" frames (lz4's doc/lz4_Frame_format.md, "Legacy frame"), the kind that a Linux bzImage carries: a magic
 * number, then blocks, each a 32-bit size and its compressed bytes. Blocks are independent and unpack to 8 MiB at most.
 */
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { Growing } from "./growing.ts";
import { finish, type Steps } from "./steps.ts";

const LZ4_LEGACY_MAGIC = 0x184c2102;
const BLOCK_MAX = 8 * 1024 * 1024;

/** Unpacks `packed` (which starts with the magic number) to exactly `size` bytes. */
export const unlz4Legacy = (packed: Uint8Array, size: number): Parsed<Uint8Array> =>
  finish(unlz4LegacySteps(packed, size));

/** The same, a block a step. */
export function* unlz4LegacySteps(packed: Uint8Array, size: number): Steps<Parsed<Uint8Array>> {
  // 255 bytes of match length cost one byte of input: nothing unpacks to more.
  if (size > packed.length * 255)
    return fault(`the LZ4 data claims to unpack from ${packed.length} to ${size} bytes, which LZ4 cannot`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const out = new Growing(packed.length, size);
  let from = 0;
  let to = 0;
  while (from + 4 <= packed.length) {
    const word = view.getUint32(from, true);
    from += 4;
    if (word === LZ4_LEGACY_MAGIC) continue; // frames may follow one another
    if (word === 0 || word > packed.length - from)
      return fault(
        `the LZ4 block at ${hex(from - 4)} claims ${word} bytes of the ${packed.length - from} left: the data is damaged or truncated`,
      );
    const most = Math.min(size, to + BLOCK_MAX);
    const end = decodeBlock(packed, from, from + word, out.reserve(most), to, most);
    if (end < 0) return fault(`the LZ4 block at ${hex(from - 4)} is damaged`);
    from += word;
    to = end;
    yield;
  }
  if (from !== packed.length)
    return fault(`the LZ4 data ends in the middle of a block size: it is truncated`);
  if (to !== size) return fault(`the LZ4 data unpacks to ${to} bytes, its last word says ${size}`);
  return parsed(out.bytes);
}

/** One block from src[s..sEnd) to dst[d..dEnd); answers where in dst it ended, or -1 when it is not LZ4. */
function decodeBlock(
  src: Uint8Array,
  s0: number,
  sEnd: number,
  dst: Uint8Array,
  d0: number,
  dEnd: number,
): number {
  let s = s0;
  let d = d0;
  for (;;) {
    if (s >= sEnd) return -1;
    const token = src[s++] as number;

    let literals = token >>> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (s >= sEnd) return -1;
        more = src[s++] as number;
        literals += more;
      }
    }
    if (literals > sEnd - s || literals > dEnd - d) return -1;
    if (literals > 32) {
      dst.set(src.subarray(s, s + literals), d);
      s += literals;
      d += literals;
    } else {
      for (const end = d + literals; d < end; ) dst[d++] = src[s++] as number;
    }
    if (s === sEnd) return d; // the last sequence has literals only

    if (sEnd - s < 2) return -1;
    const distance = (src[s] as number) | ((src[s + 1] as number) << 8);
    s += 2;
    if (distance === 0 || distance > d - d0) return -1;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more = 255;
      while (more === 255) {
        if (s >= sEnd) return -1;
        more = src[s++] as number;
        length += more;
      }
    }
    if (length > dEnd - d) return -1;
    let m = d - distance;
    if (distance === 1) {
      dst.fill(dst[m] as number, d, d + length);
      d += length;
    } else if (length > 64 && distance >= length) {
      dst.copyWithin(d, m, m + length);
      d += length;
    } else {
      for (const end = d + length; d < end; ) dst[d++] = dst[m++] as number;
    }
  }
}
