/**
 * Which partitions a disk has.
 *
 *   const table = yield* readPartitions(disk);
 *   const window = table.partitions.map((p) => disk.window(p.start, p.size));
 */
import type { DiskBytes } from "../disk-bytes.ts";
import type { Reading } from "../disk-reading.ts";
import { readGpt } from "./gpt.ts";
import { readMbr } from "./msdos.ts";
import type { PartitionTable } from "./partition.ts";

/**
 * `sectorSize` is the disk's own, where known; otherwise a GPT tells which of 512 and 4096 it is, and an MBR counts in 512.
 * As in GRUB, a GPT counts only behind an MBR with a protective row: a later fdisk that made a plain MBR has the last word.
 */
export function* readPartitions(disk: DiskBytes, sectorSize?: 512 | 4096): Reading<PartitionTable> {
  const mbr = yield* readMbr(disk, sectorSize ?? 512);
  const none = { kind: "none", sectorSize: sectorSize ?? 512, uuid: "", partitions: [], notes: [] } as const;
  if (mbr === undefined) return none;
  if (mbr.isProtective) {
    const gpt = yield* readGpt(disk, sectorSize === undefined ? [512, 4096] : [sectorSize]);
    if (gpt !== undefined) {
      const own = gpt.sectorSize === (sectorSize ?? 512) ? mbr : yield* readMbr(disk, gpt.sectorSize);
      const hybrid = own?.partitions ?? [];
      return finish(disk, {
        kind: hybrid.length > 0 ? "hybrid" : "gpt",
        sectorSize: gpt.sectorSize,
        uuid: gpt.uuid,
        partitions: [...gpt.partitions, ...hybrid],
        notes: gpt.notes,
      });
    }
    const why = "the MBR points to a GPT, but neither of its headers is good";
    return finish(disk, { ...none, ...mbr, kind: "msdos", notes: [...mbr.notes, why] });
  }
  // A boot sector of FAT bears the same mark: without a row it is no table.
  if (mbr.partitions.length === 0 && mbr.notes.length === 0) return none;
  const { uuid, partitions, notes } = mbr;
  return finish(disk, { kind: "msdos", sectorSize: sectorSize ?? 512, uuid, partitions, notes });
}

/** Says which partitions the disk does not hold. */
function finish(disk: DiskBytes, table: PartitionTable): PartitionTable {
  const beyond = table.partitions.filter((one) => !disk.has(one.start, one.size));
  const notes = beyond.map(
    (one) => `partition ${one.number} reaches beyond the disk's end: the disk is cut off or the table wrong`,
  );
  const { kind, sectorSize, uuid, partitions } = table;
  return { kind, sectorSize, uuid, partitions, notes: [...table.notes, ...notes] };
}
