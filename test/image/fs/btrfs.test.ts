import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBtrfs } from "../../../src/image/fs/btrfs/btrfs.ts";
import { crc32c } from "../../../src/image/fs/crc32c.ts";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { blank, fileDisk, lacking, MIB, memoryDisk, run, scratch, type TestDisk } from "../disks.ts";
import { damage } from "./fuzz.ts";
import { checkSymlinks, compareTree, FULL, makeTree, noise, SMALL } from "./trees.ts";

const folder = scratch();
const disks: TestDisk[] = [];
afterAll(() => {
  for (const disk of disks) disk.close();
  folder.remove();
}, 60_000);

let made = 0;
const UUID = "01234567-89ab-cdef-0123-456789abcdef";
function mkfs(args: string, tree: string, size = 320 * MIB): string {
  const path = blank(join(folder.path, `btrfs${made++}`), size);
  run("mkfs.btrfs", ["-q", "-L", "wurzel-ä", "-U", UUID, ...args.split(" "), "-r", tree, path]);
  return path;
}
function use(disk: TestDisk): { disk: TestDisk; fs: FileSystem } {
  disks.push(disk);
  const fs = disk.do(openBtrfs(disk.bytes));
  if (fs === undefined) throw new Error("no btrfs was found");
  return { disk, fs };
}
const open = (path: string) => use(fileDisk(path));

it("CRC-32C is the one of the standard", () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
});

const lacks = lacking("mkfs.btrfs", "truncate");
describe.skipIf(lacks !== "")(`btrfs by mkfs.btrfs${lacks}`, () => {
  let small = "";
  beforeAll(() => {
    small = makeTree(join(folder.path, "small"), { ...SMALL, sparse: 40 * MIB });
  }, 60_000);

  it("a full tree, file by file", { timeout: 120_000 }, () => {
    const full = makeTree(join(folder.path, "full"), { ...FULL, many: 4000, sparse: 60 * MIB });
    const { disk, fs } = open(mkfs("-m dup", full));
    expect(fs).toMatchObject({ kind: "btrfs", label: "wurzel-ä", uuid: UUID, notes: [] });
    expect(fs.features).toEqual(expect.arrayContaining(["extref", "skinny-metadata", "no-holes"]));
    compareTree(disk, fs, full);
    checkSymlinks(disk, fs, full);
  });

  it.each([
    "-m single",
    "-m single -n 4096",
    "-m dup -n 65536",
    "-M -m single -d single -n 4096",
    "-O ^no-holes,^skinny-metadata,^extref",
    "--csum xxhash",
    "--csum sha256",
    "-d dup -m dup",
  ])("a tree: %s", { timeout: 60_000 }, (args) => {
    const { disk, fs } = open(mkfs(args, small));
    compareTree(disk, fs, small, { opened: 40 });
    checkSymlinks(disk, fs, small);
  });

  it("a damaged tree block's other copy is used; without one it is damage", { timeout: 60_000 }, () => {
    const two = new Uint8Array(readFileSync(mkfs("-m dup -n 16384", small, 256 * MIB)));
    const one = new Uint8Array(readFileSync(mkfs("-m single -n 16384", small, 256 * MIB)));
    for (const [image, isGood] of [
      [two, true],
      [one, false],
    ] as const) {
      const seen = new Set<number>();
      // Every tree block that is met first is broken.
      for (let at = 0x20000; at < image.length; at += 16384) {
        const view = new DataView(image.buffer, at);
        const isBlock = Buffer.from(image.buffer, at + 0x20, 4).toString("hex") === "01234567";
        const logical = Number(view.getBigUint64(0x30, true));
        if (!isBlock || seen.has(logical) || logical % 4096 !== 0) continue;
        seen.add(logical);
        image[at + 200] = (image[at + 200] ?? 0) ^ 1;
      }
      expect(seen.size).toBeGreaterThan(5);
      const disk = memoryDisk(image);
      const out = disk.try(openBtrfs(disk.bytes));
      if (isGood) {
        const { fs } = use(disk);
        compareTree(disk, fs, small, { opened: 5 });
      } else expect(out).toMatchObject({ kind: "corrupt" });
    }
  });

  it("a damaged superblock's copy is used, and that is said", { timeout: 60_000 }, () => {
    const image = new Uint8Array(readFileSync(mkfs("-m dup", small, 256 * MIB)));
    image[0x10000 + 0x100] = (image[0x10000 + 0x100] ?? 0) ^ 1;
    const { fs } = use(memoryDisk(image));
    expect(fs.notes).toEqual(["the first superblock is damaged; a copy was used"]);
  });

  it("no other disk is taken for one", () => {
    for (const size of [0, 65536, 200_000]) {
      const disk = memoryDisk(noise(size, 1));
      expect(disk.do(openBtrfs(disk.bytes))).toBeUndefined();
    }
  });
});
void rmSync;
void deflateSync;
void damage;
