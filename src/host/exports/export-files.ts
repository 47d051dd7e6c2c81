/** The files of an exported folder, for one guest: what it may open at a time is bounded, and nothing outside is reached. */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { ERRNO, type Errno } from "../../abi/errno.ts";
import { FSIF_O_CREAT, FSIF_O_EXCL, FSIF_O_TRUNC, FSIF_O_WRITE } from "../../abi/io/fsif.ts";
import type { FileAnswer, FileRequest, FileServer, Path } from "../../devices/fs/files.ts";
import type { Outside } from "../outside.ts";
import { atParent, failure, inFolder, inside, openInside } from "./walk.ts";

/** Files that a guest may have open at a time. */
export const MAX_OPEN = 64;
/** No file is made larger, bytes. */
const LARGEST = 2 ** 40;

export class ExportFiles implements FileServer {
  readonly #folder: string;
  readonly #ask: Pick<Outside, "ask">;
  readonly #open = new Map<number, FileHandle>();
  /** What was asked is done in order, one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #root: FileHandle | undefined;

  constructor(folder: string, outside: Pick<Outside, "ask">) {
    this.#folder = folder;
    this.#ask = outside;
  }

  submit(request: FileRequest, answer: (answer: FileAnswer) => void): void {
    this.#ask.ask(() => this.perform(request), answer);
  }

  /** What `submit` answers. */
  perform(request: FileRequest): Promise<FileAnswer> {
    const turn = this.#last.then(async (): Promise<FileAnswer> => {
      try {
        return await this.#do(request);
      } catch (error) {
        return { ok: false, errno: errnoOf(error) };
      }
    });
    this.#last = turn;
    return turn;
  }

  close(): void {
    this.#last = this.#last.then(() => this.#closeAll());
  }

  async #closeAll(): Promise<void> {
    for (const file of this.#open.values()) await file.close().catch(() => {});
    this.#open.clear();
    await this.#root?.close().catch(() => {});
    this.#root = undefined;
  }

  async #do(request: FileRequest): Promise<FileAnswer> {
    switch (request.op) {
      case "open":
        return await this.#openFile(request.path, request.flags);
      case "close":
        await this.#file(request.fd).close();
        this.#open.delete(request.fd);
        return { ok: true, value: 0 };
      case "read": {
        const buffer = new Uint8Array(request.length);
        const { bytesRead } = await this.#file(request.fd).read(buffer, 0, request.length, request.offset);
        return { ok: true, value: bytesRead, bytes: buffer.subarray(0, bytesRead) };
      }
      case "write": {
        if (request.offset + request.bytes.length > LARGEST) return { ok: false, errno: "EINVAL" };
        const { bytesWritten } = await this.#file(request.fd).write(request.bytes, 0, null, request.offset);
        return { ok: true, value: bytesWritten };
      }
      case "stat": {
        const stat = await this.#file(request.fd).stat();
        return {
          ok: true,
          value: 0,
          stat: { mode: stat.mode, size: stat.size, mtime: Math.floor(stat.mtimeMs / 1000) },
        };
      }
      case "truncate":
        if (request.size > LARGEST) return { ok: false, errno: "EINVAL" };
        await this.#file(request.fd).truncate(request.size);
        return { ok: true, value: 0 };
      case "sync":
        await this.#file(request.fd).sync();
        return { ok: true, value: 0 };
      case "remove":
        await atParent(await this.#rootFolder(), request.path, async (folder, name) => {
          await unlink(inside(folder, name)).catch(async (error: NodeJS.ErrnoException) => {
            if (error.code !== "EISDIR" && error.code !== "EPERM") throw error;
            await rmdir(inside(folder, name));
          });
        });
        return { ok: true, value: 0 };
      case "rename": {
        const root = await this.#rootFolder();
        await atParent(root, request.from, (from, old) =>
          atParent(root, request.to, (to, name) => rename(inside(from, old), inside(to, name))),
        );
        return { ok: true, value: 0 };
      }
      case "mkdir":
        await atParent(await this.#rootFolder(), request.path, (folder, name) =>
          mkdir(inside(folder, name), 0o755),
        );
        return { ok: true, value: 0 };
      case "list":
        return await this.#list(request.path, request.first, request.most);
    }
  }

  async #openFile(path: Path, flags: number): Promise<FileAnswer> {
    if (this.#open.size >= MAX_OPEN) return { ok: false, errno: "EMFILE" };
    const root = await this.#rootFolder();
    const write = (flags & FSIF_O_WRITE) !== 0;
    const how =
      (write ? constants.O_RDWR : constants.O_RDONLY) |
      (flags & FSIF_O_CREAT ? constants.O_CREAT : 0) |
      (flags & FSIF_O_EXCL ? constants.O_EXCL : 0) |
      (write && flags & FSIF_O_TRUNC ? constants.O_TRUNC : 0);
    const file =
      path.length === 0
        ? write
          ? fail("EISDIR")
          : await openInside(root, ".", constants.O_RDONLY)
        : await atParent(root, path, (folder, name) => openInside(folder, name, how));
    let fd = 0;
    while (this.#open.has(fd)) fd++;
    this.#open.set(fd, file);
    return { ok: true, value: fd };
  }

  async #list(path: Path, first: number, most: number): Promise<FileAnswer> {
    const names = await inFolder(await this.#rootFolder(), path, (folder) =>
      readdir(`/proc/self/fd/${folder.fd}`, { encoding: "buffer" }),
    );
    const parts: Uint8Array[] = [];
    let room = most;
    for (const name of names.sort(Buffer.compare).slice(first)) {
      if (name.length + 1 > room) break;
      parts.push(name, new Uint8Array(1));
      room -= name.length + 1;
    }
    return { ok: true, value: parts.length / 2, bytes: new Uint8Array(Buffer.concat(parts)) };
  }

  #file(fd: number): FileHandle {
    return this.#open.get(fd) ?? fail("EBADF");
  }

  async #rootFolder(): Promise<FileHandle> {
    this.#root ??= await open(this.#folder, constants.O_RDONLY | constants.O_DIRECTORY);
    return this.#root;
  }
}

function fail(code: Errno): never {
  throw failure(code);
}

function errnoOf(error: unknown): Errno {
  const { code } = error as NodeJS.ErrnoException;
  // A link where none may be; a device with nobody behind it.
  if (code === "ELOOP" || code === "ENXIO") return "EACCES";
  return code !== undefined && code in ERRNO ? (code as Errno) : "EIO";
}
