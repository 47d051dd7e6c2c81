/** A disk image on the host, opened: bytes in, bytes out. Formats are siblings of this file. */
import type { LockHolder } from "./locks.ts";

export interface DiskImage {
  /** Of the virtual disk, bytes; whole sectors of 512. */
  readonly size: number;
  readonly readonly: boolean;
  /** Bytes; 0: discards cannot be honoured. */
  readonly discardGranularity: number;
  /** `length` bytes at `offset`, all of them within `size`. */
  read(offset: number, length: number): Promise<Uint8Array>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** All that has been written is on the disk afterwards. */
  flush(): Promise<void>;
  discard(offset: number, length: number): Promise<void>;
  /** Flushes; what is under way ends first. */
  close(): Promise<void>;
}

/** Somebody else has the image. */
export class ImageBusy extends Error {
  override readonly name = "ImageBusy";
  readonly path: string;
  readonly holder: LockHolder;

  constructor(path: string, holder: LockHolder) {
    super(`${path} is in use`);
    this.path = path;
    this.holder = holder;
  }
}

/** An image that cannot be used, in a sentence for its user. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}
