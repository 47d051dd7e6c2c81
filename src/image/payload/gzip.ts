/**
 * One gzip member (RFC 1952), as kernels and ramdisks use it. fflate inflates, a piece of input at a time, so that a bomb
 * is stopped at its limit; size and CRC at the end are compared here, because fflate does not.
 */
import { Gunzip } from "fflate";
import { fault, hex, type Parsed, parsed } from "../fault.ts";
import { crc32 } from "./crc32.ts";
import { Growing } from "./growing.ts";

/** Deflate makes at most 1032 bytes from one. */
const MAX_RATIO = 1032;
/** Input per step: what a bomb may make beyond the limit is this times the ratio. */
const STEP = 64 * 1024;

export const isGzip = (bytes: Uint8Array): boolean =>
  bytes.length >= 18 && bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Length the last member claims to unpack to (modulo 2^32). Meaningful only if {@link isGzip}. */
export function claimedSize(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(bytes.length - 4, true);
}

/** Unpacks `bytes`, which must be one member and nothing else, to at most `limit` bytes. */
export function gunzip(bytes: Uint8Array, limit: number): Parsed<Uint8Array> {
  if (!isGzip(bytes)) return fault("the data is not gzip");
  const claimed = claimedSize(bytes);
  if (claimed > limit)
    return fault(`the gzip data unpacks to ${claimed} bytes; at most ${limit} are accepted`);
  if (claimed > bytes.length * MAX_RATIO)
    return fault(
      `the gzip data claims to unpack from ${bytes.length} to ${claimed} bytes, which deflate cannot`,
    );

  const growing = new Growing(bytes.length, claimed);
  const end = inflateInto(growing, bytes);
  if (typeof end === "string") return fault(`the gzip data is damaged: ${end}`);
  if (end !== claimed)
    return fault(`the gzip data is damaged: it unpacks to ${end} bytes, its trailer says ${claimed}`);
  const out = growing.bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint32(bytes.length - 8, true);
  const actual = crc32(out);
  if (actual !== stored)
    return fault(`the gzip data is damaged: its CRC is ${hex(actual)}, its trailer says ${hex(stored)}`);
  return parsed(out);
}

/** Fills `out`; answers how many bytes came (more than fit: counting stops soon), or what is wrong. */
function inflateInto(out: Growing, bytes: Uint8Array): number | string {
  let count = 0;
  const stream = new Gunzip((piece) => {
    if (count + piece.length <= out.limit) out.reserve(count + piece.length).set(piece, count);
    count += piece.length;
  });
  stream.onmember = () => {
    throw new Error("more data follows its end");
  };
  try {
    for (let i = 0; i < bytes.length && count <= out.limit; i += STEP)
      stream.push(bytes.subarray(i, i + STEP), i + STEP >= bytes.length);
  } catch (error) {
    return error instanceof Error ? error.message : "it cannot be inflated";
  }
  return count;
}
