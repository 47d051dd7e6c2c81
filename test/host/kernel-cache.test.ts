/** Unpacked kernels on disk: kept by need, bounded, and believed only when they are whole and ours. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readKernel } from "../../src/dombuild/kernel.ts";
import { readKernelCached } from "../../src/host/kernel-cache.ts";
import { makeBzImage } from "../image/make-bzimage.ts";
import { linuxNotes, makeElf, VIRT_BASE } from "../image/make-elf.ts";

const entry = VIRT_BASE + 0x100000n;
const kernel = (fill: number): Uint8Array =>
  makeBzImage(
    gzipSync(
      makeElf({
        notes: linuxNotes(entry),
        segments: [{ paddr: 0x100000n, vaddr: entry, bytes: new Uint8Array(20_000).fill(fill) }],
      }),
    ),
  );
const ALL = { mostBytes: 1 << 20, worthMillis: 0 };
const SLOW = { mostBytes: 1 << 20, worthMillis: 60_000 };

describe("the kernel cache", () => {
  let root = "";
  let directory = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xlab-cache-"));
    directory = join(root, "cache");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const only = (): string => join(directory, readdirSync(directory)[0] ?? "nothing");

  it("answers the same from disk as from the file", () => {
    const plain = readKernel(kernel(7));
    expect(readKernelCached(kernel(7), directory, ALL)).toEqual(plain);
    expect(readdirSync(directory)).toHaveLength(1);
    expect(statSync(only()).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readKernelCached(kernel(7), directory, ALL)).toEqual(plain);
    expect(readKernelCached(kernel(8), directory, ALL)).toEqual(readKernel(kernel(8)));
    expect(readdirSync(directory)).toHaveLength(2);
  });

  it("keeps nothing that unpacks quickly, is no kernel, or is larger than all it may hold", () => {
    readKernelCached(kernel(7), directory, SLOW);
    readKernelCached(new Uint8Array(100), directory, ALL);
    readKernelCached(kernel(7), directory, { mostBytes: 10_000, worthMillis: 0 });
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each<[string, () => void]>([
    ["cut off", () => truncateSync(only(), 9_000)],
    ["empty", () => writeFileSync(only(), "")],
    ["of zeros, as a crash of the machine leaves them", () => writeFileSync(only(), new Uint8Array(21_000))],
    [
      "with zeros inside",
      () => {
        const bytes = readFileSync(only());
        writeFileSync(only(), bytes.fill(0, 9_000, 13_000));
      },
    ],
    ["something else", () => writeFileSync(only(), "{}\nrubbish")],
  ])("passes over an entry that is %s, and writes it anew", (_what, damage) => {
    const plain = readKernelCached(kernel(7), directory, ALL);
    damage();
    expect(readKernelCached(kernel(7), directory, ALL)).toEqual(plain);
    expect(statSync(only()).size).toBeGreaterThan(20_000);
  });

  it("forgets the least recently used first, and drafts that nobody finishes", () => {
    const bounds = { mostBytes: 50_000, worthMillis: 0 }; // two images
    readKernelCached(kernel(1), directory, bounds);
    const first = only();
    readKernelCached(kernel(2), directory, bounds);
    const second = join(directory, readdirSync(directory).find((name) => !first.endsWith(name)) ?? "");
    const [hourAgo, dayAgo] = [new Date(Date.now() - 3_600_000), new Date(Date.now() - 86_400_000)];
    utimesSync(first, dayAgo, dayAgo);
    utimesSync(second, hourAgo, hourAgo);
    const draft = join(directory, "abc.new");
    writeFileSync(draft, "half");
    utimesSync(draft, hourAgo, hourAgo);
    readKernelCached(kernel(1), directory, bounds); // used: now the second is the oldest
    readKernelCached(kernel(3), directory, bounds);
    const left = readdirSync(directory).map((name) => join(directory, name));
    expect(left).toHaveLength(2);
    expect(left).toContain(first);
  });

  it("does not believe a directory that others may write to, or that is none", () => {
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    expect(readKernelCached(kernel(7), directory, ALL).ok).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
    const elsewhere = join(root, "elsewhere");
    mkdirSync(elsewhere);
    const link = join(root, "link");
    symlinkSync(elsewhere, link);
    expect(readKernelCached(kernel(7), link, ALL).ok).toBe(true);
    expect(readdirSync(elsewhere)).toEqual([]);
    const file = join(root, "file");
    writeFileSync(file, "");
    expect(readKernelCached(kernel(7), file, ALL).ok).toBe(true);
  });
});
