/**
 * The MBR's table: four rows at byte 446 of the first sector; a row of an extended type holds a chain of sectors of the same
 * form, each with a logical partition (counted from itself) and the way to the next (counted from the extended one).
 */
import { type DiskBytes, viewOf } from "../disk-bytes.ts";
import type { Reading } from "../disk-reading.ts";
import type { Partition } from "./partition.ts";

const TABLE = 446;
const ROW = 16;
const SIGNATURE = 0xaa55;
export const TYPE_PROTECTIVE = 0xee;
const EXTENDED: readonly number[] = [0x05, 0x0f, 0x85];
const FIRST_LOGICAL = 5;
/** Linux stops at 256 partitions of a disk. */
const LOGICAL_MAX = 256;

interface Row {
  readonly isActive: boolean;
  readonly type: number;
  /** Sectors. */
  readonly first: number;
  readonly count: number;
}

/** The rows of a sector of this form; undefined when it is none (GRUB's test: the mark, and flags of 0 or 0x80 only). */
function rowsOf(sector: Uint8Array): readonly Row[] | undefined {
  const view = viewOf(sector);
  if (view.getUint16(510, true) !== SIGNATURE) return undefined;
  const rows: Row[] = [];
  for (let at = TABLE; at < TABLE + 4 * ROW; at += ROW) {
    const flag = view.getUint8(at);
    if ((flag & 0x7f) !== 0) return undefined;
    rows.push({
      isActive: flag !== 0,
      type: view.getUint8(at + 4),
      first: view.getUint32(at + 8, true),
      count: view.getUint32(at + 12, true),
    });
  }
  return rows;
}

export interface Mbr {
  readonly partitions: readonly Partition[];
  /** A row of type 0xee stands in it: a GPT is the disk's table. */
  readonly isProtective: boolean;
  /** Eight hex digits, "" for none. */
  readonly uuid: string;
  readonly notes: readonly string[];
}

/** The MBR of a disk; undefined when there is none. Rows count in sectors of `sectorSize` bytes. */
export function* readMbr(disk: DiskBytes, sectorSize: number): Reading<Mbr | undefined> {
  if (!disk.has(0, 512)) return undefined;
  const sector = yield* disk.read(0, 512, "the first sector");
  const rows = rowsOf(sector);
  if (rows === undefined) return undefined;
  const id = viewOf(sector).getUint32(440, true);
  const uuid = id === 0 ? "" : id.toString(16).padStart(8, "0");
  const partitions: Partition[] = [];
  const notes: string[] = [];
  const add = (row: Row, base: number, number: number) =>
    partitions.push({
      scheme: "msdos",
      number,
      start: (base + row.first) * sectorSize,
      size: row.count * sectorSize,
      type: `0x${row.type.toString(16).padStart(2, "0")}`,
      label: "",
      uuid: uuid === "" ? "" : `${uuid}-${number.toString(16).padStart(2, "0")}`,
      isActive: row.isActive,
    });

  rows.forEach((row, i) => {
    if (isPartition(row) && row.type !== TYPE_PROTECTIVE) add(row, 0, i + 1);
  });
  let number = FIRST_LOGICAL;
  for (const extended of rows.filter((row) => EXTENDED.includes(row.type) && row.count > 0)) {
    const seen = new Set<number>();
    let at: number | undefined = extended.first;
    while (at !== undefined) {
      disk.work.step();
      if (seen.has(at) || number >= FIRST_LOGICAL + LOGICAL_MAX) {
        notes.push("the chain of logical partitions leads back into itself or is endless");
        break;
      }
      seen.add(at);
      const links: readonly Row[] | undefined = disk.has(at * sectorSize, 512)
        ? rowsOf(yield* disk.read(at * sectorSize, 512, "a sector of logical partitions"))
        : undefined;
      if (links === undefined) {
        notes.push(`the chain of logical partitions is broken at sector ${at}`);
        break;
      }
      const base = at;
      at = undefined;
      for (const row of links) {
        if (isPartition(row)) add(row, base, number++);
        else if (EXTENDED.includes(row.type) && row.count > 0) at ??= extended.first + row.first;
      }
    }
  }
  return { partitions, isProtective: rows.some((row) => row.type === TYPE_PROTECTIVE), uuid, notes };
}

const isPartition = (row: Row): boolean => row.type !== 0 && row.count > 0 && !EXTENDED.includes(row.type);
