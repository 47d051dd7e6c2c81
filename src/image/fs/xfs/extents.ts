/** The data fork: extents in the inode, or a tree of them. A step goes one level down, so no cycle is possible. */
import { be64, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import type { RunMap } from "../runs.ts";
import { type Inode, placeOf, type Volume } from "./volume.ts";

const BMAP = 0x424d4150; // "BMAP"
const BMA3 = 0x424d4133;
const EXTENT = 16;
/** XFS_BM_MAXLEVELS is below this for every size of a file system. */
const LEVELS_MAX = 12;

export interface Extent {
  /** Block of the file. */
  readonly start: number;
  readonly count: number;
  /** Block number on the disk. */
  readonly block: number;
  /** Allocated, not written: zeros. */
  readonly isUnwritten: boolean;
}

/** 128 bits: a flag, 54 of the file's block, 52 of the disk's, 21 of the count. */
function extentAt(view: DataView, at: number): Extent {
  const [a, b, c, d] = [
    view.getUint32(at),
    view.getUint32(at + 4),
    view.getUint32(at + 8),
    view.getUint32(at + 12),
  ];
  return {
    isUnwritten: a >>> 31 !== 0,
    start: (a & 0x7fff_ffff) * 2 ** 23 + (b >>> 9),
    block: (b & 0x1ff) * 2 ** 43 + c * 2 ** 11 + (d >>> 21),
    count: d & 0x1f_ffff,
  };
}

/** A leaf's records, or the inode's own. */
interface Records {
  readonly view: DataView;
  readonly at: number;
  readonly count: number;
  /** The first file block behind what these speak of. */
  readonly end: number;
}

/** The records among which `block` would be; blocks from {@link Records.end} on are other records' matter. */
function* recordsFor(volume: Volume, inode: Inode, block: number): Reading<Records> {
  const { fork, number } = inode;
  const view = viewOf(fork);
  const broken = `the extents of inode ${number} are damaged`;
  if (inode.format === "extents") {
    if (inode.extents > Math.floor(fork.length / EXTENT)) corrupt(broken);
    return { view, at: 0, count: inode.extents, end: Number.POSITIVE_INFINITY };
  }
  if (inode.format !== "btree" || fork.length < 4 + EXTENT) corrupt(broken);
  let level = view.getUint16(0);
  if (level < 1 || level > LEVELS_MAX) corrupt(broken);
  const most = Math.floor((fork.length - 4) / EXTENT);
  let node = { view, keys: 4, pointers: 4 + 8 * most, count: view.getUint16(2), most };
  let end = Number.POSITIVE_INFINITY;
  for (;;) {
    volume.bytes.work.step();
    if (node.count === 0 || node.count > node.most) corrupt(broken);
    // The last child whose first block is not above; the first child speaks of all before it too.
    let low = 1;
    let high = node.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (be64(node.view, node.keys + 8 * middle) <= block) low = middle + 1;
      else high = middle;
    }
    if (low < node.count) end = Math.min(end, be64(node.view, node.keys + 8 * low));
    const child = be64(node.view, node.pointers + 8 * (low - 1));
    const content = yield* volume.bytes.structure(placeOf(volume, child), volume.blockSize, broken);
    const head = viewOf(content);
    const header = volume.hasCrc ? 72 : 24;
    const count = head.getUint16(6);
    level--;
    if (head.getUint32(0) !== (volume.hasCrc ? BMA3 : BMAP) || head.getUint16(4) !== level) corrupt(broken);
    const room = Math.floor((volume.blockSize - header) / EXTENT);
    if (count > room) corrupt(broken);
    if (level === 0) return { view: head, at: header, count, end };
    node = { view: head, keys: header, pointers: header + 8 * room, count, most: room };
  }
}

/** The extent with `block` in it, or else where the next begins. */
export function* findExtent(volume: Volume, inode: Inode, block: number): Reading<Extent | number> {
  const { view, at, count, end } = yield* recordsFor(volume, inode, block);
  volume.bytes.work.step();
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (extentAt(view, at + EXTENT * middle).start <= block) low = middle + 1;
    else high = middle;
  }
  const found = low === 0 ? undefined : extentAt(view, at + EXTENT * (low - 1));
  if (found !== undefined && block < found.start + found.count) return found;
  const next = low < count ? extentAt(view, at + EXTENT * low).start : end;
  if (next <= block) corrupt(`the extents of inode ${inode.number} are damaged`);
  return next;
}

export function extentMap(volume: Volume, inode: Inode): RunMap {
  const { blockSize } = volume;
  return function* (offset, most) {
    const block = Math.floor(offset / blockSize);
    const into = offset - block * blockSize;
    const found = yield* findExtent(volume, inode, block);
    if (typeof found === "number")
      return { disk: undefined, length: Math.min(most, found * blockSize - offset) };
    const length = (found.start + found.count - block) * blockSize - into;
    if (found.isUnwritten) return { disk: undefined, length };
    // The whole extent must be on the disk, not its first block alone.
    const first = placeOf(volume, found.block);
    placeOf(volume, found.block + found.count - 1);
    return { disk: first + (block - found.start) * blockSize + into, length };
  };
}
