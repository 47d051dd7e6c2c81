/** XFS (kernel.org's "XFS Algorithms & Data Structures"; fs/xfs/libxfs/xfs_format.h): superblock and inodes. Big endian. */
import { be64, type DiskBytes, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading, unsupported } from "../../disk-reading.ts";
import { labelFromBytes, uuidFromBytes } from "../names.ts";

const MAGIC = 0x58465342; // "XFSB"
const INODE_MAGIC = 0x494e; // "IN"

const VERSION: Readonly<Record<number, string>> = {
  4: "attr",
  5: "nlink",
  6: "quota",
  7: "align",
  10: "logv2",
  11: "extflg",
  12: "sector",
  13: "dirv2",
  14: "ascii-ci",
};
const FEATURES2: Readonly<Record<number, string>> = {
  1: "lazy-count",
  3: "attr2",
  7: "projid32bit",
  8: "crc",
  9: "ftype",
};
const RO_COMPAT: Readonly<Record<number, string>> = {
  0: "finobt",
  1: "rmapbt",
  2: "reflink",
  3: "inobtcount",
};
const INCOMPAT: Readonly<Record<number, string>> = {
  0: "ftype",
  1: "sparse",
  2: "meta_uuid",
  3: "bigtime",
  4: "needsrepair",
  5: "nrext64",
  6: "exchange",
  7: "parent",
};

export interface Volume {
  readonly bytes: DiskBytes;
  readonly features: readonly string[];
  readonly label: string;
  readonly uuid: string;
  readonly blockSize: number;
  readonly blocks: number;
  readonly agBlocks: number;
  readonly agCount: number;
  readonly agBlockLog: number;
  readonly inodeSize: number;
  /** Inodes per block, as a power of two. */
  readonly inodesLog: number;
  readonly directoryBlockSize: number;
  readonly rootInode: number;
  readonly hasCrc: boolean;
  /** Directory entries tell their type. */
  readonly hasType: boolean;
}

/** Undefined when there is no XFS. */
export function* readVolume(bytes: DiskBytes): Reading<Volume | undefined> {
  if (!bytes.has(0, 512)) return undefined;
  const raw = yield* bytes.read(0, 512, "the XFS superblock");
  const view = viewOf(raw);
  if (view.getUint32(0) !== MAGIC) return undefined;
  const versionBits = view.getUint16(100);
  const version = versionBits & 15;
  if (version !== 4 && version !== 5)
    unsupported(`version ${version}`, `XFS of version ${version}; 4 and 5 are read`);
  const hasCrc = version === 5;
  const features = hasCrc ? ["crc"] : [];
  features.push(...named(VERSION, versionBits & 0x7ff0, "version"));
  if (versionBits & 0x8000) features.push(...named(FEATURES2, view.getUint32(200), "features2"));
  if (hasCrc) {
    features.push(...named(RO_COMPAT, view.getUint32(212), "ro_compat"));
    const incompat = named(INCOMPAT, view.getUint32(216), "incompat");
    for (const name of incompat)
      if (name.startsWith("incompat-"))
        unsupported(name, `the XFS file system has the feature ${name}, which is not read here`);
    features.push(...incompat);
  }
  if (!features.includes("dirv2")) unsupported("dirv1", "the XFS file system has directories of version 1");
  const blockLog = view.getUint8(120);
  const inodeLog = view.getUint8(122);
  const inodesLog = view.getUint8(123);
  const directoryLog = view.getUint8(192);
  const agBlocks = view.getUint32(84);
  const agBlockLog = view.getUint8(124);
  const isSound =
    blockLog >= 9 &&
    blockLog <= 16 &&
    view.getUint32(4) === 2 ** blockLog &&
    inodeLog >= 8 &&
    inodeLog <= 11 &&
    inodesLog === blockLog - inodeLog &&
    blockLog + directoryLog <= 16 &&
    agBlocks > 0 &&
    agBlockLog <= 31 &&
    agBlocks <= 2 ** agBlockLog;
  if (!isSound) corrupt("the XFS superblock claims sizes that cannot be");
  return {
    bytes,
    features: [...new Set(features)],
    label: labelFromBytes(raw.subarray(108, 120)),
    uuid: uuidFromBytes(raw.subarray(32)),
    blockSize: 2 ** blockLog,
    blocks: be64(view, 8),
    agBlocks,
    agCount: view.getUint32(88),
    agBlockLog,
    inodeSize: 2 ** inodeLog,
    inodesLog,
    directoryBlockSize: 2 ** (blockLog + directoryLog),
    rootInode: be64(view, 56),
    hasCrc,
    hasType: features.includes("ftype"),
  };
}

