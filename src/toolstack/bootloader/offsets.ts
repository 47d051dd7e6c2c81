/** Where PyGRUB looks for file systems: as its own reading of partition tables has it, primary partitions and a GPT's. */
import { type DiskBytes, le64, viewOf } from "../../image/disk-bytes.ts";
import type { Reading } from "../../image/disk-reading.ts";

const SECTOR = 512;
const ROWS = [446, 462, 478, 494];
const PROTECTIVE = 0xee;
const ISO_MARK_AT = 0x8001;
const GPT_ROWS_MAX = 1024;

/** Bytes, in order; 0 stands for the whole disk. */
export function* partitionOffsets(disk: DiskBytes): Reading<readonly number[]> {
  if (!disk.has(0, SECTOR)) return [0];
  const mbr = viewOf(yield* disk.read(0, SECTOR, "the boot sector"));
  if (mbr.getUint16(510, true) !== 0xaa55) return [0];
  const offsets: number[] = (yield* isIso(disk)) ? [0] : [];
  for (const at of ROWS) {
    const start = mbr.getUint32(at + 8, true) * SECTOR;
    if (start === 0) continue;
    if (mbr.getUint8(at + 4) === PROTECTIVE) {
      offsets.push(...(yield* gptOffsets(disk)));
      break;
    }
    offsets.push(start);
  }
  return offsets.length === 0 ? [0] : offsets;
}

function* isIso(disk: DiskBytes): Reading<boolean> {
  if (!disk.has(ISO_MARK_AT, 5)) return false;
  return new TextDecoder("latin1").decode(yield* disk.read(ISO_MARK_AT, 5, "the iso9660 mark")) === "CD001";
}

function* gptOffsets(disk: DiskBytes): Reading<number[]> {
  const header = viewOf(yield* disk.read(SECTOR, SECTOR, "the GPT's header"));
  const rows = Math.min(header.getUint32(80, true), GPT_ROWS_MAX);
  const size = header.getUint32(84, true);
  if (size < 40 || size > 4096) return [];
  const offsets: number[] = [];
  for (let row = 0; row < rows; row++) {
    const start =
      le64(viewOf(yield* disk.read(2 * SECTOR + row * size, size, "a row of the GPT")), 32) * SECTOR;
    if (start > 0 && disk.has(start, SECTOR)) offsets.push(start);
  }
  return offsets;
}
