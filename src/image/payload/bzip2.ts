/**
 * bzip2 files: Huffman codes, move-to-front, run lengths and the Burrows-Wheeler transform, in blocks of up to 900 kB.
 * After Julian Seward's bzip2 1.0 and Linux's lib/decompress_bunzip2.c. (What npm has is either no longer looked after,
 * or needs Node's Buffer, or does not bound what damaged data make it allocate.)
 */
import { fault, type Parsed, parsed } from "../fault.ts";
import { Growing } from "./growing.ts";

const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
const GROUP_SYMBOLS = 50;
const MAX_CODE_BITS = 20;
const MAX_SYMBOLS = 258;
const RUN_B = 1;

/** CRC-32 with the highest bit first. */
const CRC = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n << 24;
  for (let k = 0; k < 8; k++) c = c < 0 ? (c << 1) ^ 0x04c11db7 : c << 1;
  CRC[n] = c;
}

/** Highest bit first. Past the end come zeros; {@link isPastEnd} tells. */
class Bits {
  private readonly bytes: Uint8Array;
  private at: number;
  private buffer = 0;
  private count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Up to 24 bits. */
  read(n: number): number {
    while (this.count < n) {
      this.buffer = (this.buffer << 8) | (this.bytes[this.at++] ?? 0);
      this.count += 8;
    }
    this.count -= n;
    return (this.buffer >>> this.count) & ((1 << n) - 1);
  }

  read32(): number {
    return ((this.read(16) << 16) | this.read(16)) >>> 0;
  }

  isPastEnd(): boolean {
    return this.at - (this.count >>> 3) > this.bytes.length;
  }

  /** Whether only the last byte's padding is left. */
  isAtEnd(): boolean {
    return this.at - (this.count >>> 3) === this.bytes.length;
  }
}

/** A canonical Huffman code: for each length the highest code, and what turns a code into its place in `symbols`. */
interface Code {
  readonly shortest: number;
  readonly highest: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: Uint16Array;
}

/** Unpacks `packed` (which starts with the magic bytes), one stream, to exactly `size` bytes. */
export function unbzip2(packed: Uint8Array, size: number): Parsed<Uint8Array> {
  const level = (packed[3] ?? 0) - 0x30;
  if (level < 1 || level > 9) return fault("the bzip2 data is damaged: its header names no block size");
  const bits = new Bits(packed, 4);
  const out = new Growing(packed.length, size);
  const block = new Uint32Array(level * 100_000);
  let to = 0;
  let streamCrc = 0;
  for (let number = 1; ; number++) {
    const high = bits.read(24);
    const low = bits.read(24);
    const stored = bits.read32();
    if (bits.isPastEnd()) return fault("the bzip2 data ends too early: it is truncated");
    if (high === END_MAGIC[0] && low === END_MAGIC[1]) {
      if (stored !== streamCrc) return fault("the bzip2 data is damaged: the CRC of the whole is wrong");
      if (!bits.isAtEnd()) return fault("the bzip2 data is damaged: more data follows its end");
      if (to !== size) return fault(`the bzip2 data unpacks to ${to} bytes, its last word says ${size}`);
      return parsed(out.bytes);
    }
    if (high !== BLOCK_MAGIC[0] || low !== BLOCK_MAGIC[1])
      return fault(`the bzip2 data is damaged: no block starts where block ${number} should`);
    const found = readBlock(bits, block);
    if (typeof found === "string") return fault(`the bzip2 data is damaged: block ${number} ${found}`);
    const end = unsort(block, found.count, found.origin, out, to);
    if (end === "too long")
      return fault(`the bzip2 data unpacks to more than ${size} bytes, which its last word says`);
    const crc = crcOf(out.bytes, to, end);
    if (crc !== stored) return fault(`the bzip2 data is damaged: the CRC of block ${number} is wrong`);
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ crc) >>> 0;
    to = end;
  }
}

