/** A file that an image lies in: whole pieces are read and written, whatever the system does in one go. */
import { type FileHandle, open } from "node:fs/promises";
import { type DiskImage, ImageBusy, ImageError } from "./image.ts";
import { lockImage } from "./locks.ts";

export class ImageFile {
  readonly path: string;
  /** What tells the file apart from every other here. */
  readonly identity: string;
  readonly #file: FileHandle;
  readonly #unlock: () => void;

  private constructor(path: string, identity: string, file: FileHandle, unlock: () => void) {
    this.path = path;
    this.identity = identity;
    this.#file = file;
    this.#unlock = unlock;
  }

  /**
   * `who`: for whoever meets our lock on the file. `above`: identities of the files that rest on this one, which it must not
   * be itself. Throws {@link ImageBusy}, {@link ImageError}, or what the system says.
   */
  static async open(
    path: string,
    readonly: boolean,
    who: string,
    above: readonly string[] = [],
  ): Promise<ImageFile> {
    const file = await open(path, readonly ? "r" : "r+");
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) throw new ImageError(`${path} is a directory`);
      if (!stat.isFile() && !stat.isBlockDevice())
        throw new ImageError(`${path} is neither a file nor a block device`);
      // All nodes of a block device are that device.
      const identity = stat.isBlockDevice() ? `b:${stat.rdev}` : `${stat.dev}:${stat.ino}`;
      if (above.includes(identity)) throw new ImageError(`${path} rests on itself`);
      const lock = lockImage(identity, readonly ? "r" : "w", who);
      if (!lock.ok) throw new ImageBusy(path, lock.holder);
      return new ImageFile(path, identity, file, lock.release);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes. */
  async size(): Promise<number> {
    const stat = await this.#file.stat();
    return stat.isFile() ? stat.size : await endOf(this.#file);
  }

  /** What lies beyond the file's end reads as zeros. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length); // filled to its end below
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) {
        bytes.fill(0, done);
        break;
      }
      done += bytesRead;
    }
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
    this.#unlock();
  }
}

const SECTOR = 512;

/** A block device says no size by stat: the last byte that can be read tells. */
async function endOf(file: FileHandle): Promise<number> {
  const one = new Uint8Array(SECTOR);
  const readable = async (sector: number): Promise<boolean> =>
    (await file.read(one, 0, SECTOR, sector * SECTOR)).bytesRead === SECTOR;
  if (!(await readable(0))) return 0;
  let beyond = 1;
  while (await readable(beyond)) beyond *= 2;
  let known = Math.floor(beyond / 2);
  while (beyond - known > 1) {
    const middle = Math.floor((known + beyond) / 2);
    if (await readable(middle)) known = middle;
    else beyond = middle;
  }
  return beyond * SECTOR;
}

/** From an image that may end before: the rest are zeros. */
export async function readPadded(image: DiskImage, offset: number, length: number): Promise<Uint8Array> {
  const there = Math.max(0, Math.min(length, image.size - offset));
  if (there === length) return await image.read(offset, length);
  const bytes = new Uint8Array(length);
  if (there > 0) bytes.set(await image.read(offset, there));
  return bytes;
}
