/** Block devices as files: bytes at any place over a disk's sectors. */
import { ERRNO } from "../../abi/errno.ts";
import { SECTOR_SIZE, VDISK_READONLY } from "../../abi/io/blkif.ts";
import { type Blkfront, BlkfrontError, openBlkfront } from "./blkfront.ts";
import type { MiniOs } from "./kernel.ts";
import type { OpenFile } from "./posix.ts";
import type { Thread } from "./threads.ts";

const S_IFBLK = 0o060000;
/** Sectors of one transfer. */
const MOST_SECTORS = 256;

/** `xvda` … `xvdz`, whole disks: their device numbers (docs/misc/vbd-interface). */
export function devidOf(path: string): number | undefined {
  const letter = /^\/dev\/xvd([a-p])$/.exec(path)?.[1];
  return letter === undefined ? undefined : (202 << 8) | ((letter.charCodeAt(0) - 97) << 4);
}

/** A disk stays connected once it was opened; descriptors share it. */
export function deviceFiles(os: MiniOs) {
  const disks = new Map<number, Blkfront>();
  return {
    /** -errno: ENOENT, EIO, EROFS. */
    *open(path: string, write: boolean): Thread<OpenFile | number> {
      const devid = devidOf(path);
      if (devid === undefined || (yield* os.xenbus.read(`device/vbd/${devid}/backend`)) === undefined)
        return -ERRNO.ENOENT;
      let disk = disks.get(devid);
      if (disk === undefined) {
        const opened = yield* orError(openBlkfront(os, devid));
        if (typeof opened === "number") return opened;
        disk = opened;
        disks.set(devid, disk);
      }
      if (write && (disk.info.info & VDISK_READONLY) !== 0) return -ERRNO.EROFS;
      return blockFile(disk);
    },
  };
}

function* orError<T>(thread: Thread<T>): Thread<T | number> {
  try {
    return yield* thread;
  } catch (error) {
    if (error instanceof BlkfrontError) return -ERRNO.EIO;
    throw error;
  }
}

function blockFile(disk: Blkfront): OpenFile {
  const size = disk.info.sectors * SECTOR_SIZE;
  /** The sectors that bytes [at, at+length) lie in, at most {@link MOST_SECTORS}. */
  const span = (at: number, length: number) => {
    const first = Math.floor(at / SECTOR_SIZE);
    const end = Math.min(Math.ceil(Math.min(at + length, size) / SECTOR_SIZE), first + MOST_SECTORS);
    return { first, count: end - first, usable: Math.min(length, size - at, end * SECTOR_SIZE - at) };
  };
  return {
    isStream: false,
    canRead: () => true,
    *read(at, into) {
      if (at >= size || into.length === 0) return 0;
      const { first, count, usable } = span(at, into.length);
      const bytes = yield* orError(disk.read(first, count));
      if (typeof bytes === "number") return bytes;
      const skip = at - first * SECTOR_SIZE;
      into.set(bytes.subarray(skip, skip + usable));
      return usable;
    },
    *write(at, bytes) {
      if (at >= size) return -ERRNO.ENOSPC;
      const { first, count, usable } = span(at, bytes.length);
      const skip = at - first * SECTOR_SIZE;
      let whole = bytes.subarray(0, usable);
      if (skip !== 0 || usable !== count * SECTOR_SIZE) {
        const before = yield* orError(disk.read(first, count));
        if (typeof before === "number") return before;
        before.set(whole, skip);
        whole = before;
      }
      const failed = yield* orError(disk.write(first, whole));
      return typeof failed === "number" ? failed : usable;
    },
    // biome-ignore lint/correctness/useYield: it is known
    *stat() {
      return { mode: S_IFBLK | 0o600, size, mtime: 0 };
    },
    *sync() {
      const failed = yield* orError(disk.flush());
      return typeof failed === "number" ? failed : 0;
    },
    // biome-ignore lint/correctness/useYield: the disk stays
    *close() {
      return 0;
    },
  };
}
