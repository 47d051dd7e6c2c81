/**
 * Unpacked kernels on disk, by the hash of the file they came from: an xz kernel takes seconds to unpack. Only the image
 * is kept; it is judged anew each time. Bounded; whatever goes wrong here, the kernel is unpacked as if there were no cache.
 */
import { createHash } from "node:crypto";
import {
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
import { type KernelResult, readKernel } from "../dombuild/kernel.ts";

/** Changes when what is kept means something else. */
const FORMAT = 1;
const MOST_BYTES = 512 << 20;
/** What unpacks faster than this is not worth keeping. */
const WORTH_MILLIS = 30;

interface Head {
  readonly format: string;
  readonly length: number;
}

/** Blocks for as long as unpacking takes: for a worker thread. */
export function readKernelCached(file: Uint8Array, directory: string | undefined): KernelResult {
  if (directory === undefined) return readKernel(file);
  const path = join(directory, `${createHash("sha256").update(file).digest("hex")}.${FORMAT}`);
  const kept = load(path);
  if (kept !== undefined) {
    const read = readKernel(kept.image);
    if (read.ok) return { ok: true, value: { ...read.value, format: kept.format } };
  }
  const started = performance.now();
  const read = readKernel(file);
  if (read.ok && performance.now() - started > WORTH_MILLIS)
    keep(directory, path, read.value.format, read.value.image);
  return read;
}

function load(path: string): { readonly format: string; readonly image: Uint8Array } | undefined {
  try {
    const bytes = readFileSync(path);
    const end = bytes.indexOf(10);
    const head = JSON.parse(bytes.toString("utf8", 0, end)) as Head;
    const image = new Uint8Array(bytes.subarray(end + 1));
    if (image.length !== head.length) return undefined;
    const now = new Date();
    utimesSync(path, now, now); // the least recently used go first
    return { format: head.format, image };
  } catch {
    return undefined;
  }
}

function keep(directory: string, path: string, format: string, image: Uint8Array): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    makeRoom(directory, image.length);
    const head: Head = { format, length: image.length };
    writeFileSync(draft, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), image]), { mode: 0o600 });
    renameSync(draft, path);
  } catch {
    rmSync(draft, { force: true });
  }
}

function makeRoom(directory: string, wanted: number): void {
  const files = readdirSync(directory)
    .map((name) => join(directory, name))
    .map((path) => ({ path, stat: statSync(path) }))
    .sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs);
  let total = files.reduce((sum, { stat }) => sum + stat.size, wanted);
  for (const { path, stat } of files) {
    if (total <= MOST_BYTES) return;
    rmSync(path, { force: true });
    total -= stat.size;
  }
}
