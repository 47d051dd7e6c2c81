/**
 * Writes small ext2 file systems: the disk of configs/pv-grub.cfg. One block group of 1 KiB blocks; files of up to 268 KiB,
 * directories of one block. Plain bytes; the same files give the same bytes.
 *
 *   boot block | superblock | group descriptor | block bitmap | inode bitmap | inode table | data
 */
import { SUPERBLOCK_AT } from "../../image/fs/ext/layout.ts";

const BLOCK = 1024;
const INODE = 128;
const INODES = 64;
const TABLE = 5;
const FIRST_DATA = TABLE + (INODES * INODE) / BLOCK;
const ROOT = 2;
/** Inodes below are the file system's own. */
const FIRST_INODE = 11;
const DIRECT = 12;
const POINTERS = BLOCK / 4;
const DIRECTORY = { mode: 0o040755, type: 2 } as const;
const FILE = { mode: 0o100644, type: 1 } as const;

export interface DiskFile {
  /** "/boot/grub/menu.lst" */
  readonly path: string;
  readonly content: Uint8Array;
}

interface Directory {
  readonly inode: number;
  readonly parent: number;
  readonly entries: { readonly name: string; readonly inode: number; readonly type: number }[];
}

/** Throws RangeError when they do not fit into `blocks` KiB (at most 8192). */
export function writeExt2(files: readonly DiskFile[], blocks: number, label: string): Uint8Array {
  const disk = new Ext2(blocks);
  const root: Directory = { inode: ROOT, parent: ROOT, entries: [] };
  const directories = new Map<string, Directory>([["", root]]);
  const directory = (path: string): Directory => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const above = directory(path.slice(0, path.lastIndexOf("/")));
    const made: Directory = { inode: disk.takeInode(), parent: above.inode, entries: [] };
    above.entries.push({
      name: path.slice(path.lastIndexOf("/") + 1),
      inode: made.inode,
      type: DIRECTORY.type,
    });
    directories.set(path, made);
    return made;
  };
  directory("/lost+found");
  for (const { path, content } of files) {
    const cut = path.lastIndexOf("/");
    const inode = disk.takeInode();
    directory(path.slice(0, cut)).entries.push({ name: path.slice(cut + 1), inode, type: FILE.type });
    disk.putInode(inode, FILE.mode, content, 1);
  }
  for (const { inode, parent, entries } of directories.values()) {
    const below = entries.filter(({ type }) => type === DIRECTORY.type).length;
    disk.putInode(inode, DIRECTORY.mode, directoryBlock(inode, parent, entries), 2 + below);
  }
  return disk.finish(directories.size, label);
}

function directoryBlock(inode: number, parent: number, entries: Directory["entries"]): Uint8Array {
  const all = [
    { name: ".", inode, type: DIRECTORY.type },
    { name: "..", inode: parent, type: DIRECTORY.type },
    ...entries,
  ];
  const block = new Uint8Array(BLOCK);
  const view = new DataView(block.buffer);
  let at = 0;
  for (const [i, entry] of all.entries()) {
    const name = new TextEncoder().encode(entry.name);
    const length = i === all.length - 1 ? BLOCK - at : (8 + name.length + 3) & ~3;
    view.setUint32(at, entry.inode, true);
    view.setUint16(at + 4, length, true);
    view.setUint8(at + 6, name.length);
    view.setUint8(at + 7, entry.type);
    block.set(name, at + 8);
    at += length;
  }
  return block;
}

class Ext2 {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #blocks: number;
  #nextBlock = FIRST_DATA;
  #nextInode = FIRST_INODE;

  constructor(blocks: number) {
    if (blocks > 8 * BLOCK) throw new RangeError("one block group has 8192 blocks");
    this.#blocks = blocks;
    this.#bytes = new Uint8Array(blocks * BLOCK);
    this.#view = new DataView(this.#bytes.buffer);
  }

