/** Directories of FAT: records of 32 bytes, and long names in records before the one they belong to. */
import { viewOf } from "../../disk-bytes.ts";
import type { Reading } from "../../disk-reading.ts";
import { daysFromCivil } from "../calendar.ts";
import { chainPlaces } from "./chain.ts";
import type { FatVolume } from "./layout.ts";

const RECORD = 32;
/** 65536 records are the specification's most. */
const DIRECTORY_MAX = 65536 * RECORD;
const ATTR_VOLUME = 0x08;
const ATTR_DIRECTORY = 0x10;
const ATTR_LONG = 0x0f;
const LONG_LAST = 0x40;
const UNITS = 13;

export interface FatEntry {
  /** The long name, or the short one in the case that its record asks for. */
  readonly name: string;
  /** "LONGNA~1.TXT"; the same as `name` where there is no long one. */
  readonly shortName: string;
  readonly isDirectory: boolean;
  readonly isReadOnly: boolean;
  readonly isLabel: boolean;
  readonly cluster: number;
  readonly size: number;
  readonly mtime: number;
  /** Byte on the disk of its record: no other has it. */
  readonly place: number;
}

/** All entries, the label's too. `cluster` 0 is the fixed root of FAT12 and FAT16. */
export function* readDirectory(volume: FatVolume, cluster: number): Reading<FatEntry[]> {
  const { bytes, clusterSize } = volume;
  const places = cluster === 0 ? [volume.rootAt] : yield* chainPlaces(volume, cluster, DIRECTORY_MAX);
  const pieceSize = cluster === 0 ? volume.rootSize : clusterSize;
  const out: FatEntry[] = [];
  const long = new LongName();
  for (const place of places) {
    const piece = yield* bytes.structure(place, pieceSize, "a FAT directory");
    for (let at = 0; at + RECORD <= piece.length; at += RECORD) {
      bytes.work.step();
      const record = piece.subarray(at, at + RECORD);
      if (record[0] === 0) return out;
      if (record[0] === 0xe5) long.clear();
      else if (((record[11] ?? 0) & 0x3f) === ATTR_LONG) long.add(record);
      else {
        bytes.work.take(128);
        out.push(entryOf(record, long.take(record), place + at, volume.bits === 32));
      }
    }
  }
  return out;
}

/** The records of a long name stand last part first, each with a checksum of the short name. */
class LongName {
  #parts: string[] = [];
  #left = -1;
  #sum = 0;

  clear(): void {
    this.#left = -1;
  }

  add(record: Uint8Array): void {
    const number = (record[0] ?? 0) & 0x1f;
    if ((record[0] ?? 0) & LONG_LAST) {
      this.#parts = [];
      this.#left = number;
      this.#sum = record[13] ?? 0;
    }
    if (number !== this.#left || number === 0 || record[13] !== this.#sum) {
      this.clear();
      return;
    }
    const view = viewOf(record);
    let text = "";
    for (let i = 0; i < UNITS; i++) {
      const unit = view.getUint16(i < 5 ? 1 + 2 * i : i < 11 ? 4 + 2 * i : 6 + 2 * i, true);
      if (unit === 0) break;
      text += String.fromCharCode(unit);
    }
    this.#parts.unshift(text);
    this.#left--;
  }

  /** The name, when it is whole and belongs to this record. */
  take(record: Uint8Array): string | undefined {
    const isWhole = this.#left === 0 && this.#sum === checksum(record);
    this.clear();
    return isWhole ? this.#parts.join("") : undefined;
  }
}

function checksum(record: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >>> 1) + (record[i] ?? 0)) & 0xff;
  return sum;
}

function entryOf(record: Uint8Array, long: string | undefined, place: number, is32: boolean): FatEntry {
  const view = viewOf(record);
  const attributes = record[11] ?? 0;
  const isLabel = (attributes & ATTR_VOLUME) !== 0;
  const short = isLabel ? oem(record.subarray(0, 11)).trimEnd() : shortName(record, 0);
  const high = is32 ? view.getUint16(20, true) : 0;
  return {
    name: isLabel ? short : (long ?? shortName(record, record[12] ?? 0)),
    shortName: short,
    isDirectory: (attributes & ATTR_DIRECTORY) !== 0,
    isReadOnly: (attributes & 1) !== 0,
    isLabel,
    cluster: view.getUint16(26, true) + high * 65536,
    size: view.getUint32(28, true),
    mtime: instantOf(view.getUint16(24, true), view.getUint16(22, true)),
    place,
  };
}

const BASE_IS_SMALL = 0x08;
const EXTENSION_IS_SMALL = 0x10;

function shortName(record: Uint8Array, cases: number): string {
  const bytes = record.slice(0, 11);
  if (bytes[0] === 0x05) bytes[0] = 0xe5;
  let base = oem(bytes.subarray(0, 8)).trimEnd();
  let extension = oem(bytes.subarray(8)).trimEnd();
  if (cases & BASE_IS_SMALL) base = base.toLowerCase();
  if (cases & EXTENSION_IS_SMALL) extension = extension.toLowerCase();
  return extension === "" ? base : `${base}.${extension}`;
}

/** Code page 437's upper half: what mkfs.fat, mtools and Linux take for granted. */
const UPPER =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

const oem = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : UPPER[byte - 0x80])).join("");

/** FAT's local time, taken as UTC: days since 1980 that no calendar has are moved into the next month. */
function instantOf(date: number, time: number): number {
  const year = 1980 + (date >>> 9);
  const month = Math.max(1, (date >>> 5) & 15);
  const seconds = (time >>> 11) * 3600 + ((time >>> 5) & 63) * 60 + (time & 31) * 2;
  return daysFromCivil(year, month, Math.max(1, date & 31)) * 86400 + seconds;
}
