import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { openIso9660 } from "../../../src/image/fs/iso9660/iso9660.ts";
import { fileDisk, lacking, MIB, memoryDisk, run, scratch, type TestDisk } from "../disks.ts";
import { damage } from "./fuzz.ts";
import { checkSymlinks, compareTree, makeTree, noise, SMALL } from "./trees.ts";

const folder = scratch();
const disks: TestDisk[] = [];
afterAll(() => {
  for (const disk of disks) disk.close();
  folder.remove();
}, 60_000);

let made = 0;
function image(tool: string, args: string, tree: string): string {
  const path = join(folder.path, `iso${made++}`);
  const [program = "", ...before] = tool.split(" ");
  run(program, [...before, "-quiet", "-V", "Xlab Disk", ...args.split(" "), "-o", path, tree]);
  return path;
}
function open(path: string): { disk: TestDisk; fs: FileSystem } {
  const disk = fileDisk(path);
  disks.push(disk);
  const fs = disk.do(openIso9660(disk.bytes));
  if (fs === undefined) throw new Error("no ISO 9660 was found");
  return { disk, fs };
}

const SHAPE = { ...SMALL, sparse: 0, large: 5 * MIB };
/** On these links genisoimage 1.1.11 never ends, or writes a target cut short. */
const LOOPS = ["self", "ping", "pong", "slow500", "slow1000", "long"];
const lacks = lacking("genisoimage", "xorriso");
describe.skipIf(lacks !== "")(`iso9660 by genisoimage and xorriso${lacks}`, () => {
  let tree = "";
  let simple = "";
  let little = "";
  let withoutLoops = "";
  beforeAll(() => {
    tree = makeTree(join(folder.path, "tree"), SHAPE);
    const noUnix = { ...SHAPE, many: 60, hasSymlinks: false, hasUnixNames: false, depth: 4 };
    simple = makeTree(join(folder.path, "simple"), noUnix);
    for (const name of ["x".repeat(255), "é".repeat(127), "😀.txt", "-", "~"])
      run("rm", [join(simple, "names", name)]);
    little = makeTree(join(folder.path, "little"), { ...SHAPE, many: 30, large: 200_000, depth: 9 });
    withoutLoops = makeTree(join(folder.path, "without"), SHAPE);
    for (const root of [withoutLoops, little])
      for (const name of LOOPS) run("rm", [join(root, "links", name)]);
  }, 60_000);

  it.each([
    ["genisoimage", "-R -D"],
    ["genisoimage", "-R"],
    ["xorriso -as mkisofs", "-R"],
    ["xorriso -as mkisofs", "-R -J -joliet-long"],
    ["xorriso -as mkisofs", "-R -iso-level 3"],
  ])(
    "Rock Ridge: names, links, modes, times, directories moved up: %s %s",
    { timeout: 60_000 },
    (tool, args) => {
      const source = tool === "genisoimage" ? withoutLoops : tree;
      const { disk, fs } = open(image(tool, args, source));
      expect(fs).toMatchObject({ kind: "iso9660", label: "Xlab Disk", blockSize: 2048 });
      expect(fs.features).toEqual(args.includes("-J") ? ["rock-ridge", "joliet"] : ["rock-ridge"]);
      expect(fs.uuid).toMatch(/^20\d\d-\d\d-\d\d-\d\d-\d\d-\d\d-\d\d$/);
      compareTree(disk, fs, source, { opened: 60, extra: ["rr_moved"] });
      if (source === tree) checkSymlinks(disk, fs, tree);
    },
  );

  it.each([
    ["genisoimage", "-J -joliet-long"],
    ["xorriso -as mkisofs", "--norock -J -joliet-long"],
  ])("Joliet: %s %s", (tool, args) => {
    const { disk, fs } = open(image(tool, args, simple));
    expect(fs.features).toEqual(["joliet"]);
    compareTree(disk, fs, simple, { opened: 60, modes: false });
    expect(disk.do(fs.stat("/BOOT/GRUB/Grub.CFG")).type).toBe("file");
  });

  it("plain names are small, without version, and found in any case", () => {
    const { disk, fs } = open(image("genisoimage", "-l", simple));
    expect(fs.features).toEqual([]);
    expect(disk.do(fs.list("/boot/grub")).map((entry) => entry.name)).toEqual(["grub.cfg"]);
    const file = disk.do(fs.open("/BOOT/GRUB/GRUB.CFG"));
    expect(
      Buffer.from(disk.do(file.read(0, 999))).equals(readFileSync(join(simple, "boot/grub/grub.cfg"))),
    ).toBe(true);
  });

  it("a file in several extents, which records of 4 GiB less a sector make", () => {
    // Written by hand: the second record's file follows the first's somewhere else on the disk.
    const image = new Uint8Array(40 * 2048);
    const view = new DataView(image.buffer);
    const record = (at: number, name: number[], block: number, length: number, flags: number) => {
      const size = 33 + name.length + ((name.length + 1) & 1);
      image.set([size], at);
      view.setUint32(at + 2, block, true);
      view.setUint32(at + 10, length, true);
      image.set([flags], at + 25);
      image.set([name.length, ...name], at + 32);
      return at + size;
    };
    const ascii = (text: string) => [...text].map((char) => char.charCodeAt(0));
    image.set([1, ...ascii("CD001"), 1], 16 * 2048);
    view.setUint16(16 * 2048 + 128, 2048, true);
    view.setUint32(16 * 2048 + 80, 40, true);
    record(16 * 2048 + 156, [0], 20, 2048, 2);
    image.set([255, ...ascii("CD001"), 1], 17 * 2048);
    let at = record(20 * 2048, [0], 20, 2048, 2);
    at = record(at, [1], 20, 2048, 2);
    at = record(at, ascii("BIG.;1"), 30, 4096, 0x80);
    at = record(at, ascii("BIG.;1"), 24, 2048, 0x80);
    at = record(at, ascii("BIG.;1"), 35, 100, 0);
    record(at, ascii("NEXT;1"), 38, 7, 0);
    image.set(noise(19 * 2048, 4), 21 * 2048);
    const disk = memoryDisk(image);
    const fs = disk.do(openIso9660(disk.bytes));
    if (fs === undefined) throw new Error("no ISO 9660 was found");
    expect(disk.do(fs.list("")).map((entry) => entry.name)).toEqual(["big", "next"]);
    const file = disk.do(fs.open("big"));
    const wanted = Buffer.concat([
      image.subarray(30 * 2048, 32 * 2048),
      image.subarray(24 * 2048, 25 * 2048),
      image.subarray(35 * 2048, 35 * 2048 + 100),
    ]);
    expect(Buffer.compare(disk.do(file.read(0, 1e6)), wanted)).toBe(0);
    expect(Buffer.compare(disk.do(file.read(4000, 2200)), wanted.subarray(4000, 6200))).toBe(0);
  });

  it("a disk that boots by El Torito says so", () => {
    const { fs } = open(
      image("genisoimage", "-R -b boot/vmlinuz-6.1.0-18-amd64 -c boot/cat -no-emul-boot", little),
    );
    expect(fs.features).toEqual(["rock-ridge", "el-torito"]);
  });

  it.each(["-R", "-J -joliet-long"])(
    "damage of any kind ends in an answer: %s",
    { timeout: 120_000 },
    (args) => {
      damage(
        new Uint8Array(readFileSync(image("genisoimage", args, args === "-R" ? little : simple))),
        openIso9660,
        60,
      );
    },
  );

  it("no other disk is taken for one", () => {
    for (const size of [0, 40_000, 200_000]) {
      const disk = memoryDisk(noise(size, 1));
      expect(disk.do(openIso9660(disk.bytes))).toBeUndefined();
    }
  });
});
