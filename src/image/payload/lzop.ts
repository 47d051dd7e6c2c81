/**
 * lzop files (the head of lzop's own source, and lib/decompress_unlzo.c in Linux): a header, then blocks of LZO1X data
 * (Documentation/staging/lzo.rst), each with its two sizes and its checksums, and a size of 0 at the end.
 */
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { crc32 } from "./crc32.ts";
import { Growing } from "./growing.ts";

const MAGIC_BYTES = 9;
/** The oldest header with all its fields; lzop has written no other since 1997. */
const OLDEST = 0x0940;
const F_ADLER32_D = 0x1;
const F_ADLER32_C = 0x2;
const F_H_EXTRA_FIELD = 0x40;
const F_CRC32_D = 0x100;
const F_CRC32_C = 0x200;
const F_MULTIPART = 0x400;
const F_H_FILTER = 0x800;
const F_H_CRC32 = 0x1000;
/** lzop's own most. */
const BLOCK_MAX = 64 * 1024 * 1024;

const damaged = (why: string) => fault(`the LZO data is damaged: ${why}`);

/** Unpacks `packed` (which starts with the magic bytes) to exactly `size` bytes. */
export function unlzop(packed: Uint8Array, size: number): Parsed<Uint8Array> {
  // 255 bytes of length cost one byte of input: nothing unpacks to more.
  if (size > packed.length * 255)
    return fault(`the LZO data claims to unpack from ${packed.length} to ${size} bytes, which LZO cannot`);
  const header = readHeader(packed);
  if (!header.ok) return header;
  const { flags, end } = header.value;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const growing = new Growing(packed.length, size);
  let from = end;
  let to = 0;
  for (;;) {
    const at = from;
    const where = `the block at ${hex(at)}`;
    if (packed.length - at < 4) return damaged("it ends between two blocks: it is truncated");
    const length = view.getUint32(at);
    from += 4;
    if (length === 0) break;
    if (packed.length - at < 8) return damaged("it ends in a block's sizes: it is truncated");
    const packedLength = view.getUint32(at + 4);
    from += 4;
    if (length > BLOCK_MAX || packedLength > length || packedLength === 0)
      return damaged(`${where} claims to unpack from ${packedLength} to ${length} bytes`);
    if (length > size - to)
      return fault(`the LZO data unpacks to more than the ${size} bytes that its last word says`);

    const isPacked = packedLength < length;
    const sums = [
      [F_ADLER32_D, adler32, false],
      [F_CRC32_D, crc32, false],
      [isPacked ? F_ADLER32_C : 0, adler32, true],
      [isPacked ? F_CRC32_C : 0, crc32, true],
    ] as const;
    const sumsAt = from;
    for (const [flag] of sums) if (flags & flag) from += 4;
    if (packedLength > packed.length - from) return damaged(`${where} is cut off: it is truncated`);
    const source = packed.subarray(from, from + packedLength);
    const out = growing.reserve(to + length);
    if (!isPacked) out.set(source, to);
    else if (decodeLzo1x(source, out, to, to + length) !== to + length)
      return damaged(`${where} cannot be decoded`);
    let sumAt = sumsAt;
    for (const [flag, sum, ofPacked] of sums) {
      if ((flags & flag) === 0) continue;
      if (sum(ofPacked ? source : out.subarray(to, to + length)) !== view.getUint32(sumAt))
        return damaged(`${where} has a wrong checksum`);
      sumAt += 4;
    }
    from += packedLength;
    to += length;
  }
  if (from !== packed.length) return damaged("more data follows its end");
  if (to !== size) return fault(`the LZO data unpacks to ${to} bytes, its last word says ${size}`);
  return parsed(growing.bytes);
}

