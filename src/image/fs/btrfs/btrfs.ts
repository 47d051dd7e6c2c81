/**
 * btrfs on one device. Paths begin at the top-level subvolume, as GRUB's do ("/@rootfs/boot/vmlinuz"), unless another is asked
 * for. Subvolumes look like directories.
 */
import { type DiskBytes, le64, viewOf } from "../../disk-bytes.ts";
import { corrupt, ImageFault, type Reading, ready } from "../../disk-reading.ts";
import { crc32cRaw } from "../crc32c.ts";
import { type DirectoryEntry, type FileSystem, typeOfEntry, typeOfMode } from "../file-system.ts";
import { bytesFromName, nameFromBytes } from "../names.ts";
import { fileSystem, type Inodes } from "../tree.ts";
import { openExtents } from "./extents.ts";
import * as L from "./layout.ts";
import { findItem, type Item, walkItems } from "./tree.ts";
import { type Chunk, chunkOf, readVolume, setChunks, type TreeRoot, type Volume } from "./volume.ts";

/** "top" is subvolume 5, "default" the one that `btrfs subvolume set-default` chose, a number any other's id. */
export type Subvolume = "top" | "default" | number;

interface Node {
  readonly subvolume: number;
  readonly tree: TreeRoot;
  readonly objectid: number;
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
}

/** The btrfs file system on `bytes`; undefined when there is none. */
export function* openBtrfs(bytes: DiskBytes, subvolume: Subvolume = "top"): Reading<FileSystem | undefined> {
  const volume = yield* readVolume(bytes);
  if (volume === undefined) return undefined;
  yield* readChunks(volume);
  const id =
    subvolume === "top" ? L.FS_TREE : subvolume === "default" ? yield* defaultSubvolume(volume) : subvolume;
  const root = yield* subvolumeRoot(volume, id);
  if (root === undefined) throw new ImageFault("not-found", `there is no subvolume ${id}`);
  const about = {
    kind: "btrfs",
    label: volume.label,
    uuid: volume.fsid,
    blockSize: volume.sectorsize,
    size: volume.size,
    features: volume.features,
    notes: volume.notes,
  } as const;
  return fileSystem(about, inodesOf(volume, root));
}

function* readChunks(volume: Volume): Reading<void> {
  const chunks: Chunk[] = [];
  const from = { objectid: L.FIRST_CHUNK_TREE, type: L.CHUNK_ITEM, offset: 0 };
  yield* walkItems(volume, volume.chunkRoot, from, ({ key, data }) => {
    if (key.objectid !== L.FIRST_CHUNK_TREE || key.type !== L.CHUNK_ITEM) return true;
    volume.bytes.work.take(256);
    chunks.push(chunkOf(volume, key.offset, data));
    return false;
  });
  setChunks(volume, chunks);
}

/** The directory item "default" of the root tree names it. */
function* defaultSubvolume(volume: Volume): Reading<number> {
  const found = yield* findEntry(volume, volume.root, volume.rootDirObjectid, "default");
  return found?.isSubvolume === true ? found.objectid : L.FS_TREE;
}

/** The root directory of a subvolume; undefined when there is no such. */
function* subvolumeRoot(volume: Volume, id: number): Reading<Node | undefined> {
  let item: Uint8Array | undefined;
  // A snapshot's key has the transaction that made it as its offset.
  yield* walkItems(volume, volume.root, { objectid: id, type: L.ROOT_ITEM, offset: 0 }, ({ key, data }) => {
    if (key.objectid === id && key.type === L.ROOT_ITEM) item = data;
    return true;
  });
  if (item === undefined) return undefined;
  if (item.length < 239) corrupt(`the root of subvolume ${id} is cut off`);
  const view = viewOf(item);
  const tree = { logical: le64(view, 176), level: view.getUint8(238) };
  return yield* readNode(volume, tree, id, le64(view, 168));
}

function* readNode(volume: Volume, tree: TreeRoot, subvolume: number, objectid: number): Reading<Node> {
  const item = yield* findItem(volume, tree, { objectid, type: L.INODE_ITEM, offset: 0 });
  if (item === undefined || item.length < 160)
    return corrupt(`inode ${objectid} of subvolume ${subvolume} is missing`);
  const view = viewOf(item);
  const seconds = Number(view.getBigInt64(136, true));
  return {
    subvolume,
    tree,
    objectid,
    size: le64(view, 16),
    mode: view.getUint32(52, true),
    mtime: seconds + view.getUint32(144, true) / 1e9,
  };
}

