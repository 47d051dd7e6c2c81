/** A raw image: the file is the disk. */
import { type FileHandle, open } from "node:fs/promises";
import { type DiskImage, ImageError } from "./image.ts";

const SECTOR = 512;

export class RawImage implements DiskImage {
  readonly size: number;
  readonly readonly: boolean;
  /** Node.js has no way to punch a hole. */
  readonly discardGranularity = 0;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, size: number, readonly: boolean) {
    this.#file = file;
    this.size = size;
    this.readonly = readonly;
  }

  /** Throws {@link ImageError}, or what the system says. */
  static async open(path: string, readonly: boolean): Promise<RawImage> {
    const file = await open(path, readonly ? "r" : "r+");
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) throw new ImageError(`${path} is a directory`);
      if (!stat.isFile() && !stat.isBlockDevice())
        throw new ImageError(`${path} is neither a file nor a block device`);
      const bytes = stat.isFile() ? stat.size : await endOf(file);
      // A last half sector cannot be addressed.
      return new RawImage(file, bytes - (bytes % SECTOR), readonly);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length); // filled to its end below
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new ImageError("the image has become shorter");
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

  async flush(): Promise<void> {
    if (!this.readonly) await this.#file.datasync();
  }

  async discard(): Promise<void> {}

  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
  }
}

/** A block device says no size by stat: the last byte that can be read tells. */
async function endOf(file: FileHandle): Promise<number> {
  const one = new Uint8Array(SECTOR);
  const readable = async (sector: number): Promise<boolean> =>
    (await file.read(one, 0, SECTOR, sector * SECTOR)).bytesRead === SECTOR;
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
