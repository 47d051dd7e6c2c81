/**
 * Reaches files under an exported folder one name after the other, each seen from the folder before it that is held open, and
 * never through a symbolic link: what openat(2) with O_NOFOLLOW does, by way of Linux's /proc/self/fd. A folder that is moved
 * or changed for a link meanwhile leads nowhere else.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import type { Path } from "../../devices/fs/files.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A refusal by errno, as the system's own errors have it. */
export const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A name in an open folder, as a path. */
export const inside = (folder: FileHandle, name: string): string => `/proc/self/fd/${folder.fd}/${name}`;

/** Calls `act` with the folder that holds the last part, open, and that part. The folder itself (no parts) is EISDIR's case. */
export async function atParent<T>(
  root: FileHandle,
  path: Path,
  act: (folder: FileHandle, name: string) => Promise<T>,
): Promise<T> {
  const name = path.at(-1);
  if (name === undefined) throw failure("EISDIR");
  return await inFolder(root, path.slice(0, -1), (folder) => act(folder, name));
}

/** Calls `act` with the folder, open. */
export async function inFolder<T>(
  root: FileHandle,
  path: Path,
  act: (folder: FileHandle) => Promise<T>,
): Promise<T> {
  let folder = root;
  try {
    for (const name of path) {
      const next = await open(inside(folder, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
      if (folder !== root) await folder.close();
      folder = next;
    }
    return await act(folder);
  } finally {
    if (folder !== root) await folder.close();
  }
}

/**
 * Opens a regular file or a folder. Neither a device nor a pipe is opened: what a name stands for is looked at first, and what
 * was opened once more.
 */
export async function openInside(folder: FileHandle, name: string, flags: number): Promise<FileHandle> {
  const path = inside(folder, name);
  const before = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (before !== undefined && !before.isFile() && !before.isDirectory()) throw failure("EACCES");
  const file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o644);
  const stat = await file.stat();
  if (stat.isFile() || stat.isDirectory()) return file;
  await file.close();
  throw failure("EACCES");
}
