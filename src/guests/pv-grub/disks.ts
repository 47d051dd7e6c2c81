/** PV-GRUB's disks: the domain's block devices as (hd0), (hd1)…, their partitions and file systems. */
import { SECTOR_SIZE } from "../../abi/io/blkif.ts";
import { DiskBytes } from "../../image/disk-bytes.ts";
import { attempt, type Outcome, type Reading, Work } from "../../image/disk-reading.ts";
import { type Blkfront, BlkfrontError, listVbds, openBlkfront } from "../minios/blkfront.ts";
import type { MiniOs } from "../minios/kernel.ts";
import type { Thread } from "../minios/threads.ts";

/** What readers of one disk may spend between two commands of the menu. */
const ALLOWED = { steps: 4_000_000, bytes: 2 ** 31 } as const;

export interface GrubDisk {
  /** "hd0" */
  readonly name: string;
  readonly front: Blkfront;
  readonly bytes: DiskBytes;
}

/** All of the domain's disks, in the order of their device numbers; prints which is which. One that fails is passed over. */
export function* openDisks(os: MiniOs): Thread<GrubDisk[]> {
  const disks: GrubDisk[] = [];
  for (const devid of yield* listVbds(os)) {
    try {
      const front = yield* openBlkfront(os, devid);
      const size = front.info.sectors * SECTOR_SIZE;
      if (!Number.isSafeInteger(size) || size <= 0)
        throw new BlkfrontError(`vbd ${devid}: its back end says that it has no sectors`);
      const name = `hd${disks.length}`;
      os.console.print(`vbd ${devid} is ${name}\n`);
      disks.push({ name, front, bytes: new DiskBytes({ size }, new Work(ALLOWED)) });
    } catch (error) {
      if (!(error instanceof BlkfrontError)) throw error;
      os.console.print(`${error.message}; it is not used\n`);
    }
  }
  return disks;
}

/** Drives a reader over the disk's block front end. */
export function* readFrom<T>(disk: GrubDisk, reading: Reading<T>): Thread<Outcome<T>> {
  disk.bytes.work.steps = ALLOWED.steps;
  disk.bytes.work.bytes = ALLOWED.bytes;
  const steps = attempt(reading);
  let step = steps.next();
  while (step.done !== true) {
    const { offset, length } = step.value;
    const first = Math.floor(offset / SECTOR_SIZE);
    const end = Math.ceil((offset + length) / SECTOR_SIZE);
    const sectors = yield* disk.front.read(first, end - first);
    const from = offset - first * SECTOR_SIZE;
    step = steps.next(sectors.subarray(from, from + length));
  }
  return step.value;
}
