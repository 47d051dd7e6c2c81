/**
 * ext2, ext3 and ext4. What a journal holds of committed transactions is put over the blocks in memory, so one reads what a
 * kernel would see after its recovery (GRUB reads the old blocks).
 */
import type { DiskBytes } from "../../disk-bytes.ts";
import { corrupt, type Reading, ready, unsupported } from "../../disk-reading.ts";
import { type DirectoryEntry, type FileSystem, typeOfEntry, typeOfMode } from "../file-system.ts";
import { bytesFromName, labelFromBytes, nameFromBytes, uuidFromBytes } from "../names.ts";
import { openBytes, openRuns } from "../runs.ts";
import { fileSystem, type Inodes } from "../tree.ts";
import { blockMap } from "./block-map.ts";
import { walkDirectory } from "./directory.ts";
import { extKind } from "./features.ts";
import { inlineContent } from "./inline-data.ts";
import { replayJournal } from "./journal.ts";
import * as L from "./layout.ts";
import { type Inode, readBlock, readData, readInode, type Volume, volumeOf } from "./volume.ts";

/** The ext file system on `bytes`; undefined when there is none. */
export function* openExt(bytes: DiskBytes): Reading<FileSystem | undefined> {
  if (!bytes.has(L.SUPERBLOCK_AT, 1024)) return undefined;
  const stored = volumeOf(bytes, yield* bytes.read(L.SUPERBLOCK_AT, 1024, "the ext superblock"));
  if (stored === undefined) return undefined;
  const notes: string[] = [];
  if (!stored.isChecksumGood) notes.push("the superblock's checksum is wrong");
  let volume = stored;
  if (stored.features.includes("needs_recovery")) {
    notes.push(yield* replayJournal(stored));
    volume = yield* afresh(stored);
  }
  const inodes = inodesOf(volume, yield* readInode(volume, L.ROOT_INODE));
  if (inodes.stat(inodes.root).type !== "directory")
    corrupt("the root of the ext file system is no directory");
  return fileSystem(
    {
      kind: extKind(volume.features),
      label: labelFromBytes(volume.raw.subarray(L.LABEL_AT, L.LABEL_AT + L.LABEL_BYTES)),
      uuid: uuidFromBytes(volume.raw.subarray(L.UUID_AT)),
      blockSize: volume.blockSize,
      size: volume.blocks * volume.blockSize,
      features: volume.features,
      notes,
    },
    inodes,
  );
}

/** The superblock may stand in the journal too. */
function* afresh(stored: Volume): Reading<Volume> {
  const { blockSize, journaled } = stored;
  const block = Math.floor(L.SUPERBLOCK_AT / blockSize);
  if (!journaled.has(block)) return stored;
  const content = yield* readBlock(stored, block, "the ext superblock");
  const at = L.SUPERBLOCK_AT % blockSize;
  const now = volumeOf(stored.bytes, content.subarray(at, at + 1024));
  if (now === undefined || now.blockSize !== blockSize)
    return corrupt("the journal holds a damaged superblock");
  for (const [number, place] of journaled) now.journaled.set(number, place);
  return now;
}

function inodesOf(volume: Volume, root: Inode): Inodes<Inode> {
  const refuse = (inode: Inode) => {
    if (inode.flags & L.ENCRYPT_FL) unsupported("encrypt", `inode ${inode.number} is encrypted`);
  };
  return {
    root,
    stat(inode) {
      const type = typeOfMode(inode.mode);
      if (type === undefined) return corrupt(`inode ${inode.number} is of no known type`);
      const { size, mtime, mode, number } = inode;
      return { type, size, mtime, mode: mode & 0o7777, inode: number };
    },
    *entries(inode) {
      refuse(inode);
      const out: DirectoryEntry[] = [];
      yield* walkDirectory(volume, inode, (name, number, type) => {
        const text = nameFromBytes(name);
        if (text === "." || text === "..") return false;
        volume.bytes.work.take(64 + 2 * name.length);
        out.push({ name: text, inode: number, type: typeOfEntry(type) });
        return false;
      });
      return out;
    },
    *lookup(inode, name) {
      refuse(inode);
      const wanted = bytesFromName(name);
      let found: number | undefined;
      yield* walkDirectory(volume, inode, (other, number) => {
        if (other.length !== wanted.length) return false;
        for (let i = 0; i < wanted.length; i++) if (other[i] !== wanted[i]) return false;
        found = number;
        return true;
      });
      if (found !== undefined) return yield* readInode(volume, found);
      if (inode.flags & L.CASEFOLD_FL)
        unsupported(
          "casefold",
          `${name} is not written like that in a directory that ignores case (casefold)`,
        );
      return undefined;
    },
    *target(inode) {
      refuse(inode);
      return nameFromBytes(yield* targetBytes(volume, inode));
    },
    content(inode) {
      refuse(inode);
      if (inode.flags & L.COMPR_FL && volume.features.includes("compression"))
        unsupported("compression", `inode ${inode.number} is compressed`);
      if (inode.flags & L.INLINE_DATA_FL) return ready(openBytes(inlineContent(inode)));
      return ready(contentOf(volume, inode));
    },
    identity: (inode) => String(inode.number),
  };
}

const contentOf = (volume: Volume, inode: Inode) =>
  openRuns(volume.bytes, inode.size, blockMap(volume, inode), (offset, length) =>
    readData(volume, offset, length),
  );

function* targetBytes(volume: Volume, inode: Inode): Reading<Uint8Array> {
  if (inode.flags & L.INLINE_DATA_FL) return inlineContent(inode);
  const isFast = inode.size < L.I_BLOCK_BYTES && inode.hasNoBlocks && (inode.flags & L.EXTENTS_FL) === 0;
  if (isFast) return inode.raw.subarray(L.I_BLOCK, L.I_BLOCK + inode.size);
  return yield* contentOf(volume, inode).read(0, inode.size);
}
