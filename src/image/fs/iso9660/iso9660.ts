/**
 * ISO 9660. Of the names a disk has, the best are taken: Rock Ridge's, else Joliet's, else its own (small letters, without
 * version), as Linux does. Names are those of Unix with Rock Ridge, and found in any case without.
 */
import { type DiskBytes, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading, ready, unsupported } from "../../disk-reading.ts";
import { type FileSystem, type NodeType, typeOfMode } from "../file-system.ts";
import { nameFromBytes } from "../names.ts";
import { openRuns } from "../runs.ts";
import { fileSystem, type Inodes } from "../tree.ts";
import { type RockRidge, readRockRidge, shortTime, suspSkip } from "./susp.ts";
import { ascii, type IsoVolume, readDescriptors, SECTOR, ucs2 } from "./volume.ts";

const FLAG_DIRECTORY = 0x02;
const FLAG_ASSOCIATED = 0x04;
const FLAG_MORE = 0x80;
/** Bytes of a directory that are read; genisoimage's largest are some megabytes. */
const DIRECTORY_MAX = 64 * 1024 * 1024;

interface Extent {
  readonly at: number;
  readonly length: number;
}

interface Node {
  readonly name: string;
  readonly type: NodeType;
  /** Grows, with the size, while its directory is read. */
  readonly extents: Extent[];
  size: number;
  readonly mtime: number;
  readonly mode: number;
  readonly inode: number;
  readonly target: string;
  readonly isPacked: boolean;
}

type Names = "rock-ridge" | "joliet" | "plain";

interface Mounted {
  readonly bytes: DiskBytes;
  readonly volume: IsoVolume;
  readonly names: Names;
  readonly skip: number;
}

/** The ISO 9660 file system on `bytes`; undefined when there is none. */
export function* openIso9660(bytes: DiskBytes): Reading<FileSystem | undefined> {
  const found = yield* readDescriptors(bytes);
  if (found === undefined) return undefined;
  const { primary, joliet, bootCatalogue } = found;
  const skip = yield* rockRidgeSkip(bytes, primary);
  const names: Names = skip !== undefined ? "rock-ridge" : joliet ? "joliet" : "plain";
  const volume = (names === "joliet" ? joliet : undefined) ?? primary;
  const features: string[] = [];
  if (skip !== undefined) features.push("rock-ridge");
  if (joliet !== undefined) features.push("joliet");
  if (bootCatalogue !== undefined) features.push("el-torito");
  const { label, uuid } = primary;
  const about = { kind: "iso9660", label, uuid, blockSize: volume.blockSize, size: volume.size } as const;
  const mounted = { bytes, volume, names, skip: skip ?? 0 };
  return fileSystem({ ...about, features, notes: [] }, inodesOf(mounted));
}

/** The root's "." tells by SP whether Rock Ridge is there. */
function* rockRidgeSkip(bytes: DiskBytes, volume: IsoVolume): Reading<number | undefined> {
  const at = viewOf(volume.root).getUint32(2, true) * volume.blockSize;
  if (!bytes.has(at, SECTOR)) corrupt("the root directory lies beyond the disk's end");
  const first = yield* bytes.structure(at, SECTOR, "the root directory");
  const length = first[0] ?? 0;
  return length < 34 || length > SECTOR ? undefined : suspSkip(first.subarray(34, length));
}

function nodeOf(mounted: Mounted, record: Uint8Array, rock: RockRidge | undefined, place: number): Node {
  const { volume, names } = mounted;
  const view = viewOf(record);
  const isDirectory = ((record[25] ?? 0) & FLAG_DIRECTORY) !== 0;
  const raw = record.subarray(33, 33 + (record[32] ?? 0));
  const name =
    rock?.name !== undefined
      ? nameFromBytes(rock.name)
      : names === "joliet"
        ? unversioned(ucs2(raw))
        : plain(raw);
  const mode = rock?.mode;
  const type = (mode === undefined ? undefined : typeOfMode(mode)) ?? (isDirectory ? "directory" : "file");
  const at = (view.getUint32(2, true) + (record[1] ?? 0)) * volume.blockSize;
  const target = rock?.target === undefined ? "" : nameFromBytes(rock.target);
  return {
    name,
    // The record's own flag decides what its extent is.
    type: isDirectory || rock?.child !== undefined ? "directory" : type === "directory" ? "file" : type,
    extents: [{ at, length: view.getUint32(10, true) }],
    size: type === "symlink" ? target.length : view.getUint32(10, true),
    mtime: rock?.mtime ?? shortTime(record.subarray(18, 25)),
    mode: (mode ?? (isDirectory ? 0o555 : 0o444)) & 0o7777,
    inode: rock?.inode ?? place / 2,
    target,
    isPacked: rock?.isPacked ?? false,
  };
}