/** Fills `block` with the transform's last column; answers how many bytes, and which row is the text. Or what is wrong. */
function readBlock(
  bits: Bits,
  block: Uint32Array,
): { readonly count: number; readonly origin: number } | string {
  if (bits.read(1)) return "is randomised, as only bzip2 before 0.9.5 made them";
  const origin = bits.read(24);
  const bytes = readBytesInUse(bits);
  const symbolCount = bytes.length + 2;
  const codeCount = bits.read(3);
  const selectorCount = bits.read(15);
  if (bytes.length === 0 || codeCount < 2 || codeCount > 6 || selectorCount === 0)
    return "has an impossible header";

  const selectors = new Uint8Array(selectorCount);
  const order = [0, 1, 2, 3, 4, 5];
  for (let i = 0; i < selectorCount; i++) {
    let j = 0;
    while (bits.read(1)) if (++j >= codeCount) return "selects a code that it does not have";
    const [code = 0] = order.splice(j, 1);
    order.unshift(code);
    selectors[i] = code;
  }
  const codes: Code[] = [];
  for (let i = 0; i < codeCount; i++) {
    const code = readCode(bits, symbolCount);
    if (code === undefined || bits.isPastEnd()) return "has impossible Huffman codes, or is truncated";
    codes.push(code);
  }

  const endSymbol = symbolCount - 1;
  let count = 0;
  let run = 0;
  let runUnit = 1;
  for (let selector = 0; selector < selectorCount; selector++) {
    const { shortest, highest, offset, symbols } = codes[selectors[selector] as number] as Code;
    if (bits.isPastEnd()) return "is truncated";
    for (let i = 0; i < GROUP_SYMBOLS; i++) {
      let length = shortest;
      let value = bits.read(length);
      while (value > (highest[length] as number)) {
        if (++length > MAX_CODE_BITS) return "has a code word that stands for nothing";
        value = (value << 1) | bits.read(1);
      }
      const symbol = symbols[value + (offset[length] as number)] as number;
      if (symbol <= RUN_B) {
        run += runUnit << symbol;
        runUnit <<= 1;
        if (run > block.length) return "is longer than its file's blocks may be";
        continue;
      }
      if (run > 0) {
        if (run > block.length - count) return "is longer than its file's blocks may be";
        block.fill(bytes[0] as number, count, count + run);
        count += run;
        run = 0;
        runUnit = 1;
      }
      if (symbol === endSymbol) {
        if (origin >= count) return "starts outside itself";
        return { count, origin };
      }
      if (count >= block.length) return "is longer than its file's blocks may be";
      const place = symbol - 1;
      const byte = bytes[place] as number;
      bytes.copyWithin(1, 0, place);
      bytes[0] = byte;
      block[count++] = byte;
    }
  }
  return "has no end";
}

/** The byte values that occur, ascending: the first order of move-to-front. */
function readBytesInUse(bits: Bits): Uint8Array {
  const found: number[] = [];
  const groups = bits.read(16);
  for (let i = 0; i < 16; i++) {
    if ((groups & (0x8000 >>> i)) === 0) continue;
    const members = bits.read(16);
    for (let j = 0; j < 16; j++) if (members & (0x8000 >>> j)) found.push(i * 16 + j);
  }
  return Uint8Array.from(found);
}

function readCode(bits: Bits, symbolCount: number): Code | undefined {
  const lengths = new Uint8Array(symbolCount);
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  let length = bits.read(5);
  for (let i = 0; i < symbolCount; i++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS) return undefined;
      if (bits.read(1) === 0) break;
      length += bits.read(1) ? -1 : 1;
      if (bits.isPastEnd()) return undefined;
    }
    lengths[i] = length;
    counts[length] = (counts[length] as number) + 1;
  }
  const highest = new Int32Array(MAX_CODE_BITS + 1).fill(-1);
  const offset = new Int32Array(MAX_CODE_BITS + 1);
  const symbols = new Uint16Array(MAX_SYMBOLS);
  let shortest = 0;
  let code = 0;
  let place = 0;
  for (length = 1; length <= MAX_CODE_BITS; length++) {
    const count = counts[length] as number;
    if (count > 0 && shortest === 0) shortest = length;
    offset[length] = place - code;
    for (let i = 0; i < symbolCount; i++) if (lengths[i] === length) symbols[place++] = i;
    code += count;
    if (code > 1 << length) return undefined; // more code words than there are
    highest[length] = code - 1;
    code <<= 1;
  }
  return { shortest, highest, offset, symbols };
}

/** Undoes the sort and the first run lengths, into `out` from `start` on; answers where it ended. */
function unsort(
  block: Uint32Array,
  count: number,
  origin: number,
  growing: Growing,
  start: number,
): number | "too long" {
  const sums = new Uint32Array(256);
  for (let i = 0; i < count; i++) sums[block[i] as number] = (sums[block[i] as number] as number) + 1;
  for (let i = 0, sum = 0; i < 256; i++) {
    const n = sums[i] as number;
    sums[i] = sum;
    sum += n;
  }
  // Above each byte, which row follows.
  for (let i = 0; i < count; i++) {
    const byte = (block[i] as number) & 0xff;
    const row = sums[byte] as number;
    sums[byte] = row + 1;
    block[row] = (block[row] as number) | (i << 8);
  }
  let out = growing.bytes;
  let to = start;
  let entry = block[origin] as number;
  let previous = -1;
  let same = 0;
  for (let i = 0; i < count; i++) {
    entry = block[entry >>> 8] as number;
    const byte = entry & 0xff;
    if (out.length - to < 256) out = growing.reserve(to + 256);
    if (same === 4) {
      if (byte > out.length - to) return "too long";
      out.fill(previous, to, to + byte);
      to += byte;
      same = 0;
      previous = -1;
      continue;
    }
    if (to >= out.length) return "too long";
    out[to++] = byte;
    same = byte === previous ? same + 1 : 1;
    previous = byte;
  }
  return to;
}

function crcOf(bytes: Uint8Array, from: number, end: number): number {
  let c = -1;
  for (let i = from; i < end; i++) c = (c << 8) ^ (CRC[(c >>> 24) ^ (bytes[i] as number)] as number);
  return ~c >>> 0;
}