function named(known: Readonly<Record<number, string>>, bits: number, kind: string): string[] {
  const out: string[] = [];
  for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) out.push(known[bit] ?? `${kind}-${bit}`);
  return out;
}

/** Byte on the disk of a block number, which is of an allocation group and of a block in it. */
export function placeOf(volume: Volume, block: number): number {
  const per = 2 ** volume.agBlockLog;
  const group = Math.floor(block / per);
  const inGroup = block % per;
  if (group >= volume.agCount || inGroup >= volume.agBlocks)
    corrupt(`block ${inGroup} of the allocation group ${group} is named, which there is not`);
  return (group * volume.agBlocks + inGroup) * volume.blockSize;
}

/** How a fork's content is kept. */
export type ForkFormat = "device" | "local" | "extents" | "btree";
const FORMATS: readonly ForkFormat[] = ["device", "local", "extents", "btree"];

export interface Inode {
  readonly number: number;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
  readonly format: ForkFormat;
  /** Extents of the data fork. */
  readonly extents: number;
  /** The data fork's bytes in the inode. */
  readonly fork: Uint8Array;
  readonly isRealtime: boolean;
}

const CORE_V2 = 100;
const CORE_V3 = 176;
const FLAG_REALTIME = 1;
const FLAG2_BIGTIME = 8;
const FLAG2_NREXT64 = 16;
/** Big times count from here: 2^31 seconds before 1970. */
const BIGTIME_EPOCH = 2 ** 31;

export function* readInode(volume: Volume, number: number): Reading<Inode> {
  const perBlock = 2 ** volume.inodesLog;
  const at = placeOf(volume, Math.floor(number / perBlock));
  // A block of inodes at once: neighbours are asked for next.
  const block = yield* volume.bytes.structure(at, volume.blockSize, `inode ${number}`);
  const start = (number % perBlock) * volume.inodeSize;
  const raw = block.subarray(start, start + volume.inodeSize);
  const view = viewOf(raw);
  if (view.getUint16(0) !== INODE_MAGIC) corrupt(`inode ${number} has not the mark of one`);
  const isV3 = view.getUint8(4) >= 3;
  const core = isV3 ? CORE_V3 : CORE_V2;
  const flags2 = isV3 ? view.getUint32(124) : 0;
  const attributes = view.getUint8(82) * 8;
  const end = attributes === 0 ? raw.length : core + attributes;
  const format = FORMATS[view.getUint8(5)];
  if (format === undefined || end > raw.length) corrupt(`inode ${number} is damaged`);
  return {
    number,
    mode: view.getUint16(2),
    size: be64(view, 56),
    mtime: flags2 & FLAG2_BIGTIME ? bigTime(view, 40) : view.getInt32(40) + view.getUint32(44) / 1e9,
    format,
    extents: flags2 & FLAG2_NREXT64 ? be64(view, 24) : view.getUint32(76),
    fork: raw.subarray(core, end),
    isRealtime: (view.getUint16(90) & FLAG_REALTIME) !== 0,
  };
}

/** Nanoseconds in 64 bits: more than a number holds exactly. */
function bigTime(view: DataView, at: number): number {
  const nanos = view.getBigUint64(at);
  return Number(nanos / 1_000_000_000n) - BIGTIME_EPOCH + Number(nanos % 1_000_000_000n) / 1e9;
}
