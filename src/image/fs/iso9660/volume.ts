/** The descriptors of an ISO 9660 disk (ECMA-119 §8), from sector 16 on: the volume, Joliet's copy of it, El Torito. */
import { type DiskBytes, viewOf } from "../../disk-bytes.ts";
import type { Reading } from "../../disk-reading.ts";

export const SECTOR = 2048;
const FIRST = 16;
const MOST = 64;
const TYPE_BOOT = 0;
const TYPE_PRIMARY = 1;
const TYPE_SUPPLEMENTARY = 2;
const TYPE_END = 255;

/** One volume descriptor. */
export interface IsoVolume {
  readonly blockSize: number;
  /** Bytes. */
  readonly size: number;
  readonly label: string;
  /** As blkid makes it from the time of making: "2026-11-22-19-27-49-00"; "" for none. */
  readonly uuid: string;
  /** The root's directory record. */
  readonly root: Uint8Array;
}

export interface IsoDescriptors {
  readonly primary: IsoVolume;
  readonly joliet: IsoVolume | undefined;
  /** Sector of El Torito's catalogue; undefined when the disk does not boot. */
  readonly bootCatalogue: number | undefined;
}

/** Undefined when there is no primary descriptor. */
export function* readDescriptors(bytes: DiskBytes): Reading<IsoDescriptors | undefined> {
  let primary: IsoVolume | undefined;
  let joliet: IsoVolume | undefined;
  let bootCatalogue: number | undefined;
  for (let i = 0; i < MOST && bytes.has((FIRST + i) * SECTOR, SECTOR); i++) {
    const sector = yield* bytes.read((FIRST + i) * SECTOR, SECTOR, "a volume descriptor");
    if (ascii(sector, 1, 5) !== "CD001") break;
    const type = sector[0];
    if (type === TYPE_END) break;
    if (type === TYPE_PRIMARY) primary ??= volumeOf(sector, false);
    if (type === TYPE_SUPPLEMENTARY && isJoliet(sector)) joliet ??= volumeOf(sector, true);
    if (type === TYPE_BOOT && ascii(sector, 7, 23) === "EL TORITO SPECIFICATION")
      bootCatalogue ??= viewOf(sector).getUint32(71, true);
  }
  return primary && { primary, joliet, bootCatalogue };
}

/** The escape sequences of UCS-2, levels 1 to 3. */
const isJoliet = (sector: Uint8Array): boolean =>
  sector[88] === 0x25 && sector[89] === 0x2f && [0x40, 0x43, 0x45].includes(sector[90] ?? 0);

function volumeOf(sector: Uint8Array, isWide: boolean): IsoVolume | undefined {
  const view = viewOf(sector);
  const blockSize = view.getUint16(128, true);
  if (![512, 1024, 2048].includes(blockSize)) return undefined;
  const label = isWide ? ucs2(sector.subarray(40, 72)) : ascii(sector, 40, 32);
  // Modified if it says so, else made: as blkid does.
  const uuid = timeOf(sector.subarray(830, 847)) || timeOf(sector.subarray(813, 830));
  return {
    blockSize,
    size: view.getUint32(80, true) * blockSize,
    label: label.trimEnd(),
    uuid,
    root: sector.slice(156, 190),
  };
}

/** Sixteen digits and an offset; "" when unset. */
function timeOf(field: Uint8Array): string {
  const digits = ascii(field, 0, 16);
  if (!/^\d{16}$/.test(digits) || /^0+$/.test(digits)) return "";
  return digits.replace(/^(....)(..)(..)(..)(..)(..)(..)$/, "$1-$2-$3-$4-$5-$6-$7");
}

export const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length)).replace(/\0.*$/s, "");

/** Big endian, as Joliet has it. */
export function ucs2(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const unit = ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
    if (unit === 0) break;
    out += String.fromCharCode(unit);
  }
  return out;
}