  takeInode(): number {
    if (this.#nextInode > INODES) throw new RangeError("no inode is left");
    return this.#nextInode++;
  }

  #takeBlock(): number {
    if (this.#nextBlock >= this.#blocks) throw new RangeError("no block is left");
    return this.#nextBlock++;
  }

  putInode(inode: number, mode: number, content: Uint8Array, links: number): void {
    const at = TABLE * BLOCK + (inode - 1) * INODE;
    const count = Math.ceil(content.length / BLOCK);
    if (count > DIRECT + POINTERS) throw new RangeError("a file is too large");
    const indirect = count > DIRECT ? this.#takeBlock() : 0;
    for (let i = 0; i < count; i++) {
      const block = this.#takeBlock();
      this.#bytes.set(content.subarray(i * BLOCK, (i + 1) * BLOCK), block * BLOCK);
      const pointer = i < DIRECT ? at + 0x28 + i * 4 : indirect * BLOCK + (i - DIRECT) * 4;
      this.#view.setUint32(pointer, block, true);
    }
    this.#view.setUint32(at + 0x28 + DIRECT * 4, indirect, true);
    this.#view.setUint16(at, mode, true);
    this.#view.setUint32(at + 4, content.length, true);
    this.#view.setUint16(at + 0x1a, links, true);
    this.#view.setUint32(at + 0x1c, ((count + (indirect > 0 ? 1 : 0)) * BLOCK) / 512, true);
  }

  finish(directories: number, label: string): Uint8Array {
    const freeBlocks = this.#blocks - this.#nextBlock;
    const freeInodes = INODES - (this.#nextInode - 1);
    // Block 0 is before the group's first; what is beyond the end counts as taken.
    this.#fill(3, (bit) => bit + 1 < this.#nextBlock || bit + 1 >= this.#blocks);
    this.#fill(4, (bit) => bit + 1 < this.#nextInode || bit >= INODES);
    for (const [offset, value] of [
      [0, 3],
      [4, 4],
      [8, TABLE],
      [12, freeBlocks | (freeInodes << 16)],
      [16, directories],
    ] as const)
      this.#view.setUint32(2 * BLOCK + offset, value, true);
    for (const [offset, value] of [
      [0x00, INODES],
      [0x04, this.#blocks],
      [0x0c, freeBlocks],
      [0x10, freeInodes],
      [0x14, 1], // s_first_data_block
      [0x20, 8 * BLOCK], // s_blocks_per_group
      [0x24, 8 * BLOCK],
      [0x28, INODES], // s_inodes_per_group
      [0x34, 0xffff_0000], // mounted 0 times, at most -1
      [0x38, 0x0001_ef53], // s_magic, s_state clean
      [0x3c, 1], // s_errors: continue
      [0x4c, 1], // s_rev_level
      [0x54, FIRST_INODE],
      [0x58, INODE],
      [0x60, 0x2], // INCOMPAT_FILETYPE
    ] as const)
      this.#view.setUint32(SUPERBLOCK_AT + offset, value >>> 0, true);
    this.#bytes.set(UUID, SUPERBLOCK_AT + 0x68);
    this.#bytes.set(new TextEncoder().encode(label).subarray(0, 16), SUPERBLOCK_AT + 0x78);
    return this.#bytes;
  }

  #fill(block: number, isTaken: (bit: number) => boolean): void {
    for (let bit = 0; bit < BLOCK * 8; bit++)
      if (isTaken(bit)) (this.#bytes[block * BLOCK + (bit >> 3)] as number) |= 1 << (bit & 7);
  }
}

/** Any will do: b1b1b1b1-… tells that nobody drew it. */
const UUID = new Uint8Array(16).fill(0xb1);

const MENU = `# The menu of configs/pv-grub.cfg: GRUB 0.97's language. Try 'e' on an entry, and 'c'.
default 0
fallback 1
timeout 10

title Hello: counts five ticks and ends
root (hd0)
kernel /boot/hello.elf ticks=5 ms=200

title Hello: stays until you type exit
root (hd0)
kernel /boot/hello.elf stay

title A kernel that is not there: press 'e' and correct it
root (hd0)
kernel /boot/helo.elf ticks=5 ms=200
`;

/** The disk of configs/pv-grub.cfg, with this kernel. */
export const demoDisk = (hello: Uint8Array): Uint8Array =>
  writeExt2(
    [
      { path: "/boot/hello.elf", content: hello },
      { path: "/boot/grub/menu.lst", content: new TextEncoder().encode(MENU) },
    ],
    256,
    "pv-grub demo",
  );
