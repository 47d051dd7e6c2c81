/** A disk image on the host, opened: bytes in, bytes out. Formats are siblings of this file. */

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

/** An image that cannot be used, in a sentence for its user. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}
