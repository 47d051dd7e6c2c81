/**
 * File systems as a kernel leaves them: compressed, in thousands of pieces, with subvolumes, not unmounted. Needs root and
 * loop devices, and changes mounts, so it runs only when asked: XLAB_TEST_MOUNT=1 npx vitest run test/image/fs/mounted.test.ts
 */
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openBtrfs } from "../../../src/image/fs/btrfs/btrfs.ts";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { probe } from "../../../src/image/fs/probe.ts";
import { blank, fileDisk, MIB, run, scratch, type TestDisk } from "../disks.ts";
import { checkSymlinks, compareTree, FULL, makeTree, noise, SMALL } from "./trees.ts";

const folder = scratch();
afterAll(folder.remove, 60_000);

/** Text that packs well, one line unlike the other. */
const text = (lines: number): string =>
  Array.from({ length: lines }, (_, i) => `line ${i * 7919} of the file\n`).join("");

let made = 0;
/** Makes a file system, mounts it, lets `fill` write, looks at it with `see` while the written tree is still mounted. */
function mounted(
  mkfs: readonly string[],
  options: string,
  fill: (at: string) => void,
  see: (disk: TestDisk, fs: FileSystem, at: string) => void,
  isLeftDirty = false,
): void {
  const image = blank(join(folder.path, `image${made}`), 512 * MIB);
  const at = join(folder.path, `mount${made++}`);
  mkdirSync(at);
  const [program = "", ...args] = mkfs;
  run(program, [...args, image]);
  run("mount", ["-o", `loop,${options}`, image, at]);
  try {
    fill(at);
    run("sync", ["-f", at]);
    if (!isLeftDirty) run("mount", ["-o", "remount,ro", at]);
    const disk = fileDisk(image);
    try {
      const fs = disk.do(probe(disk.bytes));
      if (fs === undefined) throw new Error("no file system was found");
      see(disk, fs, at);
    } finally {
      disk.close();
    }
  } finally {
    run("umount", [at]);
  }
}

/** A file of 4 KiB pieces written turn by turn with another. */
function scatter(at: string, pieces: number): void {
  const files = ["scattered", "other"].map((name) => openSync(join(at, name), "w"));
  for (let i = 0; i < pieces; i++) {
    for (const file of files) {
      writeSync(file, noise(4096, i + 1), 0, 4096, i * 8192);
      if (i % 8 === 0) run("sync", ["-d", join(at, "scattered"), join(at, "other")]);
    }
  }
  for (const file of files) closeSync(file);
}

const whyNot = process.env["XLAB_TEST_MOUNT"] === "1" ? "" : " (skipped: XLAB_TEST_MOUNT=1 is not set)";
describe.skipIf(whyNot !== "")(`written by the kernel${whyNot}`, { timeout: 240_000 }, () => {
  it.each(["zlib", "lzo", "zstd"])("btrfs, compressed by %s", (kind) => {
    mounted(
      ["mkfs.btrfs", "-q"],
      `compress-force=${kind}`,
      (at) => {
        makeTree(at, SMALL);
        writeFileSync(join(at, "text"), text(100_000));
        writeFileSync(join(at, "short"), text(20));
        writeFileSync(join(at, "odd"), text(3000).slice(0, 70_001));
        writeFileSync(
          join(at, "both"),
          Buffer.concat([Buffer.from(text(9000)), noise(300_000, 1), Buffer.alloc(200_000)]),
        );
      },
      (disk, fs, at) => {
        compareTree(disk, fs, at);
        checkSymlinks(disk, fs, at);
        if (kind !== "zlib") expect(fs.features).toContain(`compress-${kind}`);
      },
    );
  });

  it("btrfs with subvolumes, snapshots, a default one, clones and preallocated space", () => {
    mounted(
      ["mkfs.btrfs", "-q"],
      "noatime",
      (at) => {
        run("btrfs", ["subvolume", "create", join(at, "@rootfs")]);
        makeTree(join(at, "@rootfs"), { ...SMALL, many: 50 });
        run("btrfs", ["subvolume", "create", join(at, "@rootfs/inner")]);
        writeFileSync(join(at, "@rootfs/inner/file"), "in the inner one");
        run("cp", ["--reflink=always", join(at, "@rootfs/large.bin"), join(at, "@rootfs/clone")]);
        run("fallocate", ["-l", "3M", join(at, "@rootfs/preallocated")]);
        run("btrfs", ["subvolume", "snapshot", join(at, "@rootfs"), join(at, "snapshot")]);
        writeFileSync(join(at, "snapshot/new"), "only here");
        run("btrfs", ["subvolume", "set-default", join(at, "snapshot")]);
      },
      (disk, fs, at) => {
        compareTree(disk, fs, at, { opened: 30 });
        checkSymlinksIn(disk, "default", join(at, "snapshot"));
        const other = disk.do(openBtrfs(disk.bytes, "default"));
        expect(other && disk.do(other.list("/")).map((one) => one.name)).toContain("new");
        expect(disk.try(openBtrfs(disk.bytes, 9999))).toMatchObject({ kind: "not-found" });
      },
    );
  });

  it("btrfs with thousands of files and extents: trees of several levels", () => {
    mounted(
      ["mkfs.btrfs", "-q", "-n", "4096"],
      "noatime",
      (at) => {
        makeTree(at, { ...FULL, many: 6000 });
        scatter(at, 1500);
      },
      (disk, fs, at) => compareTree(disk, fs, at),
    );
  });

  it.each([
    ["xfs", []],
    ["xfs, small blocks", ["-b", "size=1024", "-n", "size=4096"]],
    ["xfs, 64-bit extent counts", ["-i", "nrext64=1"]],
  ] as const)("%s: directories and extents in trees, remote links, clones", (_, args) => {
    mounted(
      ["mkfs.xfs", "-q", ...args],
      "noatime",
      (at) => {
        makeTree(at, FULL);
        symlinkSync("z/".repeat(500), join(at, "links/remote"));
        scatter(at, 1500);
        run("fallocate", ["-l", "3M", join(at, "preallocated")]);
        if (args.length === 0) run("cp", ["--reflink=always", join(at, "large.bin"), join(at, "clone")]);
        run("rm", ["-rf", join(at, "many/file-number-77")]);
      },
      (disk, fs, at) => {
        compareTree(disk, fs, at);
        checkSymlinks(disk, fs, at);
      },
    );
  });

  it.each([
    ["-O", "inline_data"],
    ["-O", "^extent,^64bit,^flex_bg"],
  ])("ext4 not unmounted: its journal is replayed in memory (%s %s)", (...args) => {
    mounted(
      ["mke2fs", "-q", "-F", "-t", "ext4", ...args],
      "noatime",
      (at) => {
        makeTree(at, FULL);
        scatter(at, 500);
      },
      (disk, fs, at) => {
        expect(fs.features).toContain("needs_recovery");
        expect(fs.notes.join()).toMatch(
          /^the journal's [1-9]\d* transactions \([1-9]\d* blocks\) were replayed in memory$/,
        );
        compareTree(disk, fs, at);
        checkSymlinks(disk, fs, at);
      },
      true,
    );
  });
});

function checkSymlinksIn(disk: TestDisk, subvolume: "default", root: string): void {
  const fs = disk.do(openBtrfs(disk.bytes, subvolume));
  if (fs === undefined) throw new Error("no btrfs was found");
  checkSymlinks(disk, fs, root);
}
