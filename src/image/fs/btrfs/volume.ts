/**
 * The superblock, and the chunks: what the file system calls addresses are logical, and the chunk tree says where on which
 * device they lie. One device is read: of a mirrored chunk its copy, or the two that DUP makes.
 */
import { type DiskBytes, le64, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading, unsupported } from "../../disk-reading.ts";
import { crc32c } from "../crc32c.ts";
import { labelFromBytes, nameFromBytes, uuidFromBytes } from "../names.ts";
import * as L from "./layout.ts";

export interface Chunk {
  readonly logical: number;
  readonly length: number;
  /** Bytes on the disk, one for each copy that it holds; none when the profile is not read. */
  readonly copies: readonly number[];
  readonly profile: string;
}

export interface Volume {
  readonly bytes: DiskBytes;
  readonly fsid: string;
  /** What tree blocks carry: another than {@link fsid} when the latter was changed. */
  readonly metadataUuid: string;
  readonly label: string;
  readonly size: number;
  readonly nodesize: number;
  readonly sectorsize: number;
  readonly devid: number;
  readonly devices: number;
  readonly hasCrc32c: boolean;
  readonly features: readonly string[];
  readonly notes: string[];
  readonly root: TreeRoot;
  readonly chunkRoot: TreeRoot;
  readonly rootDirObjectid: number;
  /** In order of their logical addresses. */
  chunks: readonly Chunk[];
}

export interface TreeRoot {
  readonly logical: number;
  readonly level: number;
}

/** Undefined when no superblock has the mark; the newest good one of the three. */
export function* readVolume(bytes: DiskBytes): Reading<Volume | undefined> {
  let best: Uint8Array | undefined;
  let isFirstBad = false;
  if (!bytes.has(L.SUPERBLOCKS[0], L.SUPERBLOCK_SIZE)) return undefined;
  for (const at of L.SUPERBLOCKS) {
    if (!bytes.has(at, L.SUPERBLOCK_SIZE)) break;
    const raw = yield* bytes.read(at, L.SUPERBLOCK_SIZE, "a btrfs superblock");
    const view = viewOf(raw);
    const isOurs =
      nameFromBytes(raw.subarray(L.SB.magic, L.SB.magic + 8)) === L.MAGIC && le64(view, L.SB.bytenr) === at;
    const isGood =
      isOurs &&
      (view.getUint16(L.SB.csumType, true) !== 0 || crc32c(raw.subarray(32)) === view.getUint32(0, true));
    if (isGood && (best === undefined || le64(view, L.SB.generation) > le64(viewOf(best), L.SB.generation)))
      best = raw;
    // A disk that was another file system's before may still have copies far behind.
    if (at === L.SUPERBLOCKS[0]) {
      if (!isOurs) return undefined;
      isFirstBad = !isGood;
    }
  }
  if (best === undefined) corrupt("the checksum of every btrfs superblock is wrong");
  return volumeOf(bytes, best, isFirstBad ? ["the first superblock is damaged; a copy was used"] : []);
}

function volumeOf(bytes: DiskBytes, raw: Uint8Array, notes: string[]): Volume {
  const view = viewOf(raw);
  const features = [
    ...names(L.INCOMPAT, view.getUint32(L.SB.incompat, true), "incompat"),
    ...names(L.COMPAT_RO, view.getUint32(L.SB.compatRo, true), "compat_ro"),
  ];
  for (const name of features)
    if (L.NOT_READ.includes(name) || name.startsWith("incompat-"))
      unsupported(name, `the btrfs file system has the feature ${name}, which is not read here`);
  const nodesize = view.getUint32(L.SB.nodesize, true);
  const sectorsize = view.getUint32(L.SB.sectorsize, true);
  const isSize = (n: number) => n >= 512 && n <= 65536 && (n & (n - 1)) === 0;
  if (!isSize(nodesize) || !isSize(sectorsize) || nodesize < 4096)
    corrupt(`the btrfs superblock claims nodes of ${nodesize} and sectors of ${sectorsize} bytes`);
  if (le64(view, L.SB.logRoot) !== 0) {
    features.push("log-tree");
    notes.push("a log tree was left to be replayed: what was synced last may be missing");
  }
  const csumType = view.getUint16(L.SB.csumType, true);
  const csum = L.CSUM_TYPES[csumType];
  if (csum === undefined) unsupported(`csum-${csumType}`, `btrfs checksums of the unknown type ${csumType}`);
  if (csumType !== 0) features.push(csum);
  const fsid = uuidFromBytes(raw.subarray(L.SB.fsid));
  const devices = le64(view, L.SB.numDevices);
  const arraySize = view.getUint32(L.SB.sysChunkArraySize, true);
  if (arraySize > L.SYS_CHUNK_ARRAY_BYTES)
    corrupt(`the btrfs superblock claims ${arraySize} bytes of system chunks`);
  const volume: Volume = {
    bytes,
    fsid,
    metadataUuid: features.includes("metadata-uuid") ? uuidFromBytes(raw.subarray(L.SB.metadataUuid)) : fsid,
    label: labelFromBytes(raw.subarray(L.SB.label, L.SB.label + L.LABEL_BYTES)),
    size: le64(view, L.SB.totalBytes),
    nodesize,
    sectorsize,
    devid: le64(view, L.SB.devid),
    devices,
    hasCrc32c: csumType === 0,
    features,
    notes,
    root: { logical: le64(view, L.SB.root), level: view.getUint8(L.SB.rootLevel) },
    chunkRoot: { logical: le64(view, L.SB.chunkRoot), level: view.getUint8(L.SB.chunkRootLevel) },
    rootDirObjectid: le64(view, L.SB.rootDirObjectid),
    chunks: [],
  };
  volume.chunks = systemChunks(volume, raw.subarray(L.SB.sysChunkArray, L.SB.sysChunkArray + arraySize));
  return volume;
}

