/** qcow2 images made by qemu-img: what we read is what it reads, and what we wrote it finds whole. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { DiskImage } from "../../../src/host/disks/image.ts";
import { openImage as openFor } from "../../../src/host/disks/open.ts";

const MIB = 2 ** 20;
const scratch = mkdtempSync(join(tmpdir(), "xlab-qcow2-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const noQemu = spawnSync("qemu-img", ["--version"]).status !== 0;

const openImage = (path: string, format: string, readonly: boolean): Promise<DiskImage> =>
  openFor(path, format, readonly, "the test");

let made = 0;
const fresh = (): string => join(scratch, `${++made}`);
const qemu = (...args: string[]): string =>
  execFileSync("qemu-img", args, { encoding: "utf8", stdio: "pipe" });

/** As qemu-img reads it. */
function contentOf(path: string): Buffer {
  const raw = fresh();
  qemu("convert", "-O", "raw", path, raw);
  const bytes = readFileSync(raw);
  rmSync(raw);
  return bytes;
}

function check(path: string): void {
  const { status, stdout, stderr } = spawnSync("qemu-img", ["check", path], { encoding: "utf8" });
  expect([status, stdout + stderr], stdout + stderr).toMatchObject([0, expect.stringContaining("No errors")]);
}

/** Bytes that pack well and differ from place to place. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 512) bytes.fill((seed + (at >>> 9) * 7) & 0xff, at, at + 300);
  return bytes;
}

/** An image of this content. */
function imageOf(content: Buffer, ...options: string[]): string {
  const raw = fresh();
  writeFileSync(raw, content);
  const path = fresh();
  qemu("convert", "-f", "raw", "-O", "qcow2", ...options, raw, path);
  return path;
}

/** The same writes to an image and to bytes beside it. */
async function scribble(
  path: string,
  content: Buffer,
  writes: readonly (readonly [number, number])[],
): Promise<void> {
  const image = await openImage(path, "qcow2", false);
  await Promise.all(
    writes.map(async ([sector, count], i) => {
      const offset = (sector * 512) % image.size;
      const data = pattern(Math.min(count * 512, image.size - offset), i + 91);
      data.copy(content, offset);
      await image.write(offset, data);
    }),
  );
  await image.close();
}

