import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openExt } from "../../../src/image/fs/ext/ext.ts";
import { blank, fileDisk, lacking, MIB, memoryDisk, run, scratch } from "../disks.ts";
import { noise } from "./trees.ts";

const folder = scratch();
afterAll(folder.remove, 60_000);

const debugfs = (path: string, ...commands: string[]) =>
  run("debugfs", ["-w", "-f", "-", path], commands.join("\n"));
const file = (name: string, content: Uint8Array): string => {
  const path = join(folder.path, name);
  writeFileSync(path, content);
  return path;
};

/** An image with one file of three blocks, "f". */
function image(name: string, args: string): { path: string; blocks: number[]; blockSize: number } {
  const path = blank(join(folder.path, name), 24 * MIB);
  run("mke2fs", ["-q", "-F", ...args.split(" "), path]);
  const blockSize = Number(/^Block size:\s+(\d+)/m.exec(run("dumpe2fs", ["-h", path]))?.[1]);
  debugfs(path, `write ${file("f", noise(3 * blockSize, 1))} f`);
  const blocks = run("debugfs", ["-R", "blocks f", path]).trim().split(/\s+/).map(Number);
  return { path, blocks, blockSize };
}

function content(path: string): { f: Buffer; notes: readonly string[]; features: readonly string[] } {
  const disk = fileDisk(path);
  try {
    const fs = disk.do(openExt(disk.bytes));
    if (fs === undefined) throw new Error("no ext here");
    const f = disk.do(fs.open("f"));
    return { f: Buffer.from(disk.do(f.read(0, f.size))), notes: fs.notes, features: fs.features };
  } finally {
    disk.close();
  }
}

/** The same after e2fsck has replayed the journal of a copy. */
function afterRecovery(path: string): Buffer {
  copyFileSync(path, `${path}-recovered`);
  try {
    run("e2fsck", ["-fy", "-E", "journal_only", `${path}-recovered`]);
  } catch {
    // status 1: errors were corrected
  }
  return content(`${path}-recovered`).f;
}

const lacks = lacking("mke2fs", "debugfs", "e2fsck", "dumpe2fs", "truncate");
describe.skipIf(lacks !== "")(`a journal left to be replayed${lacks}`, () => {
  const kinds = [
    ["checksums v3, 64 bits", "-t ext4", "jo -c"],
    ["checksums v2, 64 bits", "-t ext4", "jo -c -v 2"],
    ["checksums v2, 32 bits", "-t ext4 -O ^64bit", "jo -c -v 2"],
    ["64 bits", "-t ext4 -O ^metadata_csum", "jo"],
    ["32 bits", "-t ext3 -b 1024", "jo"],
    ["32 bits, blocks of 4 KiB", "-t ext3 -b 4096", "jo"],
  ] as const;

  it.each(kinds)("committed blocks are read, as after recovery: %s", (name, args, jo) => {
    const { path, blocks, blockSize } = image(name, args);
    const [a, b, c] = blocks;
    const old = content(path).f;
    // The middle one begins with the journal's own mark, so it is escaped.
    const escaped = noise(blockSize, 5);
    escaped.set([0xc0, 0x3b, 0x39, 0x98]);
    debugfs(
      path,
      jo,
      `jw -b ${a},${b} ${file("ab", Buffer.concat([noise(blockSize, 3), escaped]))}`,
      `jw -b ${a} ${file("a", noise(blockSize, 4))}`,
      `jw -c -b ${c} ${file("c", noise(blockSize, 6))}`,
      "jc",
    );
    const now = content(path);
    expect(now.features).toContain("needs_recovery");
    expect(now.notes).toEqual(["the journal's 2 transactions (2 blocks) were replayed in memory"]);
    const wanted = [noise(blockSize, 4), escaped, old.subarray(2 * blockSize)];
    expect(now.f.equals(Buffer.concat(wanted))).toBe(true);
    expect(now.f.equals(afterRecovery(path))).toBe(true);
  });

  it.each(kinds)(
    "a revoked block is read as it is on the disk, one journaled again is not: %s",
    (name, args, jo) => {
      const { path, blocks, blockSize } = image(`revoke ${name}`, args);
      const [a, b, c] = blocks;
      debugfs(
        path,
        jo,
        `jw -b ${a},${b},${c} ${file("abc", noise(3 * blockSize, 3))}`,
        `jw -r ${a},${b}`,
        `jw -b ${b} ${file("b", noise(blockSize, 4))}`,
        "jc",
      );
      const now = content(path).f;
      expect(now.equals(afterRecovery(path))).toBe(true);
      const old = noise(3 * blockSize, 1);
      const middle = noise(3 * blockSize, 3).subarray(2 * blockSize);
      expect(now.equals(Buffer.concat([old.subarray(0, blockSize), noise(blockSize, 4), middle]))).toBe(true);
    },
  );

  it("a transaction whose commit block is damaged does not count", () => {
    const { path, blocks, blockSize } = image("damaged", "-t ext4");
    debugfs(path, "jo -c", `jw -b ${blocks[0]} ${file("x", noise(blockSize, 3))}`, "jc");
    const journal = run("debugfs", ["-R", "blocks <8>", path]).trim().split(/\s+/).map(Number);
    const bytes = new Uint8Array(readFileSync(path));
    // The journal's superblock, a descriptor, the block, the commit.
    const at = (journal[3] ?? 0) * blockSize + 50;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const damaged = `${path}-damaged`;
    writeFileSync(damaged, bytes);
    expect(content(path).f.equals(Buffer.from(noise(3 * blockSize, 1)))).toBe(false);
    expect(content(damaged).f.equals(Buffer.from(noise(3 * blockSize, 1)))).toBe(true);
  });

  it("a journal damaged anywhere ends in an answer", () => {
    const { path, blocks, blockSize } = image("fuzzed", "-t ext4");
    debugfs(
      path,
      "jo -c",
      `jw -b ${blocks.join(",")} ${file("x", noise(3 * blockSize, 3))}`,
      `jw -r ${blocks[0]}`,
      "jc",
    );
    const journal = run("debugfs", ["-R", "blocks <8>", path]).trim().split(/\s+/).map(Number);
    const whole = new Uint8Array(readFileSync(path));
    const chance = noise(4 * 3000, 9);
    for (let i = 0; i < 1000; i++) {
      const [which = 0, low = 0, high = 0, value = 0] = chance.subarray(4 * i);
      const block = [0, 1, 5, 6, 7][which % 5] ?? 0;
      const at = (journal[block] ?? 0) * blockSize + ((low | (high << 8)) % (which & 64 ? 128 : blockSize));
      const old = whole[at] ?? 0;
      whole[at] = value;
      const disk = memoryDisk(whole, { steps: 100_000, bytes: 32 * MIB });
      disk.try(
        (function* () {
          const fs = yield* openExt(disk.bytes);
          const f = yield* fs?.open("f") ?? [];
          return f === undefined ? undefined : yield* f.read(0, 1e6);
        })(),
      );
      whole[at] = old;
    }
  });
});
