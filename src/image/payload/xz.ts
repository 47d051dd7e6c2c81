/**
 * .xz files (tukaani.org/xz/xz-file-format.txt) as Linux packs kernels: one stream, LZMA2, perhaps behind the x86 filter,
 * checked by CRC32 or CRC64. Everything that the file says twice is compared.
 */
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { unfilterX86Steps } from "./bcj-x86.ts";
import { crc32 } from "./crc32.ts";
import { crc64 } from "./crc64.ts";
import { Growing } from "./growing.ts";
import { LzmaDecoder } from "./lzma.ts";
import { finish, type Steps } from "./steps.ts";

const HEADER = 12;
const FOOTER = 12;
const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;
const FILTERS: Record<number, string> = {
  3: "Delta",
  5: "PowerPC",
  6: "IA-64",
  7: "ARM",
  8: "ARM-Thumb",
  9: "SPARC",
  10: "ARM64",
  11: "RISC-V",
};
/** Bytes of each check type that is known here. */
const CHECK_BYTES: Record<number, number> = { 0: 0, 1: 4, 4: 8 };

const damaged = (why: string) => fault(`the xz data is damaged: ${why}`);

interface Block {
  readonly dictionarySize: number;
  /** Start offset of the x86 filter; undefined: there is none. */
  readonly x86: number | undefined;
  readonly packedSize: number | undefined;
  readonly size: number | undefined;
}

/** Unpacks `packed` (which starts with the magic bytes) to exactly `size` bytes. */
export const unxz = (packed: Uint8Array, size: number): Parsed<Uint8Array> => finish(unxzSteps(packed, size));

/** The same, a chunk of LZMA2 a step. */
export function* unxzSteps(packed: Uint8Array, size: number): Steps<Parsed<Uint8Array>> {
  if (packed.length < HEADER + FOOTER + 8) return fault(`the xz data has only ${packed.length} bytes`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (crc32(packed.subarray(6, 8)) !== view.getUint32(8, true)) return damaged("its header's CRC is wrong");
  const check = view.getUint8(7);
  const checkBytes = view.getUint8(6) === 0 ? CHECK_BYTES[check] : undefined;
  if (checkBytes === undefined)
    return fault(
      `the xz data has the integrity check ${check === 10 ? "SHA-256" : `number ${check}`}; CRC32, CRC64 and none are known`,
    );

  const out = new Growing(packed.length, size);
  const decoder = new LzmaDecoder(packed, out);
  const records: { readonly unpadded: number; readonly size: number }[] = [];
  let at = HEADER;
  for (;;) {
    if (at >= packed.length) return damaged("it ends before its index: it is truncated");
    if (packed[at] === 0) break;
    const headerEnd = at + ((packed[at] as number) + 1) * 4;
    const block = readBlockHeader(packed, at, headerEnd);
    if (!block.ok) return block;
    const start = decoder.to;
    decoder.from = headerEnd;
    decoder.dictionarySize = block.value.dictionarySize;
    const wrong = yield* decodeLzma2(packed, decoder, out);
    if (wrong !== undefined) return damaged(wrong);
    const end = decoder.from;
    const length = decoder.to - start;
    if (
      (block.value.packedSize ?? end - headerEnd) !== end - headerEnd ||
      (block.value.size ?? length) !== length
    )
      return damaged(`the block at ${hex(at)} has other sizes than its header says`);
    const bytes = out.bytes.subarray(start, decoder.to);
    if (block.value.x86 !== undefined) yield* unfilterX86Steps(bytes, block.value.x86);

    const checkAt = (end + 3) & ~3; // the header has 12 bytes: blocks are aligned in the file too
    if (packed.length - checkAt < checkBytes) return damaged("it is truncated");
    for (let i = end; i < checkAt; i++) if (packed[i] !== 0) return damaged("a block's padding is not zero");
    if (
      (check === 1 && (yield* crc32Steps(bytes)) !== view.getUint32(checkAt, true)) ||
      (check === 4 && crc64(bytes) !== view.getBigUint64(checkAt, true))
    )
      return damaged(
        `the block at ${hex(at)} unpacks to ${length} bytes with another CRC than it should have`,
      );
    records.push({ unpadded: end - at + checkBytes, size: length });
    at = checkAt + checkBytes;
  }
  const wrong = checkIndex(packed, at, records);
  if (wrong !== undefined) return damaged(wrong);
  if (decoder.to !== size)
    return fault(`the xz data unpacks to ${decoder.to} bytes, its last word says ${size}`);
  return parsed(out.bytes);
}

/** Bytes of a check's step. */
const CRC_STEP = 2 * 1024 * 1024;

function* crc32Steps(bytes: Uint8Array): Steps<number> {
  let crc = 0;
  for (let at = 0; at < bytes.length; at += CRC_STEP) {
    crc = crc32(bytes.subarray(at, at + CRC_STEP), crc);
    yield;
  }
  return crc;
}

/** Reads fields from `at` to `end`; what is not there is undefined. */
class Fields {
  at: number;
  private readonly bytes: Uint8Array;
  private readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte(): number | undefined {
    return this.at < this.end ? this.bytes[this.at++] : undefined;
  }

  /** A number in groups of seven bits. Undefined also for one that no file's size reaches. */
  number(): number | undefined {
    let value = 0;
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      if (byte === undefined || (byte === 0 && i > 0)) return undefined;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  /** Whether only zeros are left. */
  isPadding(): boolean {
    while (this.at < this.end) if (this.byte() !== 0) return false;
    return true;
  }
}

function readBlockHeader(packed: Uint8Array, at: number, end: number): Parsed<Block> {
  if (end > packed.length) return damaged("it ends in a block's header: it is truncated");
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (crc32(packed.subarray(at, end - 4)) !== view.getUint32(end - 4, true))
    return damaged(`the CRC of the block header at ${hex(at)} is wrong`);
  const flags = view.getUint8(at + 1);
  const fields = new Fields(packed, at + 2, end - 4);
  const packedSize = flags & 0x40 ? fields.number() : undefined;
  const size = flags & 0x80 ? fields.number() : undefined;
  let x86: number | undefined;
  let dictionarySize: number | undefined;
  for (let i = 0; i <= (flags & 3); i++) {
    const id = fields.number();
    const length = fields.number();
    const from = fields.at;
    if (id === undefined || length === undefined || length > end - 4 - from)
      return damaged(`the filters of the block at ${hex(at)} do not fit into its header`);
    fields.at += length;
    const isLast = i === (flags & 3);
    if (id === FILTER_LZMA2 && isLast && length === 1 && view.getUint8(from) <= 40) {
      const bits = view.getUint8(from);
      dictionarySize = bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >>> 1) + 11);
    } else if (id === FILTER_X86 && i === 0 && !isLast && (length === 0 || length === 4)) {
      x86 = length === 4 ? view.getUint32(from, true) : 0;
    } else {
      const name = FILTERS[id] ?? `number ${hex(id)}`;
      return fault(
        `the xz data uses the filter ${id === FILTER_LZMA2 || id === FILTER_X86 ? "chain" : name} in a way that x86 kernels never do; LZMA2, alone or behind the x86 filter, is known`,
      );
    }
  }
  if (dictionarySize === undefined || (flags & 0x3c) !== 0 || !fields.isPadding())
    return damaged(`the block header at ${hex(at)} has fields that no version of the format has`);
  return parsed({ dictionarySize, x86, packedSize, size });
}