describe.skipIf(noQemu)(
  `against qemu-img${noQemu ? " (skipped: no qemu-img here; Debian's qemu-utils)" : ""}`,
  () => {
    const kinds: [string, string[]][] = [
      ["version 3", []],
      ["version 2", ["-o", "compat=0.10"]],
      ["clusters of 512 bytes", ["-o", "cluster_size=512"]],
      ["clusters of 4 KiB", ["-o", "cluster_size=4k"]],
      ["clusters of 2 MiB", ["-o", "cluster_size=2M"]],
      ["counts of 1 bit", ["-o", "refcount_bits=1"]],
      ["counts of 4 bits", ["-o", "refcount_bits=4"]],
      ["counts of 64 bits, small clusters", ["-o", "refcount_bits=64,cluster_size=512"]],
      ["lazy reference counts", ["-o", "lazy_refcounts=on"]],
      ["compressed by deflate", ["-c"]],
      ["compressed by zstd", ["-c", "-o", "compression_type=zstd"]],
      ["compressed in small clusters", ["-c", "-o", "cluster_size=4k"]],
      ["preallocated", ["-o", "preallocation=metadata"]],
    ];
    test.each(kinds)("%s: read, written, checked", async (_, options) => {
      const content = pattern(3 * MIB + 512, 5);
      content.fill(0, MIB, 2 * MIB);
      const path = imageOf(content, ...options);
      const image = await openImage(path, "qcow2", true);
      expect(image.size).toBe(content.length);
      expect(Buffer.from(await image.read(0, content.length)).equals(content)).toBe(true);
      expect(
        Buffer.from(await image.read(MIB - 700 + 188, 2048)).equals(content.subarray(MIB - 512, MIB + 1536)),
      ).toBe(true);
      await image.close();
      await scribble(path, content, [
        [3, 5],
        [700, 300],
        [2100, 64],
        [2500, 1],
        [6144, 1],
      ]);
      check(path);
      expect(contentOf(path).equals(content)).toBe(true);
    });

    test("backing files, one on another, by relative names and of other formats", async () => {
      const content = pattern(2 * MIB, 1);
      const base = fresh();
      writeFileSync(base, content.subarray(0, MIB + 512));
      content.fill(0, MIB + 512);
      const middle = fresh();
      const top = fresh();
      qemu(
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "raw",
        "-b",
        base.slice(scratch.length + 1),
        middle,
        `${2 * MIB}`,
      );
      qemu("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", middle.slice(scratch.length + 1), top);
      await scribble(middle, content, [[10, 3]]);
      const before = [readFileSync(base), readFileSync(middle)];
      await scribble(top, content, [
        [11, 1],
        [2040, 40],
        [4000, 9],
      ]);
      check(top);
      expect(contentOf(top).equals(content)).toBe(true);
      expect([readFileSync(base), readFileSync(middle)]).toEqual(before);
    });

    test("a snapshot inside the image keeps what it had", async () => {
      const content = pattern(MIB, 3);
      const path = imageOf(content);
      qemu("snapshot", "-c", "then", path);
      const then = Buffer.from(content);
      await scribble(path, content, [
        [0, 3],
        [500, 700],
      ]);
      check(path);
      expect(contentOf(path).equals(content)).toBe(true);
      qemu("snapshot", "-a", "then", path);
      expect(contentOf(path).equals(then)).toBe(true);
    });

    test.each([["compat=0.10"], ["compat=1.1"]])(
      "discarded clusters read as zeros and are used again: %s",
      async (kind) => {
        const content = pattern(2 * MIB, 8);
        const path = imageOf(content, "-o", kind);
        const size = statSync(path).size;
        const image = await openImage(path, "qcow2", false);
        expect(image.discardGranularity).toBe(65_536);
        await image.discard(512, MIB);
        content.fill(0, 65_536, MIB);
        for (let at = 65_536; at < MIB; at += 65_536) {
          const data = pattern(65_536, at >>> 16);
          data.copy(content, at);
          await image.write(at, data);
        }
        await image.close();
        check(path);
        expect(contentOf(path).equals(content)).toBe(true);
        expect(statSync(path).size).toBeLessThanOrEqual(size + 65_536);
      },
    );

    test("the table of reference counts grows with the image", async () => {
      const path = fresh();
      qemu("create", "-q", "-f", "qcow2", "-o", "cluster_size=512,refcount_bits=64", path, `${16 * MIB}`);
      const content = Buffer.alloc(16 * MIB);
      await scribble(path, content, [
        [0, 8000],
        [9000, 9000],
      ]);
      check(path);
      expect(contentOf(path).equals(content)).toBe(true);
    });

    test("any writes, side by side, leave what they say", { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom("cluster_size=512", "cluster_size=4k,refcount_bits=2", "cluster_size=64k"),
          fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 200 })), { maxLength: 12 }),
          async (options, wanted) => {
            // Those that overlap have no order.
            const taken = new Set<number>();
            const writes = wanted.filter(([sector, count]) => {
              const sectors = Array.from({ length: count }, (_, i) => sector + i);
              if (sectors.some((one) => taken.has(one))) return false;
              for (const one of sectors) taken.add(one);
              return true;
            });
            const content = pattern(MIB / 2, 77);
            const path = imageOf(content, "-c", "-o", options);
            await scribble(path, content, writes);
            check(path);
            expect(contentOf(path).equals(content)).toBe(true);
          },
        ),
        { numRuns: 12 },
      );
    });

    const refused: [string, (path: string) => void, RegExp][] = [
      [
        "is encrypted",
        (path) =>
          qemu(
            "create",
            "-q",
            "-f",
            "qcow2",
            "-o",
            "encrypt.format=luks,encrypt.key-secret=s",
            "--object",
            "secret,id=s,data=x",
            path,
            "1M",
          ),
        /encrypted/,
      ],
      [
        "has its data elsewhere",
        (path) => qemu("create", "-q", "-f", "qcow2", "-o", `data_file=${path}.data`, path, "1M"),
        /external file/,
      ],
      [
        "has subclusters",
        (path) => qemu("create", "-q", "-f", "qcow2", "-o", "extended_l2=on,cluster_size=128k", path, "1M"),
        /extended L2/,
      ],
      ["is raw", (path) => writeFileSync(path, pattern(MIB, 1)), /not a qcow2 image/],
      [
        "rests on itself",
        (path) => {
          qemu("create", "-q", "-f", "qcow2", path, "1M");
          symlinkSync(path, `${path}.other`);
          qemu("rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", `${path}.other`, path);
        },
        /rests on itself/,
      ],
      [
        "names a backing file without format",
        (path) => {
          qemu("create", "-q", "-f", "qcow2", path, "1M");
          const name = "/etc/passwd";
          const file = readFileSync(path);
          file.writeBigUInt64BE(1024n, 8);
          file.writeUInt32BE(name.length, 16);
          file.write(name, 1024);
          writeFileSync(path, file);
        },
        /does not say of which format/,
      ],
      [
        "rests on a server",
        (path) => {
          qemu("create", "-q", "-f", "qcow2", path, "1M");
          qemu("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "nbd://localhost/x", path);
        },
        /is not a file/,
      ],
    ];
    test.each(refused)("an image that %s is refused by name", async (_, make, why) => {
      const path = fresh();
      make(path);
      await expect(openImage(path, "qcow2", false)).rejects.toThrow(why);
    });

    test("a damaged image costs bounded time, and never this process", { timeout: 120_000 }, async () => {
      const whole = readFileSync(imageOf(pattern(MIB, 6), "-c", "-o", "cluster_size=4k"));
      const path = fresh();
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.oneof(fc.nat(200), fc.nat(whole.length - 1)), fc.nat(255)), {
            minLength: 1,
            maxLength: 20,
          }),
          async (changes) => {
            const bytes = Buffer.from(whole);
            for (const [at, byte] of changes) bytes[at] = byte;
            const file = await open(path, "w");
            await file.write(bytes);
            await file.close();
            const image = await openImage(path, "qcow2", false).catch(() => undefined);
            if (image === undefined) return;
            const end = Math.min(image.size, MIB);
            await image.read(0, end).catch(() => {});
            await image.write(0, pattern(Math.min(end, 8192), 1)).catch(() => {});
            await image.discard(0, end).catch(() => {});
            await image.close().catch(() => {});
            expect(statSync(path).size).toBeLessThan(2 ** 56);
          },
        ),
        { numRuns: 150 },
      );
    });
  },
);
