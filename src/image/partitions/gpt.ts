/**
 * GPT (UEFI specification, chapter 5): a header in sector 1 and a table of entries, and a copy of both at the disk's end, each
 * with a CRC. The copy is used when the first is bad.
 */
import { type DiskBytes, le64, viewOf } from "../disk-bytes.ts";
import type { Reading } from "../disk-reading.ts";
import { guidFromBytes } from "../fs/names.ts";
import { crc32 } from "../payload/crc32.ts";
import type { Partition } from "./partition.ts";

const HEADER_MIN = 92;
const ENTRY_MIN = 128;
/** 128 entries of 128 bytes are usual, that is 16 KiB; sgdisk writes no more than this. */
const TABLE_MAX = 1024 * 1024;
const UNUSED = "00000000-0000-0000-0000-000000000000";

export interface Gpt {
  readonly sectorSize: number;
  readonly uuid: string;
  readonly partitions: readonly Partition[];
  readonly notes: readonly string[];
}

/** The disk's GPT; undefined when neither header is one. `sectorSizes`: those to be tried. */
export function* readGpt(disk: DiskBytes, sectorSizes: readonly number[]): Reading<Gpt | undefined> {
  const whys: string[] = [];
  for (const sectorSize of sectorSizes) {
    const first = yield* readHeader(disk, sectorSize, 1);
    if (typeof first !== "string") return { ...first, notes: [] };
    if (first !== "") whys.push(first);
  }
  for (const sectorSize of sectorSizes) {
    const copy = yield* readHeader(disk, sectorSize, Math.floor(disk.size / sectorSize) - 1);
    if (typeof copy === "string") continue;
    const why = whys[0] ?? "it is missing";
    return { ...copy, notes: [`the GPT in sector 1 is bad (${why}); its copy at the disk's end was used`] };
  }
  return undefined;
}

/** What header and table at `sector` say, or why they are bad ("" when there is no header at all). */
function* readHeader(
  disk: DiskBytes,
  sectorSize: number,
  sector: number,
): Reading<Omit<Gpt, "notes"> | string> {
  if (sector < 1 || !disk.has(sector * sectorSize, sectorSize)) return "";
  const bytes = yield* disk.read(sector * sectorSize, sectorSize, "a GPT header");
  const view = viewOf(bytes);
  if (view.getUint32(0) !== 0x45464920 || view.getUint32(4) !== 0x50415254) return ""; // "EFI PART"
  const size = view.getUint32(12, true);
  if (size < HEADER_MIN || size > sectorSize) return `its header claims ${size} bytes`;
  const cleared = bytes.slice(0, size);
  cleared.fill(0, 16, 20);
  if (crc32(cleared) !== view.getUint32(16, true)) return "its header's CRC is wrong";
  if (le64(view, 24) !== sector) return "its header was written for another sector";

  const count = view.getUint32(80, true);
  const entrySize = view.getUint32(84, true);
  const tableAt = le64(view, 72) * sectorSize;
  if (entrySize < ENTRY_MIN || entrySize % 8 !== 0 || count * entrySize > TABLE_MAX)
    return `its header claims ${count} entries of ${entrySize} bytes`;
  if (!disk.has(tableAt, count * entrySize)) return "its table lies beyond the disk's end";
  const table = yield* disk.read(tableAt, count * entrySize, "the GPT's table");
  if (crc32(table) !== view.getUint32(88, true)) return "its table's CRC is wrong";
  const partitions: Partition[] = [];
  for (let i = 0; i < count; i++) {
    disk.work.step();
    const row = table.subarray(i * entrySize, i * entrySize + ENTRY_MIN);
    const type = guidFromBytes(row);
    if (type === UNUSED) continue;
    const fields = viewOf(row);
    const first = le64(fields, 32);
    const last = le64(fields, 40);
    if (last < first) continue;
    partitions.push({
      scheme: "gpt",
      number: i + 1,
      start: first * sectorSize,
      size: (last - first + 1) * sectorSize,
      type,
      label: utf16(fields, 56, 36),
      uuid: guidFromBytes(row.subarray(16)),
      isActive: (fields.getUint32(48, true) & 4) !== 0, // "legacy BIOS bootable"
    });
  }
  return { sectorSize, uuid: guidFromBytes(bytes.subarray(56)), partitions };
}

function utf16(view: DataView, offset: number, units: number): string {
  let out = "";
  for (let i = 0; i < units; i++) {
    const unit = view.getUint16(offset + 2 * i, true);
    if (unit === 0) break;
    out += String.fromCharCode(unit);
  }
  return out;
}
