/** Disks for tests: made by the tools of Debian's packages, without root, in a folder that is removed at the end. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readSync as preadSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskBytes } from "../../src/image/disk-bytes.ts";
import { type DiskRead, type Outcome, type Reading, readSync, Work } from "../../src/image/disk-reading.ts";

export const MIB = 1 << 20;
const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;

/** Those of `tools` that this machine lacks, as a reason to skip; "" when all are here. */
export function lacking(...tools: string[]): string {
  const missing = tools.filter(
    (tool) => spawnSync("sh", ["-c", `command -v ${tool}`], { env: { ...process.env, PATH } }).status !== 0,
  );
  return missing.length === 0 ? "" : ` (skipped: no ${missing.join(", ")} here)`;
}

/** Runs a tool; its output. Locale, time zone and block size of mkfs are fixed. */
export const run = (tool: string, args: readonly string[], input?: string | Uint8Array): string =>
  execFileSync(tool, args, {
    env: { ...process.env, PATH, LC_ALL: "C.UTF-8", TZ: "UTC", MTOOLS_SKIP_CHECK: "1" },
    stdio: ["pipe", "pipe", "pipe"],
    maxBuffer: 256 * MIB,
    timeout: 60_000,
    ...(input === undefined ? {} : { input }),
  }).toString("utf8");

export const scratch = (): { path: string; remove: () => void } => {
  const path = mkdtempSync(join(tmpdir(), "xlab-disks-"));
  return { path, remove: () => void run("rm", ["-rf", path]) };
};

/** A file of `size` zero bytes that takes no room. */
export function blank(path: string, size: number): string {
  writeFileSync(path, "");
  run("truncate", ["-s", String(size), path]);
  return path;
}

export interface TestDisk {
  readonly bytes: DiskBytes;
  readonly source: (read: DiskRead) => Uint8Array;
  /** Drives a reading; a fault fails the test. */
  do<T>(reading: Reading<T>): T;
  /** Drives a reading that may fail. */
  try<T>(reading: Reading<T>): Outcome<T>;
  close(): void;
}

const PLENTY = { steps: 1e9, bytes: 1e12 };

function testDisk(size: number, source: (read: DiskRead) => Uint8Array, allowed = PLENTY): TestDisk {
  const bytes = new DiskBytes({ size }, new Work(allowed));
  return {
    bytes,
    source,
    do: (reading) => {
      const out = readSync(reading, source);
      if (!out.ok) throw new Error(`${out.kind}: ${out.why}`);
      return out.value;
    },
    try: (reading) => readSync(reading, source),
    close: () => {},
  };
}

export const memoryDisk = (content: Uint8Array, allowed = PLENTY): TestDisk =>
  testDisk(
    content.length,
    ({ offset, length }) => {
      if (!(offset >= 0 && length >= 0 && offset + length <= content.length))
        throw new Error("beyond the disk");
      return content.subarray(offset, offset + length);
    },
    allowed,
  );

export function fileDisk(path: string, allowed = PLENTY): TestDisk {
  const file = openSync(path, "r");
  const disk = testDisk(
    fstatSync(file).size,
    ({ offset, length }) => {
      const out = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const count = preadSync(file, out, done, length - done, offset + done);
        if (count === 0) throw new Error("beyond the disk");
        done += count;
      }
      return out;
    },
    allowed,
  );
  return { ...disk, close: () => closeSync(file) };
}
