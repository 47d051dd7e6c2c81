/** Small content kept in the inode: 60 bytes in i_block, the rest as the extended attribute "system.data" behind it. */
import { viewOf } from "../../disk-bytes.ts";
import { corrupt } from "../../disk-reading.ts";
import * as L from "./layout.ts";
import type { Inode } from "./volume.ts";

const XATTR_MAGIC = 0xea020000;
const ENTRY = 16;
const INDEX_SYSTEM = 7;

/** The two parts, whatever the inode's size says. */
export function inlineParts(inode: Inode): readonly [Uint8Array, Uint8Array] {
  return [inode.raw.subarray(L.I_BLOCK, L.I_BLOCK + L.I_BLOCK_BYTES), attribute(inode)];
}

export function inlineContent(inode: Inode): Uint8Array {
  const [first, second] = inlineParts(inode);
  const out = new Uint8Array(first.length + second.length);
  out.set(first);
  out.set(second, first.length);
  if (inode.size > out.length)
    corrupt(`inode ${inode.number} claims ${inode.size} bytes, but ${out.length} stand in it`);
  return out.subarray(0, inode.size);
}

function attribute(inode: Inode): Uint8Array {
  const { raw } = inode;
  const none = raw.subarray(0, 0);
  if (raw.length <= 128) return none;
  const view = viewOf(raw);
  const start = 128 + view.getUint16(L.I_EXTRA_ISIZE, true);
  if (start + 4 > raw.length || view.getUint32(start, true) !== XATTR_MAGIC) return none;
  const first = start + 4;
  for (let at = first; at + ENTRY <= raw.length && view.getUint32(at, true) !== 0; ) {
    const length = view.getUint8(at);
    const isData =
      length === 4 &&
      view.getUint8(at + 1) === INDEX_SYSTEM &&
      at + ENTRY + 4 <= raw.length &&
      view.getUint32(at + ENTRY) === 0x64617461; // "data"
    if (isData) {
      const from = first + view.getUint16(at + 2, true);
      const size = view.getUint32(at + 8, true);
      if (size > raw.length - from) corrupt(`the data kept in inode ${inode.number} reaches beyond it`);
      return raw.subarray(from, from + size);
    }
    at += ENTRY + ((length + 3) & ~3);
  }
  return none;
}
