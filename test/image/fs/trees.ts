/** Trees of files for tests of file systems: made in a folder, put on a disk by its mkfs, compared file by file. */
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { nameFromBytes } from "../../../src/image/fs/names.ts";
import { MIB, type TestDisk } from "../disks.ts";

/** Bytes that look like chance and are the same every time (xorshift32). */
export function noise(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  let x = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    out[i] = x;
  }
  return out;
}

export interface TreeShape {
  /** Files in one directory. */
  readonly many: number;
  /** Bytes of the largest file. */
  readonly large: number;
  /** Bytes of a file with holes; 0 for none. */
  readonly sparse: number;
  readonly hasSymlinks: boolean;
  /** Names that only Unix allows: line ends, bytes that are no UTF-8, colons. */
  readonly hasUnixNames: boolean;
  readonly depth: number;
}

export const FULL: TreeShape = {
  many: 10_000,
  large: 20 * MIB,
  sparse: 200 * MIB,
  hasSymlinks: true,
  hasUnixNames: true,
  depth: 40,
};
export const SMALL: TreeShape = { ...FULL, many: 400, large: 3 * MIB, depth: 12 };

/** Every file of the tree gets a time of its own: an even second (FAT has no odd ones). */
let instant = 1_600_000_000;

export function makeTree(root: string, shape: TreeShape): string {
  mkdirSync(root, { recursive: true });
  const paths: (string | Buffer)[] = [];
  const file = (name: string, content: Uint8Array | string) => {
    writeFileSync(join(root, name), content);
    paths.push(join(root, name));
  };
  const folder = (name: string) => mkdirSync(join(root, name), { recursive: true });

  for (const size of [0, 1, 59, 60, 61, 150, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 65536, 100_001])
    file(`size-${size}`, noise(size, size + 1));
  file("large.bin", noise(shape.large, 7));
  folder("boot/grub");
  file("boot/grub/grub.cfg", "menuentry 'a' {\n linux /vmlinuz\n}\n");
  file("boot/vmlinuz-6.1.0-18-amd64", noise(300_000, 5));
  folder("empty");
  let deep = "deep";
  for (let i = 0; i < shape.depth; i++) deep += `/level${i}`;
  folder(deep);
  file(`${deep}/bottom`, "reached\n");
  folder("names");
  const names = [
    "x".repeat(255),
    "ümläut und Leerzeichen",
    "日本語のファイル",
    "😀.txt",
    "UPPER.TXT",
    "a.b.c.d",
    "~",
    "-",
  ];
  for (const name of [...names, "é".repeat(127), ".hidden", "trailing space .x"]) file(`names/${name}`, name);
  if (shape.hasUnixNames) {
    for (const name of ["new\nline", "back\\slash", 'q"uote', "co:lon", "*?", "tab\there"])
      file(`names/${name}`, name);
    const path = Buffer.concat([Buffer.from(join(root, "names/bad-")), Buffer.from([0xff, 0x80, 0x41])]);
    writeFileSync(path, "bytes");
    paths.push(path);
  }
  folder("many");
  for (let i = 0; i < shape.many; i++) file(`many/file-number-${i}`, `${i}\n`);
  if (shape.sparse > 0) {
    const fd = openSync(join(root, "sparse"), "w");
    for (const part of [0, 0.03, 0.4, 0.75, 0.99]) {
      const at = Math.floor((shape.sparse * part) / 65536) * 65536;
      writeSync(fd, noise(70_000, at + 3), 0, 70_000, at);
    }
    ftruncateSync(fd, shape.sparse);
    closeSync(fd);
    paths.push(join(root, "sparse"));
  }
  if (shape.hasSymlinks) {
    folder("links");
    const link = (name: string, target: string) => symlinkSync(target, join(root, "links", name));
    link("relative", "../boot/grub/grub.cfg");
    link("absolute", "/boot/grub/grub.cfg");
    link("dir", "../boot");
    link("chain1", "chain2");
    link("chain2", "./chain3");
    link("chain3", "relative");
    link("dangling", "nowhere");
    link("self", "self");
    link("ping", "pong");
    link("pong", "ping");
    link("up", "../../../../../boot/grub/grub.cfg");
    link("len59", `${"./".repeat(25)}relative.`);
    for (const size of [58, 60, 61, 100, 155, 500, 1000]) {
      const tail = size % 2 === 0 ? "relative" : "/relative";
      link(`slow${size}`, `${"./".repeat((size - tail.length) >> 1)}${tail.replace(/^\//, "")}`);
    }
    link("long", `${"x".repeat(255)}/`.repeat(3) + "y".repeat(200));
    link("utf8", "../names/日本語のファイル");
  }
  for (const path of paths) {
    instant += 2;
    utimesSync(path, instant, instant);
  }
  return root;
}

export interface Comparison {
  readonly symlinks?: boolean;
  readonly times?: boolean;
  readonly modes?: boolean;
  /** At most so many files of one directory are opened; all are listed. */
  readonly opened?: number;
  /** Names at the root that mkfs adds. */
  readonly extra?: readonly string[];
}