const unversioned = (name: string): string => name.replace(/;\d+$/, "");
/** ECMA-119's own names, as Linux shows them. */
const plain = (raw: Uint8Array): string =>
  unversioned(ascii(raw, 0, raw.length))
    .replace(/\.$/, "")
    .toLowerCase();

/** All entries of a directory but "." and "..". */
function* readDirectory(mounted: Mounted, directory: Node): Reading<Node[]> {
  const { bytes, volume, names, skip } = mounted;
  const out: Node[] = [];
  const [extent] = directory.extents;
  const size = Math.min(extent?.length ?? 0, DIRECTORY_MAX);
  const start = extent?.at ?? 0;
  /** The last record said that its file goes on in the next. */
  let goesOn = false;
  for (let done = 0; done < size; done += SECTOR) {
    bytes.work.step();
    const sector = yield* bytes.structure(start + done, SECTOR, "a directory");
    for (let at = 0; at < SECTOR; ) {
      bytes.work.step();
      const length = sector[at] ?? 0;
      if (length === 0) break; // records do not cross sectors
      const nameLength = sector[at + 32] ?? 0;
      if (length < 34 || at + length > SECTOR || 33 + nameLength > length)
        corrupt("a directory record is damaged");
      const record = sector.subarray(at, at + length);
      const place = start + done + at;
      at += length;
      const flags = record[25] ?? 0;
      const isSelf = nameLength === 1 && (record[33] ?? 0) <= 1;
      if (isSelf || flags & FLAG_ASSOCIATED) continue;
      const area = record.subarray(33 + nameLength + ((nameLength + 1) & 1) + skip);
      const rock = names === "rock-ridge" ? yield* readRockRidge(bytes, area, volume.blockSize) : undefined;
      let node = nodeOf(mounted, record, rock, place);
      const previous = out.at(-1);
      if (goesOn && previous !== undefined) {
        previous.extents.push(...node.extents);
        previous.size += node.size;
      } else if (rock?.isMoved !== true) {
        if (rock?.child !== undefined) node = { ...node, ...(yield* movedTo(mounted, rock.child)) };
        bytes.work.take(128 + 2 * node.name.length);
        out.push(node);
      }
      goesOn = (flags & FLAG_MORE) !== 0 && rock?.isMoved !== true;
    }
  }
  return out;
}

/** A directory that was too deep stands elsewhere: its own "." tells size and mode. */
function* movedTo(mounted: Mounted, block: number): Reading<Partial<Node>> {
  const { bytes, volume, skip } = mounted;
  const at = block * volume.blockSize;
  const sector = yield* bytes.structure(at, SECTOR, "a moved directory");
  const length = sector[0] ?? 0;
  if (length < 34) corrupt("a moved directory is damaged");
  const record = sector.subarray(0, length);
  const rock = yield* readRockRidge(bytes, record.subarray(34 + skip), volume.blockSize);
  const { extents, size, mode, inode, mtime } = nodeOf(mounted, record, { ...rock, child: block }, at);
  return { extents: [{ at, length: extents[0]?.length ?? 0 }], size, mode, inode, mtime, type: "directory" };
}

function inodesOf(mounted: Mounted): Inodes<Node> {
  const { bytes, volume, names } = mounted;
  const same = names === "rock-ridge" ? (name: string) => name : (name: string) => name.toLowerCase();
  return {
    root: { ...nodeOf(mounted, volume.root, undefined, 0), type: "directory", inode: 1 },
    stat: ({ type, size, mtime, mode, inode }) => ({ type, size, mtime, mode, inode }),
    *entries(node) {
      return (yield* readDirectory(mounted, node)).map(({ name, inode, type }) => ({ name, inode, type }));
    },
    *lookup(node, name) {
      const wanted = same(name);
      return (yield* readDirectory(mounted, node)).find((one) => same(one.name) === wanted);
    },
    target: (node) => ready(node.target),
    content(node) {
      if (node.isPacked) unsupported("zisofs", `${node.name} is packed by zisofs`);
      return ready(
        openRuns(bytes, node.size, (offset) => {
          let start = 0;
          for (const extent of node.extents) {
            bytes.work.step();
            const into = offset - start;
            if (into < extent.length) return ready({ disk: extent.at + into, length: extent.length - into });
            start += extent.length;
          }
          return corrupt(`${node.name} is larger than its extents`);
        }),
      );
    },
    identity: (node) => String(node.extents[0]?.at),
  };
}
