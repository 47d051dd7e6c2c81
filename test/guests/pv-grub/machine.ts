/** PV-GRUB's surroundings for tests: disks in memory, a terminal that is a list of lines, a loader that remembers. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BlkfrontError } from "../../../src/guests/minios/blkfront.ts";
import type { Thread } from "../../../src/guests/minios/threads.ts";
import type { GrubDisk } from "../../../src/guests/pv-grub/disks.ts";
import { GrubError } from "../../../src/guests/pv-grub/errors.ts";
import { GrubFiles } from "../../../src/guests/pv-grub/files.ts";
import type { RunEnd, Surroundings } from "../../../src/guests/pv-grub/menu.ts";
import { DiskBytes } from "../../../src/image/disk-bytes.ts";
import { Work } from "../../../src/image/disk-reading.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { blank, MIB, run, scratch } from "../../image/disks.ts";

/** Runs a thread that waits for nobody. */
export function drive<T>(thread: Thread<T>, steps = 1e7): T {
  for (let i = 0; i < steps; i++) {
    const step = thread.next();
    if (step.done === true) return step.value;
    if (step.value.wait === "queue") throw new Error("it waits for something that never comes");
  }
  throw new Error(`it has not ended after ${steps} steps`);
}

/** What a thread that must fail says. */
export function failure(thread: Thread<unknown>): { number: number; message: string; why: string } {
  try {
    drive(thread);
  } catch (error) {
    if (error instanceof GrubError) return { number: error.number, message: error.message, why: error.why };
    throw error;
  }
  throw new Error("it did not fail");
}

export interface MemoryDisk extends GrubDisk {
  readonly content: Uint8Array;
  flushes: number;
}

/** A disk of `content`; sectors from `badFrom` on cannot be read. */
export function memoryGrubDisk(
  index: number,
  content: Uint8Array,
  { devid = 51712 + 16 * index, badFrom = Number.POSITIVE_INFINITY } = {},
): MemoryDisk {
  const disk = {
    name: `hd${index}`,
    content,
    flushes: 0,
    bytes: new DiskBytes({ size: content.length }, new Work({ steps: 0, bytes: 0 })),
    front: {
      devid,
      info: { sectors: content.length / 512, info: 0, canFlush: true },
      *read(sector: number, count: number): Thread<Uint8Array> {
        yield { wait: "schedule" };
        if (sector + count > badFrom)
          throw new BlkfrontError(`vbd ${devid}: read of sector ${sector} failed (-1)`);
        return content.slice(sector * 512, (sector + count) * 512);
      },
      *write(sector: number, bytes: Uint8Array): Thread<void> {
        yield { wait: "schedule" };
        content.set(bytes, sector * 512);
      },
      *flush(): Thread<void> {
        yield { wait: "schedule" };
        disk.flushes++;
      },
    },
  };
  // Blkfront is a class with a ring behind it: this one has the three acts that files need.
  return disk as unknown as MemoryDisk;
}

export type Tree = Readonly<Record<string, string | Uint8Array>>;

/** Lays files into a folder. */
export function plant(folder: string, tree: Tree): string {
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

export interface Made {
  /** Arguments of mke2fs, "-t ext4" else. */
  readonly mkfs?: string;
  readonly label?: string;
  readonly uuid?: string;
  /** Text for sfdisk: the file system stands in the first partition with a Linux type, at 1 MiB. */
  readonly table?: string;
}

/** An image with an ext file system of these files. */
export function extImage(tree: Tree, made: Made = {}): Uint8Array {
  const folder = scratch();
  try {
    const from = plant(join(folder.path, "tree"), tree);
    mkdirSync(from, { recursive: true });
    const fs = blank(join(folder.path, "fs"), 4 * MIB);
    const named = [...(made.label === undefined ? [] : ["-L", made.label]), "-U", made.uuid ?? "clear"];
    run("mke2fs", [
      "-q",
      "-F",
      ...(made.mkfs ?? "-t ext4 -O ^has_journal").split(" "),
      ...named,
      "-d",
      from,
      fs,
    ]);
    const content = new Uint8Array(readFileSync(fs));
    if (made.table === undefined) return content;
    const whole = blank(join(folder.path, "disk"), 8 * MIB);
    run("sfdisk", ["-q", whole], made.table);
    const disk = new Uint8Array(readFileSync(whole));
    disk.set(content, MIB);
    return disk;
  } finally {
    folder.remove();
  }
}

export interface Machine extends Surroundings {
  readonly out: () => string;
  /** What the loader was told, a line each. */
  readonly loads: string[];
}

/** `typed`: answers to questions for a line, then keys. `kernels`: those that are not refused with Error 13; all by default. */
export function machine(
  disks: readonly GrubDisk[],
  { typed = [], kernels }: { typed?: string[]; kernels?: (path: string) => boolean } = {},
): Machine {
  const files = new GrubFiles(disks);
  const loads: string[] = [];
  let out = "";
  let loaded = false;
  let now = 0;
  return {
    files,
    loads,
    out: () => out,
    now: () => Nanos(now),
    terminal: {
      print: (text) => {
        out += text;
      },
      clear: () => {
        out += "<clear>";
      },
      // biome-ignore lint/correctness/useYield: it is there at once
      *key(until) {
        const key = typed.shift();
        if (key === undefined && until === undefined) throw new Error("it waits for a key for ever");
        if (key === undefined && until !== undefined) now = Math.max(now, until);
        return key;
      },
      // biome-ignore lint/correctness/useYield: it is there at once
      *line(prompt, secret) {
        const line = typed.shift();
        out += `${prompt}${secret ? "*".repeat(line?.length ?? 0) : line}\n`;
        return line;
      },
    },
    loader: {
      *kernel(path, cmdline) {
        loaded = false;
        yield* files.open(path);
        if (kernels?.(path) === false) throw new GrubError(13, `${path} is no kernel`);
        loads.push(`kernel ${path} ${cmdline}`);
        loaded = true;
      },
      *initrd(paths) {
        for (const path of paths) yield* files.open(path);
        loads.push(`initrd ${paths.join(" ")}`);
      },
      get loaded() {
        return loaded;
      },
      // biome-ignore lint/correctness/useYield: nothing follows
      *boot(): Thread<RunEnd> {
        return { end: "error", error: "not in this test", why: undefined };
      },
    },
  };
}
