/** Which file system a disk or partition holds. */
import type { DiskBytes } from "../disk-bytes.ts";
import type { Reading } from "../disk-reading.ts";
import { openBtrfs } from "./btrfs/btrfs.ts";
import { openExt } from "./ext/ext.ts";
import { openFat } from "./fat/fat.ts";
import type { FileSystem } from "./file-system.ts";
import { openIso9660 } from "./iso9660/iso9660.ts";
import { openXfs } from "./xfs/xfs.ts";

/**
 * By the surest marks first; FAT last, because many a boot sector looks like one; iso9660 before it, because a
 * disk that boots from USB too begins with a boot sector.
 */
const READERS: readonly ((bytes: DiskBytes) => Reading<FileSystem | undefined>)[] = [
  openXfs,
  (bytes) => openBtrfs(bytes),
  openExt,
  openIso9660,
  openFat,
];

/** Undefined when none is known there; a fault when one is, but cannot be read. */
export function* probe(bytes: DiskBytes): Reading<FileSystem | undefined> {
  for (const open of READERS) {
    const found = yield* open(bytes);
    if (found !== undefined) return found;
  }
  return undefined;
}
