/**
 * Devices and paths, as both languages of PV-GRUB reach them. Names here are GRUB 2's, always with a device; a language
 * brings its own into this form first (GRUB 0.97 by {@link fromLegacy}).
 *
 *   (hd0)/menu.lst   (hd0,1)/x   (hd0,msdos5)/x   (hd0,gpt2)/x   (xen/xvda,msdos1)/x   (hd0)0+1
 */
import { SECTOR_SIZE } from "../../abi/io/blkif.ts";
import type { DiskBytes } from "../../image/disk-bytes.ts";
import type { FaultKind, Outcome, Reading } from "../../image/disk-reading.ts";
import type { DirectoryEntry, FileSystem, OpenFile, Stat } from "../../image/fs/file-system.ts";
import { probe } from "../../image/fs/probe.ts";
import { deviceName, findPartition, parseDeviceName } from "../../image/partitions/device-name.ts";
import type { Partition, PartitionTable } from "../../image/partitions/partition.ts";
import { readPartitions } from "../../image/partitions/partitions.ts";
import { BlkfrontError } from "../minios/blkfront.ts";
import type { Thread } from "../minios/threads.ts";
import { blocklistRuns, openBlocklist } from "./blocklist.ts";
import { type GrubDisk, readFrom } from "./disks.ts";
import { GrubError, type GrubErrorNumber } from "./errors.ts";

/** What all readings between two {@link GrubFiles.begin} may spend. */
const ALLOWED = { steps: 40_000_000, bytes: 2 ** 32, readings: 20_000 } as const;
/** Bytes per reading of a large file: others have a turn in between. */
const PIECE = 1024 * 1024;
/** Files written in place are GRUB's own notes: grubenv, default. */
const WRITTEN_MAX = 64 * 1024;

export interface Device {
  readonly disk: GrubDisk;
  readonly partition: Partition | undefined;
  readonly bytes: DiskBytes;
  /** "(hd0,msdos1)": means the same in both languages. */
  readonly name: string;
}

export interface GrubFile {
  /** Bytes. */
  readonly size: number;
  /** Throws GrubError. */
  read(offset: number, length: number): Thread<Uint8Array>;
}

/** What {@link GrubFiles.search} looks for. */
export type SearchKey = "fs-uuid" | "label" | "file";

/** All methods throw GrubError and nothing else. */
export class GrubFiles {
  readonly disks: readonly GrubDisk[];
  readonly #tables = new Map<GrubDisk, PartitionTable>();
  readonly #fileSystems = new Map<string, FileSystem>();
  #left: { steps: number; bytes: number; readings: number } = { ...ALLOWED };

  constructor(disks: readonly GrubDisk[]) {
    this.disks = disks;
  }

  /** A person asked for something new: what readings may spend is whole again. */
  begin(): void {
    this.#left = { ...ALLOWED };
  }

