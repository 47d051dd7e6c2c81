/**
 * Unpacked kernels on disk, by the hash of the file they came from: an xz kernel takes seconds to unpack. Only the image
 * is kept; it is judged anew each time. Bounded; whatever goes wrong here, the kernel is unpacked as if there were no cache.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type KernelResult, readKernel } from "../dombuild/kernel.ts";

/** Changes when what is kept means something else. */
const FORMAT = 2;
/** Ends the name of a file that is being written. */
const DRAFT = ".new";
const STALE_DRAFT_MILLIS = 600_000;

interface CacheBounds {
  /** Of all that is kept. A larger image is not. */
  readonly mostBytes: number;
  /** What unpacks faster than this is not worth keeping. */
  readonly worthMillis: number;
}

const BOUNDS: CacheBounds = { mostBytes: 512 << 20, worthMillis: 100 };

interface Head {
  readonly format: string;
  readonly length: number;
  /** Of the image: a write that a crash of the machine left half done is noticed. */
  readonly crc: number;
}

/**
 * Blocks for as long as unpacking takes: for a worker thread. `directory` must be nobody's but ours (claimStateDirectory
 * sees to the one above it): who can write there decides what a guest runs.
 */
export function readKernelCached(
  file: Uint8Array,
  directory: string | undefined,
  bounds: CacheBounds = BOUNDS,
): KernelResult {
  if (directory === undefined || !makeOurs(directory)) return readKernel(file);
  const path = join(directory, `${createHash("sha256").update(file).digest("hex")}.${FORMAT}`);
  const kept = load(path);
  if (kept !== undefined) {
    const read = readKernel(kept.image);
    if (read.ok) return { ok: true, value: { ...read.value, format: kept.format } };
  }
  const started = performance.now();
  const read = readKernel(file);
  if (read.ok && performance.now() - started >= bounds.worthMillis)
    keep(directory, path, read.value.format, read.value.image, bounds.mostBytes);
  return read;
}

/** Whether it is a directory that only we can write to; made if need be. */
function makeOurs(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(directory);
    return lstatSync(directory).isDirectory() && uid === (process.getuid?.() ?? uid) && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}

function load(path: string): { readonly format: string; readonly image: Uint8Array } | undefined {
  try {
    const bytes = readFileSync(path);
    const end = bytes.indexOf(10);
    const head = JSON.parse(bytes.toString("utf8", 0, end)) as Head;
    const image = new Uint8Array(bytes.subarray(end + 1));
    if (image.length !== head.length || crc32(image) !== head.crc) return undefined;
    const now = new Date();
    utimesSync(path, now, now); // the least recently used go first
    return { format: head.format, image };
  } catch {
    return undefined;
  }
}

function keep(directory: string, path: string, format: string, image: Uint8Array, mostBytes: number): void {
  if (image.length > mostBytes) return;
  const draft = `${path}.${randomBytes(8).toString("hex")}${DRAFT}`;
  try {
    makeRoom(directory, image.length, mostBytes);
    const head: Head = { format, length: image.length, crc: crc32(image) };
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), image]);
    writeFileSync(draft, bytes, { mode: 0o600, flag: "wx" });
    renameSync(draft, path);
  } catch {
    rmSync(draft, { force: true });
  }
}

/** Removes drafts that nobody finishes any more, then the least recently used. Others may do the same meanwhile. */
function makeRoom(directory: string, wanted: number, mostBytes: number): void {
  const files = readdirSync(directory)
    .map((name) => ({
      path: join(directory, name),
      stat: statSync(join(directory, name), { throwIfNoEntry: false }),
    }))
    .flatMap(({ path, stat }) =>
      stat === undefined ? [] : [{ path, size: stat.size, age: Date.now() - stat.mtimeMs }],
    )
    .sort((a, b) => b.age - a.age);
  let total = wanted;
  for (const { size } of files) total += size;
  for (const { path, size, age } of files) {
    const isStale = path.endsWith(DRAFT) && age > STALE_DRAFT_MILLIS;
    if (total <= mostBytes && !isStale) continue;
    rmSync(path, { force: true });
    total -= size;
  }
}