/** What matters of the header: the checksums' flags, and where the first block starts. */
function readHeader(packed: Uint8Array): Parsed<{ readonly flags: number; readonly end: number }> {
  const cut = damaged("it ends in its header: it is truncated");
  if (packed.length < MAGIC_BYTES + 29) return cut;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const version = view.getUint16(MAGIC_BYTES);
  if (version < OLDEST)
    return fault(`the LZO data is of lzop's old format ${hex(version)}; only from ${hex(OLDEST)} on`);
  const method = view.getUint8(MAGIC_BYTES + 6); // behind two more versions
  if (method < 1 || method > 3)
    return fault(`the LZO data uses the method ${method}; LZO1X (1, 2 and 3) is known`);
  const flags = view.getUint32(MAGIC_BYTES + 8); // behind the level
  if (flags & (F_MULTIPART | F_H_FILTER | F_H_EXTRA_FIELD))
    return fault(`the LZO data has the flags ${hex(flags)}: parts, filters and extra fields are not known`);
  const nameAt = MAGIC_BYTES + 24; // behind mode and two words of time
  const end = nameAt + 1 + view.getUint8(nameAt);
  if (end + 4 > packed.length) return cut;
  const header = packed.subarray(MAGIC_BYTES, end);
  if ((flags & F_H_CRC32 ? crc32(header) : adler32(header)) !== view.getUint32(end))
    return damaged("its header's checksum is wrong");
  return parsed({ flags, end: end + 4 });
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let i = 0; i < bytes.length; ) {
    // The most bytes after which b is still below 2^32 (RFC 1950's NMAX).
    for (const end = Math.min(i + 5552, bytes.length); i < end; i++) {
      a += bytes[i] as number;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** One block, all of `src`, to dst[d0..dEnd); answers where it ended, -1 when it is not LZO1X or does not fit. */
export function decodeLzo1x(src: Uint8Array, dst: Uint8Array, d0: number, dEnd: number): number {
  let s = 0;
  let d = d0;
  /** Literals that the last instruction copied; 4 stands for more than three. */
  let state = 0;

  const first = src[0] as number;
  if (first > 17) {
    const count = first - 17;
    if (count > src.length - 1 || count > dEnd - d) return -1;
    for (s = 1; s <= count; ) dst[d++] = src[s++] as number;
    state = Math.min(count, 4);
  }
  for (;;) {
    if (s >= src.length) return -1;
    const code = src[s++] as number;
    let length: number;
    let distance: number;
    let literals: number;

    if (code < 16 && state === 0) {
      length = code + 3;
      if (code === 0) {
        length = 18;
        while (src[s] === 0) {
          length += 255;
          s++;
        }
        if (s >= src.length) return -1;
        length += src[s++] as number;
      }
      if (length > src.length - s || length > dEnd - d) return -1;
      dst.set(src.subarray(s, s + length), d);
      s += length;
      d += length;
      state = 4;
      continue;
    }
    if (code < 16 || code >= 64) {
      if (s >= src.length) return -1;
      const byte = src[s++] as number;
      literals = code & 3;
      if (code >= 64) {
        length = (code >>> 5) + 1;
        distance = 1 + ((code >>> 2) & 7) + (byte << 3);
      } else {
        length = state === 4 ? 3 : 2;
        distance = (state === 4 ? 0x801 : 1) + (code >>> 2) + (byte << 2);
      }
    } else {
      const bits = code >= 32 ? 31 : 7;
      length = (code & bits) + 2;
      if (length === 2) {
        length = bits + 2;
        while (src[s] === 0) {
          length += 255;
          s++;
        }
        if (s >= src.length) return -1;
        length += src[s++] as number;
      }
      if (src.length - s < 2) return -1;
      const word = (src[s] as number) | ((src[s + 1] as number) << 8);
      s += 2;
      literals = word & 3;
      distance = (word >>> 2) + 1;
      if (code < 32) {
        distance += ((code & 8) << 11) + 0x3fff;
        if (distance === 0x4000) return length === 3 && s === src.length ? d : -1; // the end
      }
    }

    if (distance > d - d0 || length > dEnd - d || literals > dEnd - d - length || literals > src.length - s)
      return -1;
    if (length > 64 && distance >= length) {
      dst.copyWithin(d, d - distance, d - distance + length);
      d += length;
    } else {
      for (const end = d + length; d < end; d++) dst[d] = dst[d - distance] as number;
    }
    for (const end = d + literals; d < end; ) dst[d++] = src[s++] as number;
    state = literals;
  }
}