  /** Every disk and its partitions, in order. A disk whose first sectors cannot be read has none. */
  *devices(): Thread<readonly Device[]> {
    const found: Device[] = [];
    for (const disk of this.disks) {
      found.push(deviceOf(disk, undefined));
      const table = yield* orNothing(this.#tableOf(disk));
      for (const partition of table?.partitions ?? []) found.push(deviceOf(disk, partition));
    }
    return found;
  }

  /** "hd0", "(hd0,1)", "(xen/xvda,msdos1)", "(/dev/xvda,msdos1)". */
  *device(text: string): Thread<Device> {
    const name = parseDeviceName(text.replace(/^(\(?)\/dev\//, "$1"), "grub2");
    if (name === undefined)
      throw new GrubError(11, `${text} is not a device's name: (hd0) is a disk, (hd0,1) a partition of it`);
    const disk = this.disks.find((one) => isNamed(one, name.disk));
    if (disk === undefined) throw new GrubError(21, `there is no ${name.disk}: ${this.#disksHere()}`);
    if (name.partition === undefined) return deviceOf(disk, undefined);
    const table = yield* this.#tableOf(disk);
    const partition = findPartition(table, name.partition);
    if (partition === undefined) throw new GrubError(22, this.#partitionsOf(disk, table));
    return deviceOf(disk, partition);
  }

  /** Error 17 where none is known. */
  *fileSystem(device: Device): Thread<FileSystem> {
    const known = this.#fileSystems.get(device.name);
    if (known !== undefined) return known;
    const outcome = yield* this.#do(device.disk, probe(device.bytes));
    if (!outcome.ok) throw new GrubError(17, `${device.name}: ${outcome.why}`);
    if (outcome.value === undefined)
      throw new GrubError(17, `no file system that is known was found on ${device.name}`);
    this.#fileSystems.set(device.name, outcome.value);
    return outcome.value;
  }

  *open(path: string): Thread<GrubFile> {
    const { device, rest } = yield* this.#parse(path);
    const runs = blocklistRuns(rest);
    if (runs !== undefined) {
      const file = openBlocklist(device.bytes, runs);
      if (file === undefined) throw new GrubError(24, `${path} lies beyond the end of ${device.name}`);
      return this.#file(device, path, file);
    }
    const fs = yield* this.fileSystem(device);
    return this.#file(device, path, yield* this.#ask(device, path, fs.open(rest)));
  }

  /** The whole file. Error 28 when it is longer than `limit` bytes. */
  *read(path: string, limit: number): Thread<Uint8Array> {
    const file = yield* this.open(path);
    if (file.size > limit)
      throw new GrubError(28, `${path} has ${file.size} bytes, more than the ${limit} that it may have`);
    const whole = new Uint8Array(file.size);
    for (let at = 0; at < file.size; at += PIECE) whole.set(yield* file.read(at, PIECE), at);
    return whole;
  }

  *list(path: string): Thread<readonly DirectoryEntry[]> {
    const { device, rest } = yield* this.#parse(path);
    const fs = yield* this.fileSystem(device);
    return yield* this.#ask(device, path, fs.list(rest));
  }

  *stat(path: string): Thread<Stat> {
    const { device, rest } = yield* this.#parse(path);
    const fs = yield* this.fileSystem(device);
    return yield* this.#ask(device, path, fs.stat(rest));
  }

  /** What stands at the path; undefined when nothing does, or it cannot be reached. */
  *exists(path: string): Thread<Stat | undefined> {
    return yield* orNothing(this.stat(path));
  }

  /** The devices, in order, with that label, UUID (whatever the case of its letters) or file. */
  *search(key: SearchKey, value: string): Thread<readonly Device[]> {
    const found: Device[] = [];
    for (const device of yield* this.devices()) {
      if (key === "file") {
        if ((yield* this.exists(`${device.name}${value}`)) !== undefined) found.push(device);
        continue;
      }
      const fs = yield* orNothing(this.fileSystem(device));
      if (fs === undefined) continue;
      const isIt =
        key === "label" ? fs.label === value : fs.uuid.toLowerCase() === value.toLowerCase() && value !== "";
      if (isIt) found.push(device);
    }
    return found;
  }

  /**
   * Overwrites a file's content in the blocks that it has: `bytes` are as many as it is long, and nothing about it changes
   * but them. Error 29 where that cannot be done.
   */
  *write(path: string, bytes: Uint8Array): Thread<void> {
    const { device, rest } = yield* this.#parse(path);
    const fs = yield* this.fileSystem(device);
    const hindrance = hindranceOf(fs);
    if (hindrance !== undefined) throw new GrubError(29, `${path} cannot be written in place: ${hindrance}`);
    const file = yield* this.#ask(device, path, fs.open(rest));
    if (file.size !== bytes.length || bytes.length > WRITTEN_MAX)
      throw new GrubError(
        29,
        `${path} has ${file.size} bytes, and only as many can be written in their place`,
      );
    const places = yield* this.#sectorsOf(device, path, file);
    const { front } = device.disk;
    try {
      for (const [i, sector] of places.entries()) {
        const from = bytes.subarray(i * SECTOR_SIZE, (i + 1) * SECTOR_SIZE);
        const whole = (yield* front.read(sector, 1)).slice();
        whole.set(from);
        yield* front.write(sector, whole);
      }
      yield* front.flush();
    } catch (error) {
      if (!(error instanceof BlkfrontError)) throw error;
      throw new GrubError(29, error.message);
    }
    this.#fileSystems.clear();
    for (const disk of this.disks) if (disk === device.disk) this.#tables.delete(disk);
  }

  /**
   * The sectors of the disk that a file's content stands in, found by watching what its reader asks for: the last request
   * before each sector's bytes came back. Content that was put together otherwise (packed, inline, in a journal) is refused.
   */
  *#sectorsOf(device: Device, path: string, file: OpenFile): Thread<readonly number[]> {
    const places: number[] = [];
    for (let at = 0; at < file.size; at += SECTOR_SIZE) {
      const length = Math.min(SECTOR_SIZE, file.size - at);
      const watched = watch(file.read(at, length));
      const content = yield* this.#ask(device, path, watched.reading);
      const last = watched.last();
      if (last === undefined || last.offset % SECTOR_SIZE !== 0 || last.bytes.length !== length)
        throw new GrubError(29, `${path} does not stand in blocks of its own`);
      const there = yield* this.#ask(device, path, readRaw(device.disk.bytes, last.offset, length));
      if (content.length !== length || content.some((byte, i) => byte !== there[i]))
        throw new GrubError(29, `the content of ${path} is not stored as it is`);
      places.push(last.offset / SECTOR_SIZE);
    }
    return places;
  }

  *#parse(path: string): Thread<{ device: Device; rest: string }> {
    const match = /^(\([^)]*\))(.*)$/s.exec(path);
    const [, name, rest] = match ?? [];
    if (name === undefined || rest === undefined)
      throw new GrubError(11, `${path} does not begin with a device such as (hd0,1)`);
    const device = yield* this.device(name);
    if (!rest.startsWith("/") && blocklistRuns(rest) === undefined)
      throw new GrubError(1, `after its device a path goes on with "/": ${path}`);
    return { device, rest };
  }

  #file(device: Device, path: string, file: OpenFile): GrubFile {
    const ask = <T>(reading: Reading<T>) => this.#ask(device, path, reading);
    return { size: file.size, read: (offset, length) => ask(file.read(offset, length)) };
  }

  *#tableOf(disk: GrubDisk): Thread<PartitionTable> {
    const known = this.#tables.get(disk);
    if (known !== undefined) return known;
    const outcome = yield* this.#do(disk, readPartitions(disk.bytes));
    if (!outcome.ok && outcome.kind === "exhausted") throw new GrubError(5, outcome.why);
    const table: PartitionTable = outcome.ok
      ? outcome.value
      : { kind: "none", sectorSize: SECTOR_SIZE, uuid: "", partitions: [], notes: [outcome.why] };
    this.#tables.set(disk, table);
    return table;
  }

