import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { probe } from "../../../src/image/fs/probe.ts";
import { readPartitions } from "../../../src/image/partitions/partitions.ts";
import { blank, lacking, MIB, memoryDisk, run, scratch } from "../disks.ts";
import { noise } from "./trees.ts";

const folder = scratch();
afterAll(folder.remove, 60_000);

const KINDS = [
  ["ext4", "mke2fs", ["-q", "-F", "-t", "ext4", "-L", "one"], 16],
  ["ext2", "mke2fs", ["-q", "-F", "-t", "ext2", "-L", "one"], 16],
  ["fat16", "mkfs.fat", ["-F", "16", "-n", "one"], 16],
  ["fat32", "mkfs.fat", ["-F", "32", "-n", "one"], 64],
  ["xfs", "mkfs.xfs", ["-q", "-L", "one"], 320],
  ["btrfs", "mkfs.btrfs", ["-q", "-L", "one"], 128],
] as const;

const lacks = lacking("mke2fs", "mkfs.fat", "mkfs.xfs", "mkfs.btrfs", "sfdisk", "genisoimage", "truncate");
describe.skipIf(lacks !== "")(`what a disk holds${lacks}`, () => {
  it.each(KINDS)("%s, on a whole disk", { timeout: 60_000 }, (kind, mkfs, args, size) => {
    const path = blank(join(folder.path, kind), size * MIB);
    run(mkfs, [...args, path]);
    const disk = memoryDisk(readFileSync(path));
    expect(disk.do(probe(disk.bytes))).toMatchObject({ kind, label: expect.stringMatching(/^one$/i) });
  });

  it("a file system in a partition, read through its window", { timeout: 60_000 }, () => {
    const inner = blank(join(folder.path, "inner"), 16 * MIB);
    const tree = join(folder.path, "tree");
    run("mkdir", ["-p", join(tree, "boot")]);
    writeFileSync(join(tree, "boot/kernel"), noise(500_000, 1));
    run("mke2fs", ["-q", "-F", "-t", "ext4", "-d", tree, inner]);
    const path = blank(join(folder.path, "outer"), 32 * MIB);
    run("sfdisk", ["-q", path], "label: gpt\nstart=2048,size=2048\nstart=4096,size=32768\n");
    run("dd", [`if=${inner}`, `of=${path}`, "bs=1M", "seek=2", "conv=notrunc"]);
    const image = readFileSync(path);
    const disk = memoryDisk(image);
    const { partitions } = disk.do(readPartitions(disk.bytes));
    const found = partitions.map(({ start, size }) => disk.do(probe(disk.bytes.window(start, size))));
    expect(found.map((fs) => fs?.kind)).toEqual([undefined, "ext4"]);
    const [, fs] = found;
    const file = fs && disk.do(fs.open("/boot/kernel"));
    expect(file && Buffer.compare(disk.do(file.read(0, 1e6)), noise(500_000, 1))).toBe(0);
    // A window ends where it was told, whatever stands behind: here, in the middle of the file.
    const start = partitions[1]?.start ?? 0;
    const at = image.indexOf(noise(500_000, 1).subarray(0, 512));
    expect(at).toBeGreaterThan(start);
    const short = disk.bytes.window(start, at + 100_000 - start);
    const cut = disk.try(probe(short));
    const content = cut.ok && cut.value ? disk.try(cut.value.open("/boot/kernel")) : cut;
    const bytes =
      content.ok && content.value && "read" in content.value ? disk.try(content.value.read(0, 1e6)) : content;
    expect(bytes).toMatchObject({ ok: false, kind: "corrupt" });
  });

  it("a disk that boots from CD and from USB is an iso9660", () => {
    const tree = join(folder.path, "tree2");
    run("mkdir", ["-p", tree]);
    writeFileSync(join(tree, "a"), "a");
    const path = join(folder.path, "iso");
    run("genisoimage", ["-quiet", "-R", "-V", "one", "-o", path, tree]);
    const image = readFileSync(path);
    const fat = blank(join(folder.path, "fat"), 8 * MIB);
    run("mkfs.fat", [fat]);
    readFileSync(fat).copy(image, 0, 0, 512);
    const disk = memoryDisk(image);
    expect(disk.do(probe(disk.bytes))).toMatchObject({ kind: "iso9660", label: "one" });
  });

  it("nothing known: no file system", () => {
    for (const content of [new Uint8Array(MIB), noise(MIB, 3), new Uint8Array(0)]) {
      const disk = memoryDisk(content);
      expect(disk.do(probe(disk.bytes))).toBeUndefined();
    }
  });
});
