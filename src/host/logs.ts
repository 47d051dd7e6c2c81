/**
 * Log files: bytes are appended in the order they were given, one write under way per file, whatever the disk's pace.
 * A file that cannot be written to is said so once; its bytes are dropped and the machine goes on.
 */
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** More bytes than this waiting for a disk, and whoever writes should wait. */
const FULL_BYTES = 4 << 20;
/** A file that nothing was written to for so long is closed, and opened again when something is. */
const IDLE_MILLIS = 2_000;

export class LogFile {
  readonly #path: string;
  readonly #prepare: ((path: string) => Promise<void>) | undefined;
  readonly #complain: (line: string) => void;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #writing: Promise<void> | undefined;
  #handle: FileHandle | undefined;
  #broken = false;
  #prepared = false;
  #idle: NodeJS.Timeout | undefined;
  /** Called when a file that was full has room again. */
  onRoom: (() => void) | undefined;

  constructor(path: string, complain: (line: string) => void, prepare?: (path: string) => Promise<void>) {
    this.#path = path;
    this.#complain = complain;
    this.#prepare = prepare;
  }

  isFull(): boolean {
    return this.#queued >= FULL_BYTES;
  }

  append(bytes: Uint8Array): void {
    if (this.#broken || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#writing ??= this.#drain();
  }

  line(text: string): void {
    this.append(Buffer.from(`${text}\n`));
  }

  /** Everything given so far is in the file (or could not be written), and the file is closed. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    clearTimeout(this.#idle);
    await this.#handle?.close().catch(() => {});
    this.#handle = undefined;
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#idle);
    try {
      this.#handle ??= await this.#open();
      while (this.#queue.length > 0) {
        const bytes = Buffer.concat(this.#queue);
        this.#queue = [];
        for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten;
        const wasFull = this.isFull();
        this.#queued -= bytes.length;
        if (wasFull && !this.isFull()) this.onRoom?.();
      }
    } catch (error) {
      this.#broken = true;
      this.#queue = [];
      this.#queued = 0;
      this.#complain(`cannot write ${this.#path}: ${error instanceof Error ? error.message : String(error)}`);
      this.onRoom?.();
    } finally {
      this.#writing = undefined;
      // A guest that says nothing, of perhaps a thousand, keeps no file open.
      this.#idle = setTimeout(() => void this.#rest(), IDLE_MILLIS).unref();
    }
  }

  async #rest(): Promise<void> {
    const handle = this.#handle;
    if (this.#writing !== undefined || handle === undefined) return;
    this.#handle = undefined;
    await handle.close().catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    if (!this.#prepared) await this.#prepare?.(this.#path);
    this.#prepared = true;
    return await open(this.#path, "a", 0o600);
  }
}

/** xl keeps ten old logs of a guest's monitor: xl-NAME.log.1 is the last one. */
const KEPT = 10;

async function rotate(path: string): Promise<void> {
  await rm(`${path}.${KEPT}`, { force: true });
  for (let n = KEPT - 1; n >= 0; n--) {
    await rename(n === 0 ? path : `${path}.${n}`, `${path}.${n + 1}`).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      },
    );
  }
}

/** Bytes; prefix and suffixes must fit into 255 with it. */
const LONGEST_NAME = 200;

/** A domain's name as part of a file's: no way out of the directory, no name too long for one. */
export function fileNameFor(name: string): string {
  let tame = name.replace(/[/\u0000-\u001f]/g, "_");
  while (Buffer.byteLength(tame) > LONGEST_NAME) tame = tame.slice(0, -1);
  return tame === "" || tame === "." || tame === ".." ? `_${tame}` : tame;
}

export interface Logs {
  readonly hypervisor: LogFile;
  /** Appended to over all lives of a guest of this name. */
  console(name: string): LogFile;
  /** A fresh one for each life that `xl create` begins; older ones are rotated. */
  monitor(name: string): LogFile;
  /** Of the boot loader that runs in dom0 for this domain. */
  bootloader(domid: number): LogFile;
  /** Nothing will be written to it any more. */
  finished(log: LogFile): void;
  /** Nothing is written any more. */
  close(): Promise<void>;
}

/** `directory` undefined: nothing is written. */
export function openLogs(directory: string | undefined, complain: (line: string) => void): Logs {
  const open = new Set<LogFile>();
  const consoles = new Map<string, LogFile>();
  const file = (name: string, prepare?: (path: string) => Promise<void>): LogFile => {
    const made =
      directory === undefined
        ? new NoLogFile()
        : new LogFile(join(directory, "log", name), complain, prepare);
    open.add(made);
    return made;
  };
  return {
    hypervisor: file("hypervisor.log"),
    console(name) {
      const at = `console/guest-${fileNameFor(name)}.log`;
      const known = consoles.get(at) ?? file(at);
      consoles.set(at, known);
      return known;
    },
    monitor: (name) => file(`xl-${fileNameFor(name)}.log`, rotate),
    bootloader: (domid) => file(`bootloader.${domid}.log`, rotate),
    finished: (log) => void log.close().then(() => open.delete(log)),
    async close() {
      await Promise.all([...open].map((log) => log.close()));
    },
  };
}

class NoLogFile extends LogFile {
  constructor() {
    super("", () => {});
  }
  override append(): void {}
}
