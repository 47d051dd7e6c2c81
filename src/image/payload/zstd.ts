/**
 * One zstd frame (RFC 8878), as Linux packs kernels. fzstd decodes; it trusts its data, so the frame is walked before
 * (that keeps it from endless or oversized work), and its checksum compared after. fzstd reads distances up to 64 MiB.
 */
import { decompress } from "fzstd";
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { xxh64 } from "./xxh64.ts";

const MAGIC_BYTES = 4;
const BLOCK_MAX = 128 * 1024;
/** Every sequence makes three bytes at least. */
const SEQUENCES_MAX = Math.floor(BLOCK_MAX / 3);

const damaged = (why: string) => fault(`the zstd data is damaged: ${why}`);

/** Unpacks `packed` (which starts with the magic bytes) to exactly `size` bytes. */
export function unzstd(packed: Uint8Array, size: number): Parsed<Uint8Array> {
  const frame = walkFrame(packed, size);
  if (!frame.ok) return frame;
  const { hasChecksum, mostSize } = frame.value;
  if (size > mostSize)
    return fault(
      `the zstd data cannot unpack to the ${size} bytes that its last word says, only to ${mostSize}`,
    );
  const out = new Uint8Array(size);
  // fzstd asks for the place of each block, so a block that begins outside the output is noticed here.
  const subarray = (from?: number, end?: number): Uint8Array<ArrayBuffer> => {
    if ((from ?? 0) > size)
      throw new Error(`it unpacks to more than ${size} bytes, which its last word says`);
    return Uint8Array.prototype.subarray.call(out, from, end) as Uint8Array<ArrayBuffer>;
  };
  try {
    decompress(packed, Object.defineProperty(out, "subarray", { value: subarray, configurable: true }));
  } catch (error) {
    return damaged(error instanceof Error ? error.message : "it cannot be decoded");
  }
  const { buffer } = out;
  const value = new Uint8Array(buffer);
  if (hasChecksum) {
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
    const stored = view.getUint32(packed.length - 4, true);
    const actual = Number(xxh64(value) & 0xffffffffn);
    if (actual !== stored)
      return damaged(
        `the checksum of what it unpacks to is ${hex(actual)}, its trailer says ${hex(stored)} (or it unpacks to other than ${size} bytes)`,
      );
  }
  return parsed(value);
}

/** Goes from block to block without decoding them. */
function walkFrame(
  packed: Uint8Array,
  size: number,
): Parsed<{ readonly hasChecksum: boolean; readonly mostSize: number }> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (packed.length < MAGIC_BYTES + 5) return damaged(`it has only ${packed.length} bytes`);
  const flags = view.getUint8(MAGIC_BYTES);
  if (flags & 0x08) return damaged("its header sets a reserved bit");
  if (flags & 0x03) return fault("the zstd data needs a dictionary, which a kernel has not");
  const isSingle = (flags & 0x20) !== 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >>> 6] as number;
  const sizeAt = MAGIC_BYTES + 1 + (isSingle ? 0 : 1);
  let at = sizeAt + sizeBytes;
  if (at + 3 > packed.length) return damaged("it ends in its header: it is truncated");
  if (sizeBytes > 0) {
    let claimed = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) claimed = claimed * 256 + view.getUint8(sizeAt + i);
    if (sizeBytes === 2) claimed += 256;
    if (claimed !== size)
      return fault(`the zstd data says that it unpacks to ${claimed} bytes, its last word says ${size}`);
  }

  let mostSize = 0;
  for (let isLast = false; !isLast; ) {
    if (packed.length - at < 3) return damaged("it ends between two blocks: it is truncated");
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const where = `the block at ${hex(at)}`;
    at += 3;
    isLast = (header & 1) !== 0;
    const kind = (header >>> 1) & 3;
    const blockSize = header >>> 3;
    if (kind === 3 || blockSize > BLOCK_MAX) return damaged(`${where} is of an unknown kind or too long`);
    const length = kind === 1 ? 1 : blockSize;
    if (length > packed.length - at) return damaged(`${where} is cut off: it is truncated`);
    if (kind === 2) {
      if (!isPlausible(packed.subarray(at, at + length))) return damaged(`${where} cannot be decoded`);
      mostSize += BLOCK_MAX;
    } else mostSize += blockSize;
    at += length;
  }
  const hasChecksum = (flags & 0x04) !== 0;
  const end = at + (hasChecksum ? 4 : 0);
  if (end > packed.length) return damaged("it ends before its checksum: it is truncated");
  if (end < packed.length) return damaged("more data follows its end");
  return parsed({ hasChecksum, mostSize });
}

/** Whether a packed block's literals lie inside it and its sequences are not more than its output has room for. */
function isPlausible(block: Uint8Array): boolean {
  if (block.length < 2) return false;
  const b = (i: number): number => block[i] ?? 0;
  const kind = b(0) & 3;
  const format = (b(0) >>> 2) & 3;
  let at: number;
  if (kind < 2) {
    const bytes = format === 1 ? 2 : format === 3 ? 3 : 1;
    const size = bytes === 1 ? b(0) >>> 3 : (b(0) | (b(1) << 8) | (bytes === 3 ? b(2) << 16 : 0)) >>> 4;
    if (size > BLOCK_MAX) return false;
    at = bytes + (kind === 0 ? size : 1);
  } else {
    const bits = format < 2 ? 10 : format === 2 ? 14 : 18;
    const word = (b(0) >>> 4) + b(1) * 2 ** 4 + b(2) * 2 ** 12 + b(3) * 2 ** 20 + b(4) * 2 ** 28;
    const size = word % 2 ** bits;
    if (size > BLOCK_MAX) return false;
    at = (bits * 2 + 4) / 8 + (Math.floor(word / 2 ** bits) % 2 ** bits);
  }
  if (at >= block.length) return false;
  const first = b(at);
  const count =
    first < 128
      ? first
      : first < 255
        ? ((first - 128) << 8) | b(at + 1)
        : b(at + 1) + (b(at + 2) << 8) + 0x7f00;
  return count <= SEQUENCES_MAX;
}