function names(known: Readonly<Record<number, string>>, bits: number, kind: string): string[] {
  const out: string[] = [];
  for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) out.push(known[bit] ?? `${kind}-${bit}`);
  return out;
}

/** Pairs of key and chunk, enough to read the chunk tree. */
function systemChunks(volume: Volume, array: Uint8Array): Chunk[] {
  const view = viewOf(array);
  const out: Chunk[] = [];
  for (let at = 0; at + L.KEY_SIZE + 48 <= array.length; ) {
    const logical = le64(view, at + 9);
    const item = array.subarray(at + L.KEY_SIZE);
    out.push(chunkOf(volume, logical, item));
    at += L.KEY_SIZE + 48 + 32 * viewOf(item).getUint16(44, true);
  }
  return inOrder(out);
}

const inOrder = (chunks: Chunk[]): Chunk[] => chunks.sort((a, b) => a.logical - b.logical);
export const setChunks = (volume: Volume, chunks: Chunk[]): void => {
  volume.chunks = inOrder(chunks);
};

/** Bits of a chunk's type from raid0 on; single has none. */
const PROFILES = ["raid0", "raid1", "dup", "raid10", "raid5", "raid6", "raid1c3", "raid1c4"];
const COPIED = ["single", "dup", "raid1", "raid1c3", "raid1c4"];

export function chunkOf(volume: Volume, logical: number, item: Uint8Array): Chunk {
  const view = viewOf(item);
  if (item.length < 48) corrupt("a chunk's item is cut off");
  const stripes = view.getUint16(44, true);
  if (stripes === 0 || item.length < 48 + 32 * stripes) corrupt("a chunk's item is cut off");
  const type = view.getUint32(24, true);
  const profile = PROFILES.find((_, i) => (type >>> (3 + i)) & 1) ?? "single";
  const copies: number[] = [];
  // One stripe of raid0 is no more than a single copy.
  if (COPIED.includes(profile) || stripes === 1)
    for (let at = 48; at < 48 + 32 * stripes; at += 32)
      if (le64(view, at) === volume.devid) copies.push(le64(view, at + 8));
  return { logical, length: le64(view, 0), copies, profile };
}

/** Where the logical address lies, copies in order, and how many bytes from there on are together. */
export function placesOf(volume: Volume, logical: number): { copies: readonly number[]; length: number } {
  const { chunks } = volume;
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunks[middle]?.logical ?? 0) <= logical) low = middle + 1;
    else high = middle;
  }
  const chunk = chunks[low - 1];
  const into = chunk === undefined ? 0 : logical - chunk.logical;
  if (chunk === undefined || into >= chunk.length)
    return corrupt(`the btrfs address ${logical} lies in no chunk`);
  if (chunk.copies.length === 0)
    unsupported(
      chunk.profile,
      volume.devices > 1
        ? `the data is spread over ${volume.devices} devices (${chunk.profile}), of which one is here`
        : `the btrfs profile ${chunk.profile} is not read here`,
    );
  return { copies: chunk.copies.map((at) => at + into), length: chunk.length - into };
}
