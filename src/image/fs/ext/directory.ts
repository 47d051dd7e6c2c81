/**
 * Directories. With dir_index the tree of hashes hides in records without a name, so a plain walk over the blocks sees every
 * entry of either kind.
 */
import { viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import { blockMap } from "./block-map.ts";
import { inlineParts } from "./inline-data.ts";
import * as L from "./layout.ts";
import { type Inode, readBlock, type Volume } from "./volume.ts";

/** Handed every entry in use; true ends the walk. `name` is valid during the call only. */
type Visit = (name: Uint8Array, inode: number, type: number) => boolean;

export function* walkDirectory(volume: Volume, inode: Inode, visit: Visit): Reading<void> {
  if (inode.flags & L.INLINE_DATA_FL) {
    const [first, second] = inlineParts(inode);
    // The parent's number takes the first four bytes; "." and ".." are not written.
    if (walkRecords(volume, inode, first.subarray(4), visit)) return;
    walkRecords(volume, inode, second, visit);
    return;
  }
  const map = blockMap(volume, inode);
  for (let offset = 0; offset < inode.size; ) {
    volume.bytes.work.step();
    const run = yield* map(offset, inode.size - offset);
    if (run.disk === undefined) {
      offset += run.length;
      continue;
    }
    const first = run.disk / volume.blockSize;
    for (let i = 0; i * volume.blockSize < run.length && offset < inode.size; i++) {
      const block = yield* readBlock(volume, first + i, `a block of the directory ${inode.number}`);
      if (walkRecords(volume, inode, block, visit)) return;
      offset += volume.blockSize;
    }
  }
}

function walkRecords(volume: Volume, inode: Inode, bytes: Uint8Array, visit: Visit): boolean {
  const view = viewOf(bytes);
  const hasType = volume.features.includes("filetype");
  for (let at = 0; at + 8 <= bytes.length; ) {
    volume.bytes.work.step();
    const number = view.getUint32(at, true);
    const stored = view.getUint16(at + 4, true);
    // In blocks of 64 KiB the whole block does not fit 16 bits.
    const length = stored === 0xffff || stored === 0 ? (volume.blockSize === 65536 ? 65536 : stored) : stored;
    const nameLength = hasType ? view.getUint8(at + 6) : view.getUint16(at + 6, true);
    if (length < 8 || length % 4 !== 0 || length > bytes.length - at || nameLength + 8 > length)
      corrupt(`an entry of the directory ${inode.number} is damaged`);
    if (number !== 0 && nameLength > 0) {
      const name = bytes.subarray(at + 8, at + 8 + nameLength);
      if (visit(name, number, hasType ? view.getUint8(at + 7) : 0)) return true;
    }
    at += length;
  }
  return false;
}
