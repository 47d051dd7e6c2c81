/**
 * Where a file's blocks lie: a tree of extents (ext4), or twelve block numbers and three trees of numbers (ext2, ext3).
 * Every descent goes one level down per step, so no cycle is possible.
 */
import { viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import type { Run, RunMap } from "../runs.ts";
import * as L from "./layout.ts";
import { type Inode, readBlock, type Volume } from "./volume.ts";

/** The deepest tree that ext4 makes. */
const DEPTH_MAX = 5;
const DIRECT = 12;

/** Blocks of a file from one on: `block` is where they lie, undefined for a hole. */
interface BlockRun {
  readonly block: number | undefined;
  readonly count: number;
}

export function blockMap(volume: Volume, inode: Inode): RunMap {
  const { blockSize } = volume;
  const find = inode.flags & L.EXTENTS_FL ? findExtent : findPointer;
  return function* (offset, most): Reading<Run> {
    const logical = Math.floor(offset / blockSize);
    const into = offset - logical * blockSize;
    const run = yield* find(volume, inode, logical, Math.ceil((into + most) / blockSize));
    return {
      disk: run.block === undefined ? undefined : run.block * blockSize + into,
      length: run.count * blockSize - into,
    };
  };
}

function* findExtent(volume: Volume, inode: Inode, logical: number, most: number): Reading<BlockRun> {
  const broken = `the extents of inode ${inode.number} are damaged`;
  let node = inode.raw.subarray(L.I_BLOCK, L.I_BLOCK + L.I_BLOCK_BYTES);
  let depth: number | undefined;
  /** The first block behind what this node can speak of. */
  let end = logical + most;
  for (;;) {
    volume.bytes.work.step();
    const view = viewOf(node);
    const header = L.extentHeader.read(view, 0);
    if (header.eh_magic !== L.EXTENT_MAGIC || header.eh_entries > Math.floor(node.length / 12) - 1)
      corrupt(broken);
    if (depth === undefined ? header.eh_depth > DEPTH_MAX : header.eh_depth !== depth) corrupt(broken);
    depth = header.eh_depth;
    // Both kinds of entry begin with the first block they speak of.
    const blockAt = (i: number) => view.getUint32(12 + 12 * i, true);
    let low = 0;
    let high = header.eh_entries;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blockAt(middle) <= logical) low = middle + 1;
      else high = middle;
    }
    if (low < header.eh_entries) end = Math.min(end, blockAt(low));
    if (end <= logical) corrupt(broken);
    if (low === 0) return { block: undefined, count: end - logical };
    const at = 12 + 12 * (low - 1);
    if (depth > 0) {
      const index = L.extentIndex.read(view, at);
      node = yield* readBlock(
        volume,
        index.ei_leaf_lo + index.ei_leaf_hi * 0x1_0000_0000,
        `a node of the extents of inode ${inode.number}`,
      );
      depth--;
      continue;
    }
    const extent = L.extentLeaf.read(view, at);
    const isWritten = extent.ee_len <= L.WRITTEN_MAX;
    const length = isWritten ? extent.ee_len : extent.ee_len - L.WRITTEN_MAX;
    const into = logical - extent.ee_block;
    if (into >= length) return { block: undefined, count: end - logical };
    const start = extent.ee_start_lo + extent.ee_start_hi * 0x1_0000_0000;
    return { block: isWritten ? start + into : undefined, count: Math.min(length - into, end - logical) };
  }
}

function* findPointer(volume: Volume, inode: Inode, logical: number, most: number): Reading<BlockRun> {
  const perBlock = volume.blockSize / 4;
  const root = inode.raw.subarray(L.I_BLOCK, L.I_BLOCK + L.I_BLOCK_BYTES);
  if (logical < DIRECT) return runOf(viewOf(root), logical, Math.min(most, DIRECT - logical));
  let rest = logical - DIRECT;
  for (let level = 1; level <= 3; level++) {
    const span = perBlock ** level;
    if (rest >= span) {
      rest -= span;
      continue;
    }
    let table = viewOf(root);
    let index = DIRECT + level - 1;
    for (let below = span; below >= 1; below /= perBlock) {
      volume.bytes.work.step();
      const next = table.getUint32(4 * index, true);
      if (next === 0) return { block: undefined, count: Math.min(most, below - (rest % below)) };
      table = viewOf(yield* readBlock(volume, next, `a block of numbers of inode ${inode.number}`));
      index = Math.floor((rest % below) / (below / perBlock));
      if (below === perBlock) return runOf(table, index, Math.min(most, perBlock - index));
    }
  }
  corrupt(`inode ${inode.number} claims more blocks than its kind can have`);
}

/** Neighbours on the disk, or a row of zeros, from `index` on. */
function runOf(table: DataView, index: number, most: number): BlockRun {
  const block = table.getUint32(4 * index, true);
  let count = 1;
  while (count < most && table.getUint32(4 * (index + count), true) === (block === 0 ? 0 : block + count))
    count++;
  return { block: block === 0 ? undefined : block, count };
}
