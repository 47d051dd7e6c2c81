/** An ext file system's geometry, its blocks (through the journal's overlay) and its inodes. */
import { type DiskBytes, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import { crc32cRaw } from "../crc32c.ts";
import { featureNames, refuseUnknown } from "./features.ts";
import * as L from "./layout.ts";

type Superblock = ReturnType<typeof L.superblock.read>;

/** Where a block's present content lies when the journal holds it. */
export interface Journaled {
  /** Block of the journal, counted on the disk. */
  readonly block: number;
  /** Its first four bytes were taken away, for they look like the journal's own mark. */
  readonly isEscaped: boolean;
}

export interface Volume {
  readonly bytes: DiskBytes;
  /** The superblock's 1024 bytes. */
  readonly raw: Uint8Array;
  readonly sb: Superblock;
  readonly features: readonly string[];
  readonly blockSize: number;
  readonly blocks: number;
  readonly groups: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  readonly isChecksumGood: boolean;
  /** By block number; filled by the journal's replay. */
  readonly journaled: Map<number, Journaled>;
}

/** The geometry that 1024 bytes of superblock tell; undefined when the mark is missing. */
export function volumeOf(bytes: DiskBytes, raw: Uint8Array): Volume | undefined {
  const sb = L.superblock.read(viewOf(raw), 0);
  if (sb.s_magic !== L.EXT_MAGIC) return undefined;
  const isOld = sb.s_rev_level === 0;
  const incompat = isOld ? 0 : sb.s_feature_incompat;
  const features = isOld
    ? []
    : featureNames(sb.s_feature_compat, sb.s_feature_incompat, sb.s_feature_ro_compat);
  refuseUnknown(incompat);
  if (sb.s_log_block_size > 6) corrupt("the ext superblock claims blocks of more than 64 KiB");
  const blockSize = 1024 << sb.s_log_block_size;
  const inodeSize = isOld ? 128 : sb.s_inode_size;
  if (inodeSize < 128 || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0)
    corrupt(`the ext superblock claims inodes of ${inodeSize} bytes`);
  const is64 = features.includes("64bit");
  const descriptorSize = is64 ? sb.s_desc_size : 32;
  if (descriptorSize < (is64 ? 64 : 32) || descriptorSize > blockSize || descriptorSize % 8 !== 0)
    corrupt(`the ext superblock claims group descriptors of ${descriptorSize} bytes`);
  const blocks = sb.s_blocks_count_lo + (is64 ? sb.s_blocks_count_hi * 0x1_0000_0000 : 0);
  const { s_blocks_per_group: perGroup, s_inodes_per_group: inodesPerGroup } = sb;
  if (perGroup === 0 || inodesPerGroup === 0 || inodesPerGroup > blockSize * 8)
    corrupt(`the ext superblock claims groups of ${perGroup} blocks and ${inodesPerGroup} inodes`);
  if (blocks <= sb.s_first_data_block) corrupt("the ext superblock claims no blocks");
  const hasSum = features.includes("metadata_csum");
  return {
    bytes,
    raw,
    sb,
    features,
    blockSize,
    blocks,
    groups: Math.ceil((blocks - sb.s_first_data_block) / perGroup),
    inodeSize,
    descriptorSize,
    isChecksumGood: !hasSum || crc32cRaw(0xffffffff, raw.subarray(0, 0x3fc)) === sb.s_checksum,
    journaled: new Map(),
  };
}

/** Byte on the disk where a block lies; corrupt when the file system has no such block. */
function placeOf(volume: Volume, block: number, count: number, what: string): number {
  if (block + count > volume.blocks)
    corrupt(`${what} is said to be in block ${block}, but there are ${volume.blocks}`);
  return block * volume.blockSize;
}

/** One block of structure, as the journal has it. */
export function* readBlock(volume: Volume, block: number, what: string): Reading<Uint8Array> {
  const at = placeOf(volume, block, 1, what);
  const { bytes, blockSize } = volume;
  const other = volume.journaled.get(block);
  if (other === undefined) return yield* bytes.structure(at, blockSize, what);
  return unescaped(yield* bytes.structure(other.block * blockSize, blockSize, what), other);
}

function unescaped(content: Uint8Array, from: Journaled): Uint8Array {
  if (!from.isEscaped) return content;
  const out = content.slice();
  viewOf(out).setUint32(0, JOURNAL_MAGIC);
  return out;
}
export const JOURNAL_MAGIC = 0xc03b3998;

/** A stretch of a file's data, as the journal has it. */
export function* readData(volume: Volume, offset: number, length: number): Reading<Uint8Array> {
  const { bytes, blockSize, journaled } = volume;
  const what = "a part of the file";
  const first = Math.floor(offset / blockSize);
  const end = Math.ceil((offset + length) / blockSize);
  placeOf(volume, first, end - first, what);
  let touched = false;
  if (journaled.size > 0)
    for (let block = first; block < end && !touched; block++) touched = journaled.has(block);
  const plain = yield* bytes.read(offset, length, what);
  if (!touched) return plain;
  const out = plain.slice();
  for (let block = first; block < end; block++) {
    if (!journaled.has(block)) continue;
    const from = Math.max(block * blockSize, offset);
    const to = Math.min((block + 1) * blockSize, offset + length);
    const content = yield* readBlock(volume, block, what);
    out.set(content.subarray(from - block * blockSize, to - block * blockSize), from - offset);
  }
  return out;
}

/** The block of group descriptors number `n`: after the superblock, or with meta_bg in the first group it describes. */
function descriptorBlock(volume: Volume, n: number): number {
  const { sb, features, blockSize } = volume;
  if (!features.includes("meta_bg") || n < sb.s_first_meta_bg)
    return Math.floor(L.SUPERBLOCK_AT / blockSize) + 1 + n;
  const group = n * Math.floor(blockSize / volume.descriptorSize);
  let own = hasSuperblock(volume, group) ? 1 : 0;
  // Blocks of 1 KiB counted from 0 (bigalloc): the boot block comes before.
  if (blockSize === 1024 && group === 0 && sb.s_first_data_block === 0) own++;
  return group * sb.s_blocks_per_group + sb.s_first_data_block + own;
}

function hasSuperblock(volume: Volume, group: number): boolean {
  if (group === 0) return true;
  if (volume.features.includes("sparse_super2"))
    return group === volume.sb.s_backup_bgs_0 || group === volume.sb.s_backup_bgs_1;
  if (group === 1 || !volume.features.includes("sparse_super")) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}

export interface Inode {
  readonly number: number;
  readonly raw: Uint8Array;
  readonly mode: number;
  readonly flags: number;
  /** Bytes. */
  readonly size: number;
  readonly mtime: number;
  /** No block holds data: what there is stands in i_block. */
  readonly hasNoBlocks: boolean;
}

export function* readInode(volume: Volume, number: number): Reading<Inode> {
  const { sb, blockSize, inodeSize, descriptorSize } = volume;
  if (number < 1 || number > sb.s_inodes_count)
    corrupt(`inode ${number} is named, but there are ${sb.s_inodes_count}`);
  const group = Math.floor((number - 1) / sb.s_inodes_per_group);
  const index = (number - 1) % sb.s_inodes_per_group;
  if (group >= volume.groups)
    corrupt(`inode ${number} lies in group ${group}, but there are ${volume.groups}`);
  const perBlock = Math.floor(blockSize / descriptorSize);
  const where = descriptorBlock(volume, Math.floor(group / perBlock));
  const descriptors = yield* readBlock(volume, where, "a group's descriptor");
  const at = (group % perBlock) * descriptorSize;
  const view = viewOf(descriptors);
  const high = descriptorSize >= 64 ? L.groupDescriptor.field.bg_inode_table_hi.get(view, at) : 0;
  const table = L.groupDescriptor.field.bg_inode_table_lo.get(view, at) + high * 0x1_0000_0000;
  const perTableBlock = blockSize / inodeSize;
  const content = yield* readBlock(volume, table + Math.floor(index / perTableBlock), `inode ${number}`);
  const start = (index % perTableBlock) * inodeSize;
  return parseInode(volume, number, content.subarray(start, start + inodeSize));
}

function parseInode(volume: Volume, number: number, raw: Uint8Array): Inode {
  const view = viewOf(raw);
  const fields = L.inodeLayout.read(view, 0);
  const isDirectory = fields.i_mode >>> 12 === 4;
  const hasHigh = !isDirectory || volume.features.includes("large_dir");
  const extra = raw.length > 128 ? view.getUint16(L.I_EXTRA_ISIZE, true) : 0;
  const more = extra >= L.I_MTIME_EXTRA + 4 - 128 ? view.getUint32(L.I_MTIME_EXTRA, true) : 0;
  const own = fields.i_file_acl_lo === 0 ? 0 : volume.blockSize / 512;
  return {
    number,
    raw,
    mode: fields.i_mode,
    flags: fields.i_flags,
    size: fields.i_size_lo + (hasHigh ? fields.i_size_high * 0x1_0000_0000 : 0),
    mtime: fields.i_mtime + (more & 3) * 0x1_0000_0000 + (more >>> 2) / 1e9,
    hasNoBlocks: fields.i_blocks_lo - own <= 0,
  };
}
