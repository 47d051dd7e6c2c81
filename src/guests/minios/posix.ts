/**
 * What a program written for POSIX expects, over Mini-OS's devices (lib/sys.c): the console is 0, 1 and 2; /dev/xvda… are the
 * block devices; every other path is a file of the exported folder. Threads are Mini-OS's own.
 *
 *   const posix = yield* openPosix(os);
 *   const fd = yield* posix.open("/notes.txt", O_RDWR | O_CREAT);
 *   if (fd < 0) return -fd;                     every call answers a number: 0 or more, or -errno
 */
import { ERRNO, type Errno } from "../../abi/errno.ts";
import { FSIF_O_CREAT, FSIF_O_EXCL, FSIF_O_TRUNC, FSIF_O_WRITE } from "../../abi/io/fsif.ts";
import { Nanos } from "../../lib/brand.ts";
import { deviceFiles } from "./block-file.ts";
import { type Fsfront, openFsfront } from "./fsfront.ts";
import type { MiniOs } from "./kernel.ts";
import { sleep, type Thread } from "./threads.ts";

/** fcntl.h of Linux. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
const O_ACCMODE = 3;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;

export const S_IFCHR = 0o020000;

const OPEN_MAX = 128;

export interface Stat {
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since 1970; 0 where nobody keeps it. */
  readonly mtime: number;
}

/** What a descriptor stands for. Calls answer 0 or more, or -errno. */
export interface OpenFile {
  /** At a place, for what has places; `at` is undefined for a stream. */
  read(at: number, into: Uint8Array): Thread<number>;
  write(at: number, bytes: Uint8Array): Thread<number>;
  stat(): Thread<Stat | number>;
  sync(): Thread<number>;
  close(): Thread<number>;
  /** A stream: no places, no lseek. */
  readonly isStream: boolean;
  /** A read would not wait. */
  canRead(): boolean;
}

interface Descriptor {
  readonly file: OpenFile;
  readonly flags: number;
  at: number;
}

/** Thrown by {@link Posix.exit}, and taken by {@link runPosix}. */
class Exit extends Error {
  override readonly name = "Exit";
  readonly status: number;
  constructor(status: number) {
    super(`exit(${status})`);
    this.status = status;
  }
}

const no = (errno: Errno): number => -ERRNO[errno];

export class Posix {
  readonly #os: MiniOs;
  readonly #files: Fsfront | undefined;
  readonly #open = new Map<number, Descriptor>();
  readonly #devices: ReturnType<typeof deviceFiles>;

  constructor(os: MiniOs, files: Fsfront | undefined) {
    this.#os = os;
    this.#files = files;
    this.#devices = deviceFiles(os);
    const console = consoleFile(os);
    for (const fd of [0, 1, 2])
      this.#open.set(fd, { file: console, flags: fd === 0 ? O_RDONLY : O_WRONLY, at: 0 });
  }