interface Entry {
  readonly name: string;
  readonly isSubvolume: boolean;
  readonly objectid: number;
  readonly type: number;
}

/** The entries in one item: several when their names' hashes are the same. */
function entriesOf(volume: Volume, { data }: Item): Entry[] {
  const view = viewOf(data);
  const out: Entry[] = [];
  for (let at = 0; at + 30 <= data.length; ) {
    volume.bytes.work.step();
    const extra = view.getUint16(at + 25, true);
    const length = view.getUint16(at + 27, true);
    const start = at + 30;
    if (start + length + extra > data.length) corrupt("a directory's item is damaged");
    out.push({
      name: nameFromBytes(data.subarray(start, start + length)),
      isSubvolume: view.getUint8(at + 8) === L.ROOT_ITEM,
      objectid: le64(view, at),
      type: view.getUint8(at + 29),
    });
    at = start + length + extra;
  }
  return out;
}

function* findEntry(
  volume: Volume,
  tree: TreeRoot,
  directory: number,
  name: string,
): Reading<Entry | undefined> {
  const hash = crc32cRaw(0xfffffffe, bytesFromName(name));
  const key = { objectid: directory, type: L.DIR_ITEM, offset: hash };
  const data = yield* findItem(volume, tree, key);
  return data && entriesOf(volume, { key, data }).find((entry) => entry.name === name);
}

/**
 * Whether the subvolume `id` really stands in this directory. A snapshot holds the names of the subvolumes in its original,
 * but not them: a kernel shows an empty directory there.
 */
function* isAt(volume: Volume, id: number, directory: Node, name: string): Reading<boolean> {
  const key = { objectid: directory.subvolume, type: L.ROOT_REF, offset: id };
  const data = yield* findItem(volume, volume.root, key);
  if (data === undefined || data.length < 18) return false;
  const view = viewOf(data);
  const there = nameFromBytes(data.subarray(18, 18 + view.getUint16(16, true)));
  return le64(view, 0) === directory.objectid && there === name;
}

function inodesOf(volume: Volume, root: Node): Inodes<Node> {
  return {
    root,
    stat({ mode, size, mtime, objectid }) {
      const type = typeOfMode(mode);
      if (type === undefined) return corrupt(`inode ${objectid} is of no known type`);
      return { type, size, mtime, mode: mode & 0o7777, inode: objectid };
    },
    *entries({ tree, objectid }) {
      const out: DirectoryEntry[] = [];
      const from = { objectid, type: L.DIR_INDEX, offset: 0 };
      yield* walkItems(volume, tree, from, (item) => {
        if (item.key.objectid !== objectid || item.key.type !== L.DIR_INDEX) return true;
        for (const { name, objectid: inode, type } of entriesOf(volume, item)) {
          volume.bytes.work.take(64 + 2 * name.length);
          out.push({ name, inode, type: typeOfEntry(type) });
        }
        return false;
      });
      return out;
    },
    *lookup(node, name) {
      const { tree, subvolume, objectid } = node;
      const entry = yield* findEntry(volume, tree, objectid, name);
      if (entry === undefined) return undefined;
      if (!entry.isSubvolume) return yield* readNode(volume, tree, subvolume, entry.objectid);
      if (!(yield* isAt(volume, entry.objectid, node, name)))
        return { ...node, objectid: L.EMPTY_SUBVOLUME, size: 0, mode: 0o40755 };
      const found = yield* subvolumeRoot(volume, entry.objectid);
      if (found === undefined) corrupt(`the subvolume ${name} is missing`);
      return found;
    },
    *target({ tree, objectid, size }) {
      return nameFromBytes(yield* openExtents(volume, tree, objectid, size).read(0, size));
    },
    content: ({ tree, objectid, size }) => ready(openExtents(volume, tree, objectid, size)),
    identity: ({ subvolume, objectid }) => `${subvolume}:${objectid}`,
  };
}
