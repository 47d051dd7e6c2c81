import { lstatSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { openXfs } from "../../../src/image/fs/xfs/xfs.ts";
import { blank, fileDisk, lacking, MIB, memoryDisk, run, scratch, type TestDisk } from "../disks.ts";
import { damage } from "./fuzz.ts";
import { checkSymlinks, compareTree, FULL, makeTree, noise, SMALL } from "./trees.ts";

const folder = scratch();
const disks: TestDisk[] = [];
afterAll(() => {
  for (const disk of disks) disk.close();
  folder.remove();
}, 60_000);

/** What mkfs.xfs is told to make: a line per file (mkfs.xfs(8), "-p"). */
function prototypeOf(root: string): string {
  const lines = ["/dev/zero", "0 0", "d--755 0 0"];
  const visit = (path: string) => {
    for (const name of readdirSync(path)) {
      const at = join(path, name);
      const stat = lstatSync(at);
      const mode = (stat.mode & 0o777).toString(8).padStart(3, "0");
      if (stat.isDirectory()) {
        lines.push(`${name} d--${mode} 0 0`);
        visit(at);
      } else if (stat.isSymbolicLink()) lines.push(`${name} l--777 0 0 ${readlinkSync(at)}`);
      else lines.push(`${name} ---${mode} 0 0 ${at}`);
    }
    lines.push("$");
  };
  visit(root);
  return `${lines.join("\n")}\n`;
}

let made = 0;
const UUID = "01234567-89ab-cdef-0123-456789abcdef";
function mkfs(args: string, tree: string, size = 320 * MIB): string {
  const path = blank(join(folder.path, `xfs${made++}`), size);
  const proto = join(folder.path, "proto");
  run("dd", [`of=${proto}`], prototypeOf(tree));
  run("mkfs.xfs", [
    "-q",
    "-L",
    "wurzel",
    "-m",
    `uuid=${UUID}`,
    ...args.split(" ").filter(Boolean),
    "-p",
    proto,
    path,
  ]);
  return path;
}
function open(path: string): { disk: TestDisk; fs: FileSystem } {
  const disk = fileDisk(path);
  disks.push(disk);
  const fs = disk.do(openXfs(disk.bytes));
  if (fs === undefined) throw new Error("no XFS was found");
  return { disk, fs };
}
/** Targets that do not fit an inode: with checksums, mkfs.xfs 6.1 writes them without their header. */
const REMOTE = ["slow500", "slow1000", "long"];
/** mkfs.xfs sets times of its own and reads names up to a blank. */
function plain(root: string): string {
  for (const name of REMOTE) run("rm", ["-f", join(root, "links", name)]);
  for (const name of readdirSync(join(root, "names")))
    if (/\s/.test(name)) run("rm", [join(root, "names", name)]);
  return root;
}

const lacks = lacking("mkfs.xfs", "truncate");
describe.skipIf(lacks !== "")(`XFS by mkfs.xfs${lacks}`, () => {
  let small = "";
  const shape = { ...SMALL, hasUnixNames: false };
  beforeAll(() => {
    small = plain(makeTree(join(folder.path, "small"), { ...shape, sparse: 2 * MIB }));
  }, 60_000);

  it("a full tree, file by file", { timeout: 180_000 }, () => {
    const full = plain(
      makeTree(join(folder.path, "full"), { ...FULL, hasUnixNames: false, many: 4000, sparse: MIB }),
    );
    const { disk, fs } = open(mkfs("", full));
    expect(fs).toMatchObject({ kind: "xfs", label: "wurzel", uuid: UUID, size: 320 * MIB, notes: [] });
    expect(fs.features).toEqual(
      expect.arrayContaining(["crc", "ftype", "bigtime", "sparse", "reflink", "finobt"]),
    );
    compareTree(disk, fs, full, { times: false });
    checkSymlinks(disk, fs, full);
  });

  it.each([
    "-m crc=0",
    "-m crc=0 -n ftype=0",
    "-b size=1024",
    "-b size=1024 -n size=8192",
    "-m crc=0 -b size=512 -n size=4096",
    "-i size=2048",
    "-i nrext64=1",
    "-m bigtime=0,reflink=0,rmapbt=1",
    "-n version=ci -m crc=0",
    "-n size=65536",
  ])("a tree: %s", { timeout: 60_000 }, (args) => {
    const { disk, fs } = open(mkfs(args, small));
    compareTree(disk, fs, small, { opened: 40, times: false });
    checkSymlinks(disk, fs, small);
    if (args.includes("version=ci")) expect(disk.do(fs.stat("/BOOT/Grub/grub.CFG")).type).toBe("file");
  });

  it("symbolic links outside their inode, without and with the header that checksums bring", {
    timeout: 60_000,
  }, () => {
    const tree = join(folder.path, "long");
    run("mkdir", ["-p", join(tree, "boot")]);
    const targets = [
      `${"../".repeat(250)}boot`,
      `boot/${"x".repeat(200)}/${"y".repeat(250)}`,
      `${"./".repeat(500)}boot`,
    ];
    for (const [i, target] of targets.entries()) symlinkSync(target, join(tree, `l${i}`));
    for (const args of ["-m crc=0", ""]) {
      const image = readFileSync(mkfs(args, tree));
      for (const target of args === "" ? targets : []) {
        const at = image.indexOf(target);
        expect(at % 4096).toBe(0);
        image.copyWithin(at + 56, at, at + target.length);
        image.write("XSLM", at, "latin1");
        image.writeUInt32BE(target.length, at + 8);
      }
      const disk = memoryDisk(image);
      const fs = disk.do(openXfs(disk.bytes));
      for (const [i, target] of targets.entries()) expect(fs && disk.do(fs.readlink(`l${i}`))).toBe(target);
      expect(fs && disk.do(fs.stat("l0")).type).toBe("directory");
      expect(fs && disk.do(fs.stat("l2")).type).toBe("directory");
    }
  });

  it("damage of any kind ends in an answer", { timeout: 120_000 }, () => {
    const little = plain(
      makeTree(join(folder.path, "little"), { ...shape, many: 60, large: 200_000, sparse: 0, depth: 3 }),
    );
    for (const args of ["", "-m crc=0 -b size=1024"])
      damage(new Uint8Array(readFileSync(mkfs(args, little))).slice(0, 60 * MIB), openXfs, 80);
  });

  it("no other disk is taken for one", () => {
    for (const size of [0, 512, 200_000]) {
      const disk = memoryDisk(noise(size, 1));
      expect(disk.do(openXfs(disk.bytes))).toBeUndefined();
    }
  });
});