  *open(path: string, flags: number): Thread<number> {
    let fd = 0;
    while (this.#open.has(fd)) fd++;
    if (fd >= OPEN_MAX) return no("EMFILE");
    if ((flags & O_ACCMODE) === O_ACCMODE) return no("EINVAL");
    const file = path.startsWith("/dev/")
      ? yield* this.#devices.open(path, (flags & O_ACCMODE) !== O_RDONLY)
      : yield* this.#openPath(path, flags);
    if (typeof file === "number") return file;
    this.#open.set(fd, { file, flags, at: 0 });
    return fd;
  }

  *close(fd: number): Thread<number> {
    const found = this.#open.get(fd);
    if (found === undefined) return no("EBADF");
    this.#open.delete(fd);
    return yield* found.file.close();
  }

  /** Waits for at least a byte; 0: the end of the file. */
  *read(fd: number, into: Uint8Array): Thread<number> {
    const found = this.#open.get(fd);
    if (found === undefined || (found.flags & O_ACCMODE) === O_WRONLY) return no("EBADF");
    const count = yield* found.file.read(found.at, into);
    if (count > 0) found.at += count;
    return count;
  }

  *write(fd: number, bytes: Uint8Array): Thread<number> {
    const found = this.#open.get(fd);
    if (found === undefined || (found.flags & O_ACCMODE) === O_RDONLY) return no("EBADF");
    if ((found.flags & O_APPEND) !== 0) {
      const stat = yield* found.file.stat();
      if (typeof stat === "number") return stat;
      found.at = stat.size;
    }
    for (let done = 0; done < bytes.length; ) {
      const count = yield* found.file.write(found.at, bytes.subarray(done));
      if (count <= 0) return done > 0 ? done : count;
      found.at += count;
      done += count;
    }
    return bytes.length;
  }

  *lseek(fd: number, offset: number, whence: number): Thread<number> {
    const found = this.#open.get(fd);
    if (found === undefined) return no("EBADF");
    if (found.file.isStream) return -29; // ESPIPE, which Xen has no number for
    let base = whence === SEEK_CUR ? found.at : 0;
    if (whence === SEEK_END) {
      const stat = yield* found.file.stat();
      if (typeof stat === "number") return stat;
      base = stat.size;
    } else if (whence !== SEEK_SET && whence !== SEEK_CUR) return no("EINVAL");
    if (!Number.isSafeInteger(base + offset) || base + offset < 0) return no("EINVAL");
    found.at = base + offset;
    return found.at;
  }

  *fstat(fd: number): Thread<Stat | number> {
    const found = this.#open.get(fd);
    return found === undefined ? no("EBADF") : yield* found.file.stat();
  }

  *stat(path: string): Thread<Stat | number> {
    const fd = yield* this.open(path, O_RDONLY);
    if (fd < 0) return fd;
    const stat = yield* this.fstat(fd);
    yield* this.close(fd);
    return stat;
  }

  *fsync(fd: number): Thread<number> {
    const found = this.#open.get(fd);
    return found === undefined ? no("EBADF") : yield* found.file.sync();
  }

  *unlink(path: string): Thread<number> {
    return this.#files === undefined ? no("ENOENT") : yield* this.#files.remove(path);
  }

  *rename(from: string, to: string): Thread<number> {
    return this.#files === undefined ? no("ENOENT") : yield* this.#files.rename(from, to);
  }

  *mkdir(path: string): Thread<number> {
    return this.#files === undefined ? no("ENOENT") : yield* this.#files.mkdir(path);
  }

  /** Names, in order. */
  *readdir(path: string): Thread<readonly string[] | number> {
    return this.#files === undefined ? no("ENOENT") : yield* this.#files.list(path);
  }

  /** Those of `fds` that can be read without waiting; none when `nanos` have passed (undefined: waits for ever). */
  *select(fds: readonly number[], nanos?: number): Thread<readonly number[] | number> {
    if (fds.some((fd) => !this.#open.has(fd))) return no("EBADF");
    const ready = (): number[] => fds.filter((fd) => this.#open.get(fd)?.file.canRead() === true);
    const until = nanos === undefined ? undefined : Nanos(this.#os.now() + nanos);
    while (ready().length === 0 && (until === undefined || this.#os.now() < until))
      yield* this.#os.console.typed(until);
    return ready();
  }

  /** Nanoseconds: since power-on, or since 1970. */
  clockGettime(clock: number): number {
    if (clock === CLOCK_MONOTONIC) return this.#os.now();
    return clock === CLOCK_REALTIME ? this.#os.wallNanos() : no("EINVAL");
  }

  gettimeofday(): { readonly seconds: number; readonly micros: number } {
    const nanos = this.clockGettime(CLOCK_REALTIME);
    return { seconds: Math.floor(nanos / 1e9), micros: Math.floor((nanos % 1e9) / 1000) };
  }

  *sleep(seconds: number): Thread<number> {
    yield* sleep(this.#os, seconds * 1e9);
    return 0;
  }

  getpid(): number {
    return 1;
  }

  /** The program ends with this status; nothing after it is done. */
  exit(status: number): never {
    throw new Exit(status);
  }

  *#openPath(path: string, flags: number): Thread<OpenFile | number> {
    const files = this.#files;
    if (files === undefined) return no("ENOENT");
    const fd = yield* files.open(
      path,
      ((flags & O_ACCMODE) === O_RDONLY ? 0 : FSIF_O_WRITE) |
        (flags & O_CREAT ? FSIF_O_CREAT : 0) |
        (flags & O_EXCL ? FSIF_O_EXCL : 0) |
        (flags & O_TRUNC ? FSIF_O_TRUNC : 0),
    );
    return fd < 0 ? fd : exportedFile(files, fd);
  }
}

const exportedFile = (files: Fsfront, fd: number): OpenFile => ({
  isStream: false,
  canRead: () => true,
  read: (at, into) => files.read(fd, at, into),
  write: (at, bytes) => files.write(fd, at, bytes),
  sync: () => files.sync(fd),
  close: () => files.close(fd),
  *stat() {
    const { result, mode, size, mtime } = yield* files.stat(fd);
    return result < 0 ? result : { mode, size, mtime };
  },
});

/** Typed bytes that a read had no room for wait for the next. */
function consoleFile(os: MiniOs): OpenFile {
  let left: Uint8Array = new Uint8Array(0);
  return {
    isStream: true,
    canRead: () => left.length > 0 || os.console.hasTyped(),
    *read(_at, into) {
      if (left.length === 0) left = yield* os.console.read();
      const count = Math.min(left.length, into.length);
      into.set(left.subarray(0, count));
      left = left.subarray(count);
      return count;
    },
    *write(_at, bytes) {
      os.console.print(new TextDecoder().decode(bytes));
      yield* os.console.drained();
      return bytes.length;
    },
    // biome-ignore lint/correctness/useYield: nobody is asked
    *stat() {
      return { mode: S_IFCHR | 0o600, size: 0, mtime: 0 };
    },
    *sync() {
      yield* os.console.drained();
      return 0;
    },
    // biome-ignore lint/correctness/useYield: nobody is asked
    *close() {
      return 0;
    },
  };
}

/** The layer, with the exported folder if there is one. */
export function* openPosix(os: MiniOs): Thread<Posix> {
  return new Posix(os, yield* openFsfront(os));
}

/** Runs a program of one thread to its end or its exit(). */
export function* runPosix(os: MiniOs, main: (posix: Posix) => Thread<number>): Thread<number> {
  try {
    return yield* main(yield* openPosix(os));
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
}
