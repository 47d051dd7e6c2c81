/**
 * Directories: in the inode (short form), in one block, or in blocks with a tree of hashes beside them, which lies in the
 * file's upper part and is not needed to see every entry.
 */
import { be64, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import { openRuns } from "../runs.ts";
import { extentMap, findExtent } from "./extents.ts";
import type { Inode, Volume } from "./volume.ts";

/** Where in the file the hashes begin: 32 GiB. */
const LEAF_OFFSET = 2 ** 35;
const BLOCK_V4 = 0x58443242; // "XD2B": data, hashes and tail in one block
const DATA_V4 = 0x58443244; // "XD2D"
const BLOCK_V5 = 0x58444233; // "XDB3"
const DATA_V5 = 0x58444433; // "XDD3"
const FREE = 0xffff;

/** Handed every entry; true ends the walk. `type` is 0 where the directory does not say. */
type Visit = (name: Uint8Array, inode: number, type: number) => boolean;

export function* walkDirectory(volume: Volume, inode: Inode, visit: Visit): Reading<void> {
  if (inode.format === "local") {
    walkShort(volume, inode, visit);
    return;
  }
  const { blockSize, directoryBlockSize } = volume;
  const per = directoryBlockSize / blockSize;
  const map = extentMap(volume, inode);
  const end = LEAF_OFFSET / blockSize;
  for (let block = 0; block < end; ) {
    volume.bytes.work.step();
    const found = yield* findExtent(volume, inode, block);
    if (typeof found === "number") {
      block = Math.ceil(found / per) * per;
      continue;
    }
    const at = block * blockSize;
    const content =
      per === 1
        ? yield* oneBlock(volume, inode, at)
        : yield* openRuns(volume.bytes, directoryBlockSize, (offset, most) => map(at + offset, most)).read(
            0,
            directoryBlockSize,
          );
    if (walkBlock(volume, inode, content, visit)) return;
    block += per;
  }
}

function* oneBlock(volume: Volume, inode: Inode, at: number): Reading<Uint8Array> {
  const { disk } = yield* extentMap(volume, inode)(at, volume.blockSize);
  if (disk === undefined) return corrupt(`the directory ${inode.number} has a block that was never written`);
  return yield* volume.bytes.structure(disk, volume.blockSize, "a directory");
}

function walkShort(volume: Volume, inode: Inode, visit: Visit): void {
  const { fork, number, size } = inode;
  const broken = `the directory ${number} is damaged`;
  if (size > fork.length || size < 6) corrupt(broken);
  const view = viewOf(fork);
  const isWide = view.getUint8(1) > 0;
  const width = isWide ? 8 : 4;
  const type = volume.hasType ? 1 : 0;
  let at = 2 + width;
  for (let left = view.getUint8(isWide ? 1 : 0); left > 0; left--) {
    volume.bytes.work.step();
    if (at + 3 > size) corrupt(broken);
    const length = view.getUint8(at);
    const start = at + 3;
    const next = start + length + type + width;
    if (length === 0 || next > size) corrupt(broken);
    const target = next - width;
    const child = isWide ? be64(view, target) : view.getUint32(target);
    const kind = type === 0 ? 0 : view.getUint8(start + length);
    if (visit(fork.subarray(start, start + length), child, kind)) return;
    at = next;
  }
}

function walkBlock(volume: Volume, inode: Inode, content: Uint8Array, visit: Visit): boolean {
  const broken = `a block of the directory ${inode.number} is damaged`;
  const view = viewOf(content);
  const magic = view.getUint32(0);
  const isV5 = magic === BLOCK_V5 || magic === DATA_V5;
  if (!isV5 && magic !== BLOCK_V4 && magic !== DATA_V4) corrupt(broken);
  let end = content.length;
  if (magic === BLOCK_V4 || magic === BLOCK_V5) {
    // The tail: so many hashes of 8 bytes stand before it.
    end -= 8 + 8 * view.getUint32(end - 8);
    if (end < 0) corrupt(broken);
  }
  const type = volume.hasType ? 1 : 0;
  for (let at = isV5 ? 64 : 16; at + 8 <= end; ) {
    volume.bytes.work.step();
    if (view.getUint16(at) === FREE) {
      const length = view.getUint16(at + 2);
      if (length < 8 || length % 8 !== 0) corrupt(broken);
      at += length;
      continue;
    }
    if (at + 12 > end) corrupt(broken);
    const length = view.getUint8(at + 8);
    const start = at + 9;
    const next = (start + length + type + 2 + 7) & ~7;
    if (length === 0 || next > end) corrupt(broken);
    const kind = type === 0 ? 0 : view.getUint8(start + length);
    if (visit(content.subarray(start, start + length), be64(view, at), kind)) return true;
    at = next;
  }
  return false;
}
