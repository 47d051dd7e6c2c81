import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFat } from "../../../src/image/fs/fat/fat.ts";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { blank, fileDisk, lacking, MIB, memoryDisk, run, scratch, type TestDisk } from "../disks.ts";
import { damage } from "./fuzz.ts";
import { compareTree, makeTree, noise, SMALL } from "./trees.ts";

const folder = scratch();
const disks: TestDisk[] = [];
afterAll(() => {
  for (const disk of disks) disk.close();
  folder.remove();
}, 60_000);

const SHAPE = {
  ...SMALL,
  hasSymlinks: false,
  hasUnixNames: false,
  sparse: 0,
  many: 300,
  large: 1 * MIB,
  depth: 6,
};

let made = 0;
function mkfs(args: string, size: number, from?: string): string {
  const path = blank(join(folder.path, `fat${made++}`), size);
  run("mkfs.fat", ["-i", "cafe1234", "-n", "WURZEL", ...args.split(" "), path]);
  if (from !== undefined) {
    const names = readdirSync(from).map((name) => join(from, name));
    run("mcopy", ["-s", "-p", "-m", "-Q", "-i", path, ...names, "::/"]);
  }
  return path;
}
function open(path: string): { disk: TestDisk; fs: FileSystem } {
  const disk = fileDisk(path);
  disks.push(disk);
  const fs = disk.do(openFat(disk.bytes));
  if (fs === undefined) throw new Error("no FAT was found");
  return { disk, fs };
}

const lacks = lacking("mkfs.fat", "mcopy", "mmd", "mattrib", "truncate");
describe.skipIf(lacks !== "")(`FAT by mkfs.fat and mtools${lacks}`, () => {
  let tree = "";
  beforeAll(() => {
    tree = makeTree(join(folder.path, "tree"), SHAPE);
    // mtools cuts off what does not fit 16 bits, and takes "-" for its input.
    for (const name of ["😀.txt", "-"]) run("rm", ["-f", join(tree, "names", name)]);
  }, 60_000);

  it.each([
    ["fat12", "-F 12 -s 8", 8 * MIB],
    ["fat16", "-F 16", 32 * MIB],
    ["fat16", "-F 16 -S 4096", 64 * MIB],
    ["fat32", "-F 32", 64 * MIB],
    ["fat32", "-F 32 -s 1", 40 * MIB],
    ["fat32", "-F 32 -S 2048 -f 1", 320 * MIB],
  ] as const)("a tree on %s: %s", { timeout: 60_000 }, (kind, args, size) => {
    const { disk, fs } = open(mkfs(args, size, tree));
    expect(fs).toMatchObject({ kind, label: "WURZEL", uuid: "CAFE-1234", features: ["vfat"], notes: [] });
    compareTree(disk, fs, tree, { modes: false, opened: 60 });
  });

  it("names are found in any case, long ones by their short form too", () => {
    const { disk, fs } = open(mkfs("-F 32", 64 * MIB, tree));
    for (const path of [
      "/BOOT/Grub/GRUB.CFG",
      "boot/grub/grub.cfg",
      "/Names/upper.txt",
      "/NAMES/ÜMLÄUT UND LEERZEICHEN",
    ])
      expect([path, disk.do(fs.stat(path)).type]).toEqual([path, "file"]);
    const short = run("mdir", ["-i", join(folder.path, `fat${made - 1}`), "::/boot"]);
    const [, base, extension] = /(VMLINU~1) +(\S+)/i.exec(short) ?? [];
    expect(disk.do(fs.stat(`/boot/${base}.${extension}`)).size).toBe(300_000);
    expect(disk.try(fs.open("/boot/nothing"))).toMatchObject({ kind: "not-found" });
    expect(disk.try(fs.open("/boot"))).toMatchObject({ kind: "is-a-directory" });
    expect(disk.do(fs.stat("/boot/../boot/./grub/..")).type).toBe("directory");
  });

  it("a file in hundreds of pieces, deleted entries between", { timeout: 60_000 }, () => {
    const path = mkfs("-F 32 -s 1", 36 * MIB);
    const filler = join(folder.path, "filler");
    writeFileSync(filler, noise(700, 1));
    run("mmd", ["-i", path, "::/d"]);
    const names = Array.from({ length: 300 }, (_, i) => join(folder.path, `a long name of filler ${i}`));
    for (const name of names) run("cp", [filler, name]);
    run("mcopy", ["-i", path, ...names, "::/d"]);
    const odd = Array.from({ length: 150 }, (_, i) => `::/d/a long name of filler ${2 * i}`);
    run("mdel", ["-i", path, ...odd]);
    const big = join(folder.path, "big");
    writeFileSync(big, noise(33 * MIB, 2));
    run("truncate", ["-s", String(33 * MIB), big]);
    run("mcopy", ["-i", path, big, "::/big"]);
    const { disk, fs } = open(path);
    expect(disk.do(fs.list("/d")).length).toBe(150);
    const file = disk.do(fs.open("/big"));
    expect(Buffer.compare(disk.do(file.read(0, 33 * MIB)), readFileSync(big))).toBe(0);
    expect(disk.do(disk.do(fs.open("/d/A LONG NAME OF FILLER 299")).read(0, 1e4)).length).toBe(700);
  });

  it("a chain that leads back into itself, out of the volume, or ends too early is damage", () => {
    const path = mkfs("-F 16", 32 * MIB, tree);
    const image = new Uint8Array(readFileSync(path));
    const boot = new DataView(image.buffer);
    const table = boot.getUint16(14, true) * boot.getUint16(11, true);
    const clean = memoryDisk(image);
    const fs = clean.do(openFat(clean.bytes));
    const file = fs && clean.do(fs.open("large.bin"));
    expect(file && clean.do(file.read(0, MIB)).length).toBe(MIB);
    const attempt = (change: (cluster: number) => number) => {
      const copy = image.slice();
      const view = new DataView(copy.buffer);
      for (let at = table + 4; at < table + 2 * 16000; at += 2) {
        const next = view.getUint16(at, true);
        if (next > 2 && next < 0xfff0 && next % 5 === 0) view.setUint16(at, change((at - table) / 2), true);
      }
      const disk = memoryDisk(copy, { steps: 1e6, bytes: 64 * MIB });
      return disk.try(
        (function* () {
          const one = yield* openFat(disk.bytes);
          const open = yield* one?.open("large.bin") ?? [];
          return open && (yield* open.read(0, MIB)).length;
        })(),
      );
    };
    expect(attempt((cluster) => cluster)).toMatchObject({ kind: "corrupt" });
    expect(attempt(() => 0xffef)).toMatchObject({ kind: "corrupt" });
    expect(attempt(() => 0)).toMatchObject({ kind: "corrupt" });
    expect(attempt(() => 0xffff)).toMatchObject({ kind: "corrupt" });
  });

  it.each([
    ["-F 12", 2 * MIB],
    ["-F 16", 10 * MIB],
    ["-F 32 -s 1", 36 * MIB],
  ] as const)("damage of any kind ends in an answer: %s", { timeout: 120_000 }, (args, size) => {
    const little = join(folder.path, "little");
    run("rm", ["-rf", little]);
    makeTree(little, { ...SHAPE, many: 30, large: 300_000, depth: 3 });
    damage(new Uint8Array(readFileSync(mkfs(args, size, little))), openFat, 100);
  });

  it("no other disk is taken for one", () => {
    for (const size of [0, 511, 512, 65536]) {
      const disk = memoryDisk(noise(size, 1));
      expect(disk.do(openFat(disk.bytes))).toBeUndefined();
    }
  });
});
