/** GRUB's block lists: stretches of a device as a file, in sectors of 512 bytes: "+1", "0+1,5+2". */
import { SECTOR_SIZE } from "../../abi/io/blkif.ts";
import type { DiskBytes } from "../../image/disk-bytes.ts";
import type { OpenFile } from "../../image/fs/file-system.ts";
import { openRuns } from "../../image/fs/runs.ts";

interface Stretch {
  /** Sectors. */
  readonly first: number;
  readonly count: number;
}

/** At most so many stretches: GRUB 0.97 keeps them in one sector's worth of memory. */
const STRETCHES_MAX = 64;

/** The stretches that `text` (without its device) means; undefined when it is no block list. */
export function blocklistRuns(text: string): readonly Stretch[] | undefined {
  if (!/^(\d{1,15})?\+\d{1,15}(,(\d{1,15})?\+\d{1,15})*$/.test(text)) return undefined;
  const stretches = text.split(",").map((one) => {
    const [first = "", count = ""] = one.split("+");
    return { first: Number(first), count: Number(count) };
  });
  return stretches.length > STRETCHES_MAX ? undefined : stretches;
}

/** Undefined when a stretch lies beyond the device's end. */
export function openBlocklist(bytes: DiskBytes, stretches: readonly Stretch[]): OpenFile | undefined {
  const runs = stretches
    .filter(({ count }) => count > 0)
    .map(({ first, count }) => ({ disk: first * SECTOR_SIZE, length: count * SECTOR_SIZE }));
  if (runs.some(({ disk, length }) => !bytes.has(disk, length))) return undefined;
  const size = runs.reduce((sum, { length }) => sum + length, 0);
  // biome-ignore lint/correctness/useYield: it has all it needs
  return openRuns(bytes, size, function* (offset) {
    let skipped = offset;
    for (const { disk, length } of runs) {
      if (skipped < length) return { disk: disk + skipped, length: length - skipped };
      skipped -= length;
    }
    return { disk: undefined, length: 1 };
  });
}
