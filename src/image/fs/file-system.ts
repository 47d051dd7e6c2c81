/** What every file system can do for a boot loader. All readings throw ImageFault and nothing else. */
import type { Reading } from "../disk-reading.ts";

export type FileSystemKind =
  | "ext2"
  | "ext3"
  | "ext4"
  | "fat12"
  | "fat16"
  | "fat32"
  | "iso9660"
  | "xfs"
  | "btrfs";

export type NodeType = "file" | "directory" | "symlink" | "character" | "block" | "fifo" | "socket";

export interface Stat {
  readonly type: NodeType;
  /** Bytes; of a symlink the length of its target. */
  readonly size: number;
  /** Seconds since 1970, with a fraction where the file system has one. */
  readonly mtime: number;
  /** Permissions and set-id bits (07777). */
  readonly mode: number;
  /** Unique within the file system (within a subvolume, of btrfs). */
  readonly inode: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly inode: number;
  /** Absent where the directory does not say. */
  readonly type: NodeType | undefined;
}

export interface OpenFile {
  /** Bytes. */
  readonly size: number;
  /** Up to `length` bytes at `offset`: fewer only at the end of the file. Holes read as zeros. */
  read(offset: number, length: number): Reading<Uint8Array>;
}

/**
 * A path starts with "/" or not, which is the same; "." and ".." mean what they do to a kernel; symlinks are followed (the
 * last one only where said).
 */
export interface FileSystem {
  readonly kind: FileSystemKind;
  /** "" when it has none. */
  readonly label: string;
  /** As blkid prints it; "" when it has none. */
  readonly uuid: string;
  /** Bytes per block (cluster). */
  readonly blockSize: number;
  /** Bytes, as the file system says. */
  readonly size: number;
  /** As its own tools name them; "needs_recovery" means that a journal was left to be replayed. */
  readonly features: readonly string[];
  /** Sentences on what a reader should know: a journal that was replayed in memory, a copy that was used. */
  readonly notes: readonly string[];

  /** Entries in the order of the directory, without "." and "..". */
  list(path: string): Reading<readonly DirectoryEntry[]>;
  /** Follows a last symlink unless `follow` is false. */
  stat(path: string, follow?: boolean): Reading<Stat>;
  /** The target of the symlink at `path`. */
  readlink(path: string): Reading<string>;
  /** A regular file. */
  open(path: string): Reading<OpenFile>;
}

const TYPE_BY_FORMAT: Readonly<Record<number, NodeType>> = {
  1: "fifo",
  2: "character",
  4: "directory",
  6: "block",
  8: "file",
  10: "symlink",
  12: "socket",
};

/** The type in the upper four of the 16 bits of a Unix mode; undefined when they hold none. */
export const typeOfMode = (mode: number): NodeType | undefined => TYPE_BY_FORMAT[(mode >>> 12) & 15];

/** A directory entry's type as ext, xfs and btrfs number them. */
const ENTRY_TYPES: readonly (NodeType | undefined)[] = [
  undefined,
  "file",
  "directory",
  "character",
  "block",
  "fifo",
  "socket",
  "symlink",
];
export const typeOfEntry = (type: number): NodeType | undefined => ENTRY_TYPES[type];