/** Chunks up to the end marker; answers what is wrong. */
function* decodeLzma2(packed: Uint8Array, decoder: LzmaDecoder, out: Growing): Steps<string | undefined> {
  let needDictionary = true;
  let needState = true;
  let needProperties = true;
  for (;;) {
    yield;
    const at = decoder.from;
    const where = `the LZMA2 chunk at ${hex(at)}`;
    const control = packed[at];
    if (control === undefined) return "it ends between two LZMA2 chunks: it is truncated";
    if (control === 0) {
      decoder.from = at + 1;
      return undefined;
    }
    if (packed.length - at < 6) return "it ends in an LZMA2 chunk: it is truncated";
    const low = ((packed[at + 1] as number) << 8) | (packed[at + 2] as number);
    if (control === 1 || control >= 0xe0) {
      decoder.dictionaryStart = decoder.to;
      needDictionary = false;
    } else if (needDictionary) return `${where} needs a dictionary, and none was started`;

    if (control < 0x80) {
      if (control > 2) return `${where} is of the unknown kind ${hex(control)}`;
      const length = low + 1;
      if (length > packed.length - at - 3) return `${where} is cut off: it is truncated`;
      if (length > out.limit - decoder.to) return `it unpacks to more than ${out.limit} bytes`;
      out.reserve(decoder.to + length).set(packed.subarray(at + 3, at + 3 + length), decoder.to);
      decoder.to += length;
      decoder.from = at + 3 + length;
      if (control === 1) needState = true;
      continue;
    }

    const length = ((control & 0x1f) << 16) + low + 1;
    const packedLength = (((packed[at + 3] as number) << 8) | (packed[at + 4] as number)) + 1;
    decoder.from = at + 5;
    if (control >= 0xc0) {
      const properties = packed[at + 5] as number;
      const lc = properties % 9;
      if (properties >= 225 || lc + (Math.floor(properties / 9) % 5) > 4)
        return `${where} has the properties ${hex(properties)}, which LZMA2 excludes`;
      decoder.setProperties(properties);
      decoder.from = at + 6;
      needProperties = false;
      needState = false;
    } else if (needProperties) return `${where} needs properties, and none were given`;
    else if (control >= 0xa0) {
      decoder.resetState();
      needState = false;
    } else if (needState) return `${where} needs a state, and none was started`;

    const end = decoder.from + packedLength;
    if (end > packed.length) return `${where} is cut off: it is truncated`;
    if (length > out.limit - decoder.to) return `it unpacks to more than ${out.limit} bytes`;
    if (!decoder.open() || decoder.decode(end, decoder.to + length) !== "full" || !decoder.isFinishedAt(end))
      return `${where} cannot be decoded`;
  }
}

/** The index repeats each block's sizes, the footer the header; answers what is wrong. */
function checkIndex(
  packed: Uint8Array,
  at: number,
  records: readonly { readonly unpadded: number; readonly size: number }[],
): string | undefined {
  const end = packed.length - FOOTER;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (end - at < 8) return "it ends in its index: it is truncated";
  if (
    crc32(packed.subarray(end + 4, end + 10)) !== view.getUint32(end, true) ||
    view.getUint16(end + 10) !== 0x595a
  )
    return "its footer is wrong: it is truncated, or more data follows its end";
  if ((view.getUint32(end + 4, true) + 1) * 4 !== end - at || view.getUint16(end + 8) !== view.getUint16(6))
    return "its footer does not fit its index or its header";
  if (crc32(packed.subarray(at, end - 4)) !== view.getUint32(end - 4, true))
    return "its index's CRC is wrong";
  const fields = new Fields(packed, at + 1, end - 4);
  const same =
    fields.number() === records.length &&
    records.every((record) => fields.number() === record.unpadded && fields.number() === record.size) &&
    fields.isPadding();
  return same ? undefined : "its index lists other blocks than it has";
}