  *#ask<T>(device: Device, path: string, reading: Reading<T>): Thread<T> {
    const outcome = yield* this.#do(device.disk, reading);
    if (outcome.ok) return outcome.value;
    throw new GrubError(
      NUMBER_OF[outcome.kind],
      outcome.why.includes(path) ? outcome.why : `${path}: ${outcome.why}`,
    );
  }

  *#do<T>(disk: GrubDisk, reading: Reading<T>): Thread<Outcome<T>> {
    const left = this.#left;
    if (left.steps <= 0 || left.bytes <= 0 || left.readings <= 0)
      return {
        ok: false,
        kind: "exhausted",
        why: "more was read from disks than one command may",
        feature: undefined,
      };
    left.readings--;
    const { work } = disk.bytes;
    const metered = function* (): Reading<T> {
      const { steps, bytes } = work;
      try {
        return yield* reading;
      } finally {
        left.steps -= steps - work.steps;
        left.bytes -= bytes - work.bytes;
      }
    };
    try {
      return yield* readFrom(disk, metered());
    } catch (error) {
      if (!(error instanceof BlkfrontError)) throw error;
      throw new GrubError(25, error.message);
    }
  }

  #disksHere(): string {
    const names = this.disks.map(({ name }) => name);
    return names.length === 0 ? "the domain has no disk" : `this domain has ${names.join(", ")}`;
  }

  #partitionsOf(disk: GrubDisk, { partitions }: PartitionTable): string {
    if (partitions.length === 0)
      return `${disk.name} has no partition table: its file system, if any, is on (${disk.name})`;
    const names = partitions.map((one) => deviceName(disk.name, one, "grub2"));
    return `the partitions of ${disk.name} are ${names.join(" ")}`;
  }
}