/** Every file, directory and symlink below `root` stands on the file system with the same content, and nothing else. */
export function compareTree(disk: TestDisk, fs: FileSystem, root: string, options: Comparison = {}): void {
  const { times = true, modes = true, opened = 200, extra = [] } = options;
  let files = 0;
  const visit = (hostPath: Buffer, path: string): void => {
    const host = readdirSync(hostPath, { encoding: "buffer" }) as Buffer[];
    const wanted = new Map(host.map((name) => [nameFromBytes(name), name]));
    const listed = disk.do(fs.list(path === "" ? "/" : path)).map((entry) => entry.name);
    const found = listed.filter((name) => path !== "" || !extra.includes(name));
    expect(found.sort()).toEqual([...wanted.keys()].sort());
    const every = Math.max(1, Math.floor(wanted.size / opened));
    let n = 0;
    for (const [name, raw] of wanted) {
      if (n++ % every !== 0) continue;
      const at = `${path}/${name}`;
      const hostAt = Buffer.concat([hostPath, Buffer.from("/"), raw]);
      const expected = lstatSync(hostAt);
      const stat = disk.do(fs.stat(at, false));
      if (times && expected.isFile())
        expect([at, Math.floor(stat.mtime)]).toEqual([at, Math.floor(expected.mtimeMs / 1000)]);
      if (modes) expect([at, stat.mode]).toEqual([at, expected.mode & 0o7777]);
      if (expected.isDirectory()) {
        expect([at, stat.type]).toEqual([at, "directory"]);
        visit(hostAt, at);
      } else if (expected.isSymbolicLink()) {
        expect([at, stat.type]).toEqual([at, "symlink"]);
        expect([at, disk.do(fs.readlink(at))]).toEqual([
          at,
          nameFromBytes(readlinkSync(hostAt, { encoding: "buffer" })),
        ]);
      } else {
        expect([at, stat.type, stat.size]).toEqual([at, "file", expected.size]);
        sameContent(disk, fs, at, hostAt);
        files++;
      }
    }
  };
  visit(Buffer.from(root), "");
  expect(files).toBeGreaterThan(0);
}

function sameContent(disk: TestDisk, fs: FileSystem, path: string, hostPath: Buffer): void {
  const host = readFileSync(hostPath);
  const file = disk.do(fs.open(path));
  expect([path, file.size]).toEqual([path, host.length]);
  const piece = host.length > 4 * MIB ? 1_000_003 : 65_521;
  for (let at = 0; at < host.length; at += piece) {
    const got = disk.do(file.read(at, piece));
    if (Buffer.compare(got, host.subarray(at, at + piece)) !== 0) {
      const first = got.findIndex((byte, i) => byte !== host[at + i]);
      expect.fail(`${path} differs at byte ${at + first} (piece of ${got.length} at ${at})`);
    }
  }
  expect(disk.do(file.read(host.length, 10)).length).toBe(0);
  // Odd pieces near the end and in the middle.
  for (const at of [0, host.length >> 1, Math.max(0, host.length - 777)]) {
    const got = disk.do(file.read(at, 1000));
    expect(Buffer.compare(got, host.subarray(at, at + 1000))).toBe(0);
  }
}

/** What the symlinks of {@link makeTree} must do when they are followed. */
export function checkSymlinks(disk: TestDisk, fs: FileSystem, root: string): void {
  const config = readFileSync(join(root, "boot/grub/grub.cfg"));
  const through = ["relative", "absolute", "dir/grub/grub.cfg", "chain1", "up", "slow60", "slow100"];
  for (const name of [...through, "../links/./dir/../boot/grub/grub.cfg", "dir//grub/./grub.cfg"]) {
    const file = disk.do(fs.open(`/links/${name}`));
    expect([name, Buffer.from(disk.do(file.read(0, 1e6))).equals(config)]).toEqual([name, true]);
  }
  const kind = (path: string) => {
    const out = disk.try(fs.open(path));
    return out.ok ? "opened" : out.kind;
  };
  expect(kind("links/dangling")).toBe("not-found");
  for (const name of ["self", "ping", "pong", "self/x"]) expect(kind(`/links/${name}`)).toBe("loop");
  expect(kind("/links/dir")).toBe("is-a-directory");
  expect(kind("/links/relative/x")).toBe("not-a-directory");
  expect(kind("/links/relative/")).toBe("not-a-directory");
  expect(kind("/links/relative/..")).toBe("not-a-directory");
  expect(disk.do(fs.stat("/links/dir")).type).toBe("directory");
  expect(disk.do(fs.stat("/links/self", false)).type).toBe("symlink");
  expect(disk.try(fs.readlink("/boot"))).toMatchObject({ ok: false, kind: "not-a-link" });
  expect(disk.try(fs.list("/boot/grub/grub.cfg"))).toMatchObject({ ok: false, kind: "not-a-directory" });
  expect(disk.try(fs.open("/nothing"))).toMatchObject({
    ok: false,
    kind: "not-found",
    why: "there is no /nothing",
  });
}
