/** A raw image: the file is the disk. */
import type { DiskImage } from "./image.ts";
import type { ImageFile } from "./image-file.ts";

const SECTOR = 512;

export class RawImage implements DiskImage {
  readonly size: number;
  readonly readonly: boolean;
  /** Node.js has no way to punch a hole. */
  readonly discardGranularity = 0;
  readonly #file: ImageFile;

  private constructor(file: ImageFile, size: number, readonly: boolean) {
    this.#file = file;
    this.size = size;
    this.readonly = readonly;
  }

  static async open(file: ImageFile, readonly: boolean): Promise<RawImage> {
    const size = await file.size();
    // A last half sector cannot be addressed.
    return new RawImage(file, size - (size % SECTOR), readonly);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return await this.#file.read(offset, length);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#file.write(offset, bytes);
  }

  async flush(): Promise<void> {
    if (!this.readonly) await this.#file.sync();
  }

  async discard(): Promise<void> {}

  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
  }
}
