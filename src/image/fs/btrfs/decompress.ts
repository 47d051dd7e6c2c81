/** How btrfs packs an extent: one zlib stream, one zstd frame, or LZO in pieces of a sector. What comes short is zeros. */
import { Inflate } from "fflate";
import { viewOf } from "../../disk-bytes.ts";
import { corrupt, unsupported } from "../../disk-reading.ts";
import { decodeLzo1x } from "../../payload/lzop.ts";
import { unzstdFrame } from "../../payload/zstd.ts";

/** BTRFS_MAX_UNCOMPRESSED: the kernel packs no more at once. */
export const UNPACKED_MAX = 128 * 1024;

/** `size` bytes out of `packed`. `kind` as on the disk, `sectorsize` what LZO's pieces go by. */
export function decompress(kind: number, packed: Uint8Array, size: number, sectorsize: number): Uint8Array {
  if (kind === 1) return inflate(packed, size);
  if (kind === 2) return unlzo(packed, size, sectorsize);
  if (kind !== 3) unsupported(`compression-${kind}`, `a file is compressed in the unknown way ${kind}`);
  const out = unzstdFrame(packed, size);
  if (!out.ok) corrupt(`a compressed part of a file is damaged: ${out.why}`);
  return padded(out.value, size);
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  const out = new Uint8Array(size);
  out.set(bytes);
  return out;
}

/** Input per step: what comes beyond `size` before that is seen stays small. */
const STEP = 512;

function inflate(packed: Uint8Array, size: number): Uint8Array {
  const head = packed.length < 2 ? 0 : viewOf(packed).getUint16(0);
  if ((head & 0x0f00) !== 0x0800 || head % 31 !== 0 || head & 0x20)
    corrupt("a part of a file is no zlib stream");
  const out = new Uint8Array(size);
  let count = 0;
  let isDone = false;
  const stream = new Inflate((piece, final) => {
    if (count < size) out.set(piece.subarray(0, size - count), count);
    count += piece.length;
    isDone ||= final;
  });
  try {
    for (let at = 2; at < packed.length && count < size && !isDone; at += STEP)
      stream.push(packed.subarray(at, at + STEP), at + STEP >= packed.length);
  } catch (error) {
    corrupt(`a zlib stream is damaged: ${error instanceof Error ? error.message : "it cannot be inflated"}`);
  }
  return out;
}

/** A word of the whole length, then pieces: a word of length and LZO1X data. No length crosses a sector's border. */
function unlzo(packed: Uint8Array, size: number, sectorsize: number): Uint8Array {
  const damaged = (): never => corrupt("a part of a file that LZO packed is damaged");
  if (packed.length < 4) damaged();
  const view = viewOf(packed);
  const total = view.getUint32(0, true);
  if (total > packed.length) damaged();
  const out = new Uint8Array(size);
  let to = 0;
  for (let at = 4; at < total && to < size; ) {
    const left = sectorsize - (at % sectorsize);
    if (left < 4) at += left;
    if (at + 4 > total) break;
    const length = view.getUint32(at, true);
    at += 4;
    if (length === 0 || length > total - at) damaged();
    const piece = packed.subarray(at, at + length);
    // The last piece may end before its sector does.
    if (decodeLzo1x(piece, out, to, Math.min(to + sectorsize, size)) < 0) damaged();
    to += sectorsize;
    at += length;
  }
  return out;
}
