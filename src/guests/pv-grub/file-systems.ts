/** Which file system a device bears. */
import type { DiskBytes } from "../../image/disk-bytes.ts";
import type { Reading } from "../../image/disk-reading.ts";
import { openBtrfs } from "../../image/fs/btrfs/btrfs.ts";
import { openExt } from "../../image/fs/ext/ext.ts";
import { openFat } from "../../image/fs/fat/fat.ts";
import type { FileSystem } from "../../image/fs/file-system.ts";
import { openIso9660 } from "../../image/fs/iso9660/iso9660.ts";

/** FAT last: its boot sector proves least. */
const OPENERS = [openExt, openBtrfs, openIso9660, openFat] as const;

/** Undefined when none is known. */
export function* openFileSystem(bytes: DiskBytes): Reading<FileSystem | undefined> {
  for (const open of OPENERS) {
    const fs = yield* open(bytes);
    if (fs !== undefined) return fs;
  }
  return undefined;
}