/** The GRUB 0.97 path or device, which counts partitions from 0, in the form of {@link GrubFiles}. */
export const fromLegacy = (path: string): string =>
  path.replace(
    /^\(([a-z][a-z0-9/_-]*),(\d{1,4})\)/i,
    (_, disk: string, n: string) => `(${disk},${Number(n) + 1})`,
  );

/** The answer, or undefined where GRUB would have an error. */
export function* orNothing<T>(asked: Thread<T>): Thread<T | undefined> {
  try {
    return yield* asked;
  } catch (error) {
    if (error instanceof GrubError) return undefined;
    throw error;
  }
}

/** Configuration files and what they read for themselves: longer ones are refused (Error 28). */
const TEXT_MAX = 1024 * 1024;

/** A file as text. Throws GrubError. */
export function* readText(files: GrubFiles, path: string): Thread<string> {
  return new TextDecoder().decode(yield* files.read(path, TEXT_MAX));
}

const NUMBER_OF: Readonly<Record<FaultKind, GrubErrorNumber>> = {
  "not-found": 15,
  "not-a-directory": 15,
  "is-a-directory": 2,
  "not-a-file": 2,
  "not-a-link": 2,
  unsupported: 14,
  corrupt: 16,
  "too-big": 28,
  loop: 26,
  exhausted: 16,
};

function deviceOf(disk: GrubDisk, partition: Partition | undefined): Device {
  const bytes = partition === undefined ? disk.bytes : disk.bytes.window(partition.start, partition.size);
  return { disk, partition, bytes, name: deviceName(disk.name, partition, "grub2") };
}

/** GRUB 2 under Xen names disks after their xenbus numbers: xen/xvda. */
function isNamed(disk: GrubDisk, name: string): boolean {
  const lower = name.toLowerCase();
  return disk.name === lower || xenName(disk.front.devid) === lower.replace(/^xen\//, "");
}

/** docs/misc/vbd-interface.txt; "" for what is no whole xvd, sd or hd. */
function xenName(devid: number): string {
  const letters = (n: number): string =>
    n < 26 ? String.fromCharCode(97 + n) : letters(Math.floor(n / 26) - 1) + letters(n % 26);
  if (devid >= 2 ** 28) return devid % 256 === 0 ? `xvd${letters((devid - 2 ** 28) / 256)}` : "";
  const major = devid >>> 8;
  const minor = devid & 255;
  if (major === 202) return minor % 16 === 0 ? `xvd${letters(minor / 16)}` : "";
  if (major === 8) return minor % 16 === 0 ? `sd${letters(minor / 16)}` : "";
  if (major === 3 || major === 22)
    return minor % 64 === 0 ? `hd${letters(minor / 64 + (major === 22 ? 2 : 0))}` : "";
  return "";
}

/** Why bytes of files may not be changed behind this file system's back. */
function hindranceOf({ kind, features }: FileSystem): string | undefined {
  if (kind === "btrfs") return "btrfs keeps checksums of its content";
  if (kind === "iso9660") return "iso9660 is read-only";
  if (features.includes("needs_recovery")) return "its journal has not been replayed";
  return undefined;
}

interface Request {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The same reading, remembering what it asked for last. */
function watch<T>(inner: Reading<T>): { reading: Reading<T>; last: () => Request | undefined } {
  let last: Request | undefined;
  const reading = (function* (): Reading<T> {
    let step = inner.next();
    while (step.done !== true) {
      const bytes = yield step.value;
      last = { offset: step.value.offset, bytes };
      step = inner.next(bytes);
    }
    return step.value;
  })();
  return { reading, last: () => last };
}

function* readRaw(bytes: DiskBytes, offset: number, length: number): Reading<Uint8Array> {
  return yield* bytes.read(offset, length, "a sector of the file");
}
