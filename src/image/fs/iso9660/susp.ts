/**
 * What stands behind a directory record in its system use area: SUSP (IEEE P1281) and Rock Ridge (P1282). Areas go on
 * elsewhere by CE; their number per record is bounded.
 */
import { type DiskBytes, viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import { daysFromCivil } from "../calendar.ts";
import { ascii, SECTOR } from "./volume.ts";

/** Continuations of one record; a name of 255 and a target of 4095 bytes need three. */
const CONTINUATIONS_MAX = 32;

export interface RockRidge {
  /** The bytes of NM; undefined when there is none. */
  readonly name: Uint8Array | undefined;
  readonly mode: number | undefined;
  readonly inode: number | undefined;
  readonly mtime: number | undefined;
  /** The target's bytes, of a symlink. */
  readonly target: Uint8Array | undefined;
  /** CL: the directory stands in this block, this record only holds its place. */
  readonly child: number | undefined;
  /** RE: a directory that was moved here and is to be seen elsewhere only. */
  readonly isMoved: boolean;
  /** ZF: packed by zisofs. */
  readonly isPacked: boolean;
}

/** Bytes to skip in every system use area; undefined when the root's first record does not begin with SP. */
export function suspSkip(area: Uint8Array): number | undefined {
  // CD-ROM XA puts 14 bytes before.
  for (const at of [0, 14])
    if (ascii(area, at, 2) === "SP" && area[at + 2] === 7 && area[at + 4] === 0xbe && area[at + 5] === 0xef)
      return area[at + 6] ?? 0;
  return undefined;
}

export function* readRockRidge(bytes: DiskBytes, area: Uint8Array, blockSize: number): Reading<RockRidge> {
  const name: number[] = [];
  const target: number[] = [];
  let hasName = false;
  let isLink = false;
  let joins = true;
  let mode: number | undefined;
  let inode: number | undefined;
  let mtime: number | undefined;
  let child: number | undefined;
  let isMoved = false;
  let isPacked = false;
  let rest: Uint8Array | undefined = area;

  for (let areas = 0; rest !== undefined; areas++) {
    if (areas > CONTINUATIONS_MAX) corrupt("a record's system use area goes on without end");
    const view = viewOf(rest);
    let more: readonly [number, number] | undefined;
    for (let at = 0; at + 4 <= rest.length; ) {
      bytes.work.step();
      const length = rest[at + 2] ?? 0;
      if (length < 4 || at + length > rest.length) break;
      const entry = rest.subarray(at, at + length);
      const tag = ascii(entry, 0, 2);
      if (tag === "ST") break;
      if (tag === "CE" && length >= 28) {
        const block = view.getUint32(at + 4, true);
        more = [block * blockSize + view.getUint32(at + 12, true), view.getUint32(at + 20, true)];
      } else if (tag === "NM" && length > 5 && ((entry[4] ?? 0) & 6) === 0) {
        hasName = true;
        name.push(...entry.subarray(5));
      } else if (tag === "PX" && length >= 36) {
        mode = view.getUint32(at + 4, true);
        if (length >= 44) inode = view.getUint32(at + 36, true);
      } else if (tag === "TF") mtime = modified(entry) ?? mtime;
      else if (tag === "SL") {
        isLink = true;
        joins = addComponents(target, entry.subarray(5), joins);
      } else if (tag === "CL" && length >= 12) child = view.getUint32(at + 4, true);
      else if (tag === "RE") isMoved = true;
      else if (tag === "ZF") isPacked = true;
      at += length;
    }
    if (more === undefined) break;
    if (more[1] > SECTOR) corrupt("a record's system use area goes on over more than a sector");
    rest = yield* bytes.structure(more[0], more[1], "a continued system use area");
  }
  return {
    name: hasName ? Uint8Array.from(name) : undefined,
    mode,
    inode,
    mtime,
    target: isLink ? Uint8Array.from(target) : undefined,
    child,
    isMoved,
    isPacked,
  };
}

const COMPONENT_CONTINUES = 1;
const COMPONENT_CURRENT = 2;
const COMPONENT_PARENT = 4;
const COMPONENT_ROOT = 8;
const SLASH = 0x2f;
const DOT = 0x2e;

/** Adds a part of a target. `joins`: the last component ended in the middle, or nothing came before. */
function addComponents(target: number[], parts: Uint8Array, joins: boolean): boolean {
  for (let at = 0; at + 2 <= parts.length; ) {
    const flags = parts[at] ?? 0;
    const length = parts[at + 1] ?? 0;
    if (!joins) target.push(SLASH);
    joins = false;
    if (flags & COMPONENT_ROOT) {
      target.push(SLASH);
      joins = true;
    } else if (flags & COMPONENT_CURRENT) target.push(DOT);
    else if (flags & COMPONENT_PARENT) target.push(DOT, DOT);
    else {
      target.push(...parts.subarray(at + 2, at + 2 + length));
      joins = (flags & COMPONENT_CONTINUES) !== 0;
    }
    at += 2 + length;
  }
  return joins;
}

/** TF holds the times whose bits are set, in order: made, modified, … each of 7 bytes or 17. */
function modified(entry: Uint8Array): number | undefined {
  const flags = entry[4] ?? 0;
  if ((flags & 2) === 0) return undefined;
  const isLong = (flags & 0x80) !== 0;
  const at = 5 + (flags & 1) * (isLong ? 17 : 7);
  if (!isLong) return shortTime(entry.subarray(at, at + 7));
  const digits = ascii(entry, at, 16);
  const n = (from: number, to: number) => Number(digits.slice(from, to)) || 0;
  const zone = (((entry[at + 16] ?? 0) << 24) >> 24) * 900;
  return instant(n(0, 4), n(4, 6), n(6, 8), n(8, 10), n(10, 12), n(12, 14)) - zone + n(14, 16) / 100;
}

/** ECMA-119 §9.1.5: years since 1900, …, and quarters of an hour from Greenwich. */
export function shortTime(field: Uint8Array): number {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, zone = 0] = field;
  return instant(1900 + year, month, day, hour, minute, second) - ((zone << 24) >> 24) * 900;
}

const instant = (
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number =>
  daysFromCivil(year, Math.min(Math.max(month, 1), 12), day) * 86400 + hour * 3600 + minute * 60 + second;
