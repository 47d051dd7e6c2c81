/**
 * Paths over a file system's inodes: one walk for all kinds. A kind gives the six acts of {@link Inodes}; loops of symlinks,
 * directories inside themselves, "..", what is no directory and the size of targets are seen to here.
 */
import { corrupt, ImageFault, type Reading } from "../disk-reading.ts";
import type { DirectoryEntry, FileSystem, OpenFile, Stat } from "./file-system.ts";

/** What a kind of file system does with its inodes; `N` is whatever it needs to remember of one. */
export interface Inodes<N> {
  readonly root: N;
  stat(node: N): Stat;
  /** Without "." and "..". `node` is a directory. */
  entries(node: N): Reading<readonly DirectoryEntry[]>;
  /** `node` is a directory, `name` neither "" nor "." nor "..". */
  lookup(node: N, name: string): Reading<N | undefined>;
  /** `node` is a symlink, its size at most {@link TARGET_MAX}. */
  target(node: N): Reading<string>;
  /** `node` is a regular file. */
  content(node: N): Reading<OpenFile>;
  /** Equal for the same directory, however it was come to. */
  identity(node: N): string;
}

/** Linux's MAXSYMLINKS. */
const SYMLINKS_MAX = 40;
/** Linux's PATH_MAX. */
const TARGET_MAX = 4096;
const PATH_MAX = 64 * 1024;

type About = Omit<FileSystem, "list" | "stat" | "readlink" | "open">;

export function fileSystem<N>(about: About, inodes: Inodes<N>): FileSystem {
  return {
    ...about,
    *list(path) {
      const node = yield* walk(inodes, path, true);
      if (inodes.stat(node).type !== "directory")
        throw new ImageFault("not-a-directory", `${path} is not a directory`);
      return yield* inodes.entries(node);
    },
    *stat(path, follow = true) {
      return inodes.stat(yield* walk(inodes, path, follow));
    },
    *readlink(path) {
      const node = yield* walk(inodes, path, false);
      if (inodes.stat(node).type !== "symlink")
        throw new ImageFault("not-a-link", `${path} is not a symbolic link`);
      return yield* targetOf(inodes, node, path);
    },
    *open(path) {
      const node = yield* walk(inodes, path, true);
      const { type } = inodes.stat(node);
      if (type === "directory") throw new ImageFault("is-a-directory", `${path} is a directory`);
      if (type !== "file")
        throw new ImageFault("not-a-file", `${path} is not a regular file but a ${NAMES[type]}`);
      return yield* inodes.content(node);
    },
  };
}

const NAMES = {
  symlink: "symbolic link",
  character: "character device",
  block: "block device",
  fifo: "named pipe",
  socket: "socket",
} as const;

function* targetOf<N>(inodes: Inodes<N>, node: N, path: string): Reading<string> {
  const { size } = inodes.stat(node);
  if (size > TARGET_MAX) corrupt(`the symbolic link ${path} claims a target of ${size} bytes`);
  return yield* inodes.target(node);
}

/** The inode that `path` leads to. `follow`: a last symlink too. */
function* walk<N>(inodes: Inodes<N>, path: string, follow: boolean): Reading<N> {
  if (path.length > PATH_MAX) throw new ImageFault("too-big", "the path is too long");
  /** The directories above the current node, the root first. */
  let above: N[] = [];
  let node = inodes.root;
  /** What is still to be gone, the next name last. */
  const rest = path.split("/").reverse();
  let symlinks = 0;

  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "" || name === ".") {
      if (name === "." && inodes.stat(node).type !== "directory") notADirectory(path);
      continue;
    }
    if (inodes.stat(node).type !== "directory") notADirectory(path);
    if (name === "..") {
      node = above.pop() ?? node;
      continue;
    }
    const child = yield* inodes.lookup(node, name);
    if (child === undefined) throw new ImageFault("not-found", `there is no ${path}`);
    const { type } = inodes.stat(child);
    if (type === "symlink" && (follow || rest.some((part) => part !== ""))) {
      if (++symlinks > SYMLINKS_MAX)
        throw new ImageFault("loop", `${path} leads through more than ${SYMLINKS_MAX} symbolic links`);
      const target = yield* targetOf(inodes, child, path);
      if (target === "") throw new ImageFault("not-found", `${path} leads through an empty symbolic link`);
      if (target.startsWith("/")) {
        above = [];
        node = inodes.root;
      }
      rest.push(...target.split("/").reverse());
      continue;
    }
    above.push(node);
    if (type === "directory") {
      const self = inodes.identity(child);
      if (above.some((directory) => inodes.identity(directory) === self))
        throw new ImageFault("loop", `${path} leads through a directory that contains itself`);
    }
    node = child;
  }
  if (path.endsWith("/") && inodes.stat(node).type !== "directory") notADirectory(path);
  return node;
}

function notADirectory(path: string): never {
  throw new ImageFault("not-a-directory", `a part of ${path} is not a directory`);
}
