/**
 * XFS, versions 4 and 5. The log is not replayed (GRUB does not either): of a disk that was not unmounted, what was done last
 * may be missing.
 */
import { type DiskBytes, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading, ready, unsupported } from "../../disk-reading.ts";
import { type DirectoryEntry, type FileSystem, typeOfEntry, typeOfMode } from "../file-system.ts";
import { bytesFromName, nameFromBytes } from "../names.ts";
import { openBytes, openRuns } from "../runs.ts";
import { fileSystem, type Inodes } from "../tree.ts";
import { walkDirectory } from "./directory.ts";
import { extentMap } from "./extents.ts";
import { type Inode, readInode, readVolume, type Volume } from "./volume.ts";

/** The XFS file system on `bytes`; undefined when there is none. */
export function* openXfs(bytes: DiskBytes): Reading<FileSystem | undefined> {
  const volume = yield* readVolume(bytes);
  if (volume === undefined) return undefined;
  const root = yield* readInode(volume, volume.rootInode);
  if (typeOfMode(root.mode) !== "directory") corrupt("the root of the XFS file system is no directory");
  const { label, uuid, blockSize, features } = volume;
  const notes = features.includes("needsrepair") ? ["the file system is marked as to be repaired"] : [];
  const about = {
    kind: "xfs",
    label,
    uuid,
    blockSize,
    features,
    notes,
    size: volume.blocks * blockSize,
  } as const;
  return fileSystem(about, inodesOf(volume, root));
}

/** XFS numbers types in entries as ext does. */
function inodesOf(volume: Volume, root: Inode): Inodes<Inode> {
  const isCaseless = volume.features.includes("ascii-ci");
  const fold = (byte: number) => (isCaseless && byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
  return {
    root,
    stat({ number, mode, size, mtime }) {
      const type = typeOfMode(mode);
      if (type === undefined) return corrupt(`inode ${number} is of no known type`);
      return { type, size, mtime, mode: mode & 0o7777, inode: number };
    },
    *entries(inode) {
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
      const wanted = bytesFromName(name).map(fold);
      let found: number | undefined;
      yield* walkDirectory(volume, inode, (other, number) => {
        if (other.length !== wanted.length) return false;
        for (let i = 0; i < wanted.length; i++) if (fold(other[i] ?? 0) !== wanted[i]) return false;
        found = number;
        return true;
      });
      return found === undefined ? undefined : yield* readInode(volume, found);
    },
    *target(inode) {
      if (inode.format !== "local") return nameFromBytes(yield* remoteTarget(volume, inode));
      if (inode.size > inode.fork.length) corrupt(`the symbolic link ${inode.number} is damaged`);
      return nameFromBytes(inode.fork.subarray(0, inode.size));
    },
    content(inode) {
      if (inode.isRealtime) unsupported("realtime", `inode ${inode.number} lies on the realtime device`);
      if (inode.format === "local") {
        if (inode.size > inode.fork.length) corrupt(`inode ${inode.number} is damaged`);
        return ready(openBytes(inode.fork.subarray(0, inode.size)));
      }
      return ready(openRuns(volume.bytes, inode.size, extentMap(volume, inode)));
    },
    identity: (inode) => String(inode.number),
  };
}

const LINK_MAGIC = 0x58534c4d; // "XSLM"
const LINK_HEADER = 56;

/** A target that does not fit the inode; with checksums every extent of it has a header. */
function* remoteTarget(volume: Volume, inode: Inode): Reading<Uint8Array> {
  const { blockSize, hasCrc, bytes } = volume;
  const map = extentMap(volume, inode);
  const out = new Uint8Array(inode.size);
  for (let done = 0, offset = 0; done < out.length; ) {
    bytes.work.step();
    const { disk, length } = yield* map(offset, blockSize);
    if (disk === undefined) return corrupt(`the symbolic link ${inode.number} has a hole`);
    const header = hasCrc ? LINK_HEADER : 0;
    const content = yield* bytes.structure(
      disk,
      Math.min(length, header + out.length - done),
      "a symbolic link",
    );
    if (hasCrc && (content.length < LINK_HEADER || viewOf(content).getUint32(0) !== LINK_MAGIC))
      corrupt(`the symbolic link ${inode.number} is damaged`);
    out.set(content.subarray(header), done);
    done += content.length - header;
    offset += length;
  }
  return out;
}
