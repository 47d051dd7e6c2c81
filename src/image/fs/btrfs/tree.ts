/** The trees: nodes of keys and pointers, leaves of items. Every step goes one level down, so no cycle is possible. */
import { le64, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import { crc32c } from "../crc32c.ts";
import { uuidFromBytes } from "../names.ts";
import * as L from "./layout.ts";
import { placesOf, type TreeRoot, type Volume } from "./volume.ts";

export interface Key {
  readonly objectid: number;
  readonly type: number;
  readonly offset: number;
}

export interface Item {
  readonly key: Key;
  readonly data: Uint8Array;
}

const keyAt = (view: DataView, at: number): Key => ({
  objectid: le64(view, at),
  type: view.getUint8(at + 8),
  offset: le64(view, at + 9),
});

const compare = (a: Key, b: Key): number => a.objectid - b.objectid || a.type - b.type || a.offset - b.offset;

/** Blocks found good, so that each is checked once while it is kept. */
const checked = new WeakSet<Uint8Array>();

/** The tree block at a logical address: the first copy that is good. */
function* readBlock(volume: Volume, logical: number, level: number): Reading<Uint8Array> {
  const { copies, length } = placesOf(volume, logical);
  if (length < volume.nodesize) corrupt(`the tree block at ${logical} crosses the end of its chunk`);
  let why = "";
  for (const at of copies) {
    if (!volume.bytes.has(at, volume.nodesize)) {
      why = `the tree block at ${logical} lies beyond the disk's end`;
      continue;
    }
    const block = yield* volume.bytes.structure(at, volume.nodesize, "a tree block");
    if (!checked.has(block)) {
      why = damageOf(volume, block, logical);
      if (why !== "") continue;
      checked.add(block);
    }
    const found = block[L.HEADER.level];
    if (found === level) return block;
    why = `the tree block at ${logical} is of level ${found}, not ${level}`;
  }
  return corrupt(why);
}

function damageOf(volume: Volume, block: Uint8Array, logical: number): string {
  const view = viewOf(block);
  if (le64(view, L.HEADER.bytenr) !== logical)
    return `another tree block stands where that of ${logical} should`;
  if (uuidFromBytes(block.subarray(L.HEADER.fsid)) !== volume.metadataUuid)
    return `the tree block at ${logical} belongs to another file system`;
  if (volume.hasCrc32c && crc32c(block.subarray(32)) !== view.getUint32(0, true))
    return `the checksum of the tree block at ${logical} is wrong`;
  return "";
}

/** The items of a tree from the first that is not below `from`, in order, until `visit` answers true. */
export function* walkItems(
  volume: Volume,
  root: TreeRoot,
  from: Key,
  visit: (item: Item) => boolean,
): Reading<void> {
  if (root.level > L.LEVEL_MAX) corrupt(`a tree claims the level ${root.level}`);
  yield* walkBlock(volume, root.logical, root.level, from, visit);
}

function* walkBlock(
  volume: Volume,
  logical: number,
  level: number,
  from: Key,
  visit: (item: Item) => boolean,
): Reading<boolean> {
  const block = yield* readBlock(volume, logical, level);
  const view = viewOf(block);
  const size = level === 0 ? L.ITEM_SIZE : L.POINTER_SIZE;
  const count = itemsOf(volume, view, logical, size);
  const slot = (i: number) => L.HEADER_SIZE + i * size;
  /** The first slot whose key is not below `from`. */
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(keyAt(view, slot(middle)), from) < 0) low = middle + 1;
    else high = middle;
  }
  if (level > 0) {
    // The child before may hold it.
    for (let i = Math.max(0, low - 1); i < count; i++) {
      volume.bytes.work.step();
      if (yield* walkBlock(volume, le64(view, slot(i) + L.KEY_SIZE), level - 1, from, visit)) return true;
    }
    return false;
  }
  for (let i = low; i < count; i++) {
    volume.bytes.work.step();
    const at = L.HEADER_SIZE + view.getUint32(slot(i) + 17, true);
    const length = view.getUint32(slot(i) + 21, true);
    if (at + length > block.length) corrupt(`an item of the tree block at ${logical} reaches beyond it`);
    if (visit({ key: keyAt(view, slot(i)), data: block.subarray(at, at + length) })) return true;
  }
  return false;
}

/** The item with this very key. */
export function* findItem(volume: Volume, root: TreeRoot, key: Key): Reading<Uint8Array | undefined> {
  let found: Uint8Array | undefined;
  yield* walkItems(volume, root, key, (item) => {
    if (compare(item.key, key) === 0) found = item.data;
    return true;
  });
  return found;
}

/** The key of the last item that is not above `key`. */
export function* findLast(volume: Volume, root: TreeRoot, key: Key): Reading<Key | undefined> {
  if (root.level > L.LEVEL_MAX) corrupt(`a tree claims the level ${root.level}`);
  let { logical, level } = root;
  for (;;) {
    const block = yield* readBlock(volume, logical, level);
    const view = viewOf(block);
    const size = level === 0 ? L.ITEM_SIZE : L.POINTER_SIZE;
    const slot = (i: number) => L.HEADER_SIZE + i * size;
    let low = 0;
    let high = itemsOf(volume, view, logical, size);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(keyAt(view, slot(middle)), key) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    if (level === 0) return keyAt(view, slot(low - 1));
    logical = le64(view, slot(low - 1) + L.KEY_SIZE);
    level--;
  }
}

function itemsOf(volume: Volume, view: DataView, logical: number, size: number): number {
  const count = view.getUint32(L.HEADER.nritems, true);
  if (count > (volume.nodesize - L.HEADER_SIZE) / size)
    corrupt(`the tree block at ${logical} claims ${count} items`);
  return count;
}
