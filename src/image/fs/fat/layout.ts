/** FAT's boot sector and what follows from it (Microsoft's FAT specification 1.03; fs/fat in Linux). Little endian. */
import { type DiskBytes, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";

export interface FatVolume {
  readonly bytes: DiskBytes;
  readonly boot: Uint8Array;
  /** Bits per entry of the table. */
  readonly bits: 12 | 16 | 32;
  /** All in bytes. */
  readonly clusterSize: number;
  readonly tableAt: number;
  readonly tableSize: number;
  readonly dataAt: number;
  readonly size: number;
  /** Clusters are 2 to clusters + 1. */
  readonly clusters: number;
  /** FAT12 and FAT16: the root's fixed place. */
  readonly rootAt: number;
  readonly rootSize: number;
  /** FAT32: the root's first cluster. */
  readonly rootCluster: number;
  /** Where the extended boot record (serial number, label) begins; undefined when it is absent. */
  readonly extendedAt: number | undefined;
}

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;

/** The volume that the first sector tells; undefined when it is no FAT boot sector (Linux's tests). */
export function* readFatVolume(bytes: DiskBytes): Reading<FatVolume | undefined> {
  if (!bytes.has(0, 512)) return undefined;
  const boot = yield* bytes.read(0, 512, "the boot sector");
  const view = viewOf(boot);
  const sectorSize = view.getUint16(11, true);
  const perCluster = boot[13] ?? 0;
  const reserved = view.getUint16(14, true);
  const tables = boot[16] ?? 0;
  const media = boot[21] ?? 0;
  const isFat =
    view.getUint16(510, true) === 0xaa55 &&
    isPowerOfTwo(sectorSize) &&
    sectorSize >= 512 &&
    sectorSize <= 4096 &&
    isPowerOfTwo(perCluster) &&
    reserved > 0 &&
    tables > 0 &&
    (media === 0xf0 || media >= 0xf8);
  if (!isFat) return undefined;

  const rootEntries = view.getUint16(17, true);
  const perTable16 = view.getUint16(22, true);
  const perTable = perTable16 || view.getUint32(36, true);
  const is32 = perTable16 === 0;
  const sectors = view.getUint16(19, true) || view.getUint32(32, true);
  const tableAt = reserved * sectorSize;
  const tableSize = perTable * sectorSize;
  const rootAt = tableAt + tables * tableSize;
  const rootSize = Math.ceil((rootEntries * 32) / sectorSize) * sectorSize;
  const dataAt = rootAt + rootSize;
  const size = sectors * sectorSize;
  const clusterSize = perCluster * sectorSize;
  if (perTable === 0 || (!is32 && rootEntries === 0)) return undefined;
  if (dataAt >= size) corrupt("the FAT boot sector claims tables larger than the disk");
  const room = Math.floor((size - dataAt) / clusterSize);
  const bits = is32 ? 32 : room > 4084 ? 16 : 12;
  const extended = is32 ? 64 : 36;
  return {
    bytes,
    boot,
    bits,
    clusterSize,
    tableAt,
    tableSize,
    dataAt,
    size,
    clusters: Math.min(room, Math.floor((tableSize * 8) / bits) - 2),
    rootAt,
    rootSize,
    rootCluster: is32 ? view.getUint32(44, true) : 0,
    extendedAt: boot[extended + 2] === 0x29 ? extended : undefined,
  };
}
