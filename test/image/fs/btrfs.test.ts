import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
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

  describe("compressed extents, put in place of plain ones", () => {
    const text = Buffer.from(Array.from({ length: 9000 }, (_, i) => `line ${i * 7919}\n`).join("")).subarray(
      0,
      65536,
    );
    const inPieces = (content: Uint8Array) => {
      const pieces: Uint8Array[] = [new Uint8Array(4)];
      let at = 4;
      for (let from = 0; from < content.length; from += 4096) {
        const room = 4096 - (at % 4096);
        if (room < 4) {
          pieces.push(new Uint8Array(room));
          at += room;
        }
        const packed = literals(content.subarray(from, from + 4096));
        const length = new Uint8Array(4);
        new DataView(length.buffer).setUint32(0, packed.length, true);
        pieces.push(length, packed);
        at += 4 + packed.length;
      }
      new DataView((pieces[0] as Uint8Array).buffer).setUint32(0, at, true);
      return Buffer.concat(pieces);
    };
    /** LZO1X of literals only: one run, and the end. */
    const literals = (piece: Uint8Array) => {
      const more = Math.floor((piece.length - 19) / 255);
      const head = [0, ...new Array<number>(more).fill(0), piece.length - 18 - 255 * more];
      return Buffer.concat([Uint8Array.from(head), piece, Uint8Array.from([17, 0, 0])]);
    };
    const zstd = (content: Uint8Array) =>
      new Uint8Array(
        execFileSync("zstd", ["-q", "-c", "--no-check", `--stream-size=${content.length}`], {
          input: content,
        }),
      );

    let whole = Buffer.alloc(0);
    let textAt = 0;
    let items: { node: number; item: number }[] = [];
    beforeAll(() => {
      const tree = join(folder.path, "text");
      run("mkdir", [tree]);
      run("dd", [`of=${join(tree, "text")}`], text);
      whole = readFileSync(mkfs("-m single", tree, 128 * MIB));
      textAt = whole.indexOf(text);
      items = findItems(whole);
      expect(textAt).toBeGreaterThan(0);
      expect(items.length).toBeGreaterThan(0);
    }, 60_000);

    /** The image with the extent of "text" packed so: the same buffer every time. */
    function packedImage(kind: number, packed: Uint8Array): Uint8Array {
      whole.fill(0, textAt, textAt + text.length + 8192);
      whole.set(packed, textAt);
      for (const { node, item } of items) {
        whole[item + 16] = kind;
        whole.writeBigUInt64LE(BigInt(Math.ceil(packed.length / 4096) * 4096), item + 29);
        whole.writeUInt32LE(crc32c(whole.subarray(node + 32, node + 16384)), node);
      }
      return whole;
    }

    /** Where the items of extents in leaves of the tree 5 stand. */
    function findItems(image: Buffer): { node: number; item: number }[] {
      const out: { node: number; item: number }[] = [];
      for (let node = 0x100000; node + 16384 <= image.length; node += 4096) {
        const isLeaf = image.readUInt32BE(node + 0x20) === 0x01234567 && image[node + 0x64] === 0;
        if (!isLeaf || image.readBigUInt64LE(node + 0x58) !== 5n) continue;
        for (let i = 0; i < image.readUInt32LE(node + 0x60); i++) {
          const slot = node + 0x65 + 25 * i;
          if (image[slot + 8] === 108) out.push({ node, item: node + 0x65 + image.readUInt32LE(slot + 17) });
        }
      }
      return out;
    }

    const lacksZstd = lacking("zstd");
    it.each([
      ["zlib", 1, () => deflateSync(text)],
      ["zlib, stored", 1, () => deflateSync(text, { level: 0 })],
      ["lzo", 2, () => inPieces(text)],
      ["zstd", 3, () => zstd(text)],
    ] as const)("%s", (name, kind, pack) => {
      if (name === "zstd" && lacksZstd !== "") return;
      const { disk, fs } = use(memoryDisk(packedImage(kind, pack())));
      const file = disk.do(fs.open("text"));
      expect(Buffer.compare(disk.do(file.read(0, 1e6)), text)).toBe(0);
      expect(Buffer.compare(disk.do(file.read(4000, 5000)), text.subarray(4000, 9000))).toBe(0);
      expect(Buffer.compare(disk.do(file.read(65000, 5000)), text.subarray(65000))).toBe(0);
    });

    it.each([
      ["zlib", 1, () => deflateSync(text.subarray(0, 61_001))],
      ["lzo", 2, () => inPieces(text.subarray(0, 61_001))],
    ] as const)("%s that ends before its extent does: zeros follow", (_, kind, pack) => {
      const { disk, fs } = use(memoryDisk(packedImage(kind, pack())));
      const file = disk.do(fs.open("text"));
      const wanted = Buffer.concat([text.subarray(0, 61_001), Buffer.alloc(65536 - 61_001)]);
      expect(Buffer.compare(disk.do(file.read(0, 1e6)), wanted)).toBe(0);
    });

    it.each([1, 2, 3])("damaged, or of another kind (%i), is a fault", (kind) => {
      const packs = [deflateSync(text), inPieces(text), noise(20_000, 3), new Uint8Array(20_000)];
      for (const pack of packs) {
        for (let i = 0; i < 12; i++) {
          const broken = Uint8Array.from(pack);
          if (i > 0) broken[(i * 1237) % pack.length] = i * 29;
          const disk = memoryDisk(packedImage(kind, broken), { steps: 1e6, bytes: 8 * MIB });
          const out = disk.try(
            (function* () {
              const fs = yield* openBtrfs(disk.bytes);
              const file = yield* fs?.open("text") ?? [];
              return file && (yield* file.read(0, 1e6));
            })(),
          );
          if (out.ok) expect(out.value?.length).toBe(65536);
        }
      }
    });
  });

  it("damage of any kind ends in an answer, behind right checksums too", { timeout: 120_000 }, () => {
    const little = makeTree(join(folder.path, "little"), {
      ...SMALL,
      many: 30,
      large: 200_000,
      sparse: 0,
      depth: 3,
    });
    const image = new Uint8Array(readFileSync(mkfs("-m single -n 4096", little, 120 * MIB))).slice(
      0,
      60 * MIB,
    );
    damage(image, openBtrfs, 60);
    damage(image, openBtrfs, 120, (disk, at) => {
      const block = at & ~4095;
      const body = disk.subarray(block + 32, block + 4096);
      new DataView(disk.buffer, disk.byteOffset + block).setUint32(0, crc32c(body), true);
    });
  });
});
