/**
 * A disk, or a stretch of one (a partition), as readers see it: every request is checked against the end and charged, and
 * structures that are read again and again (tables of inodes, nodes of trees) are kept for a while.
 */
import { bug } from "../lib/absurd.ts";
import { corrupt, type Disk, type Reading, type Work } from "./disk-reading.ts";

/** Bytes of structures kept per stretch. */
const KEPT = 2 * 1024 * 1024;

export class DiskBytes implements Disk {
  readonly size: number;
  readonly work: Work;
  readonly #start: number;
  /** In order of last use, oldest first. */
  readonly #kept = new Map<string, Uint8Array>();
  #keptBytes = 0;

  constructor(disk: Disk, work: Work, start = 0) {
    this.size = disk.size;
    this.work = work;
    this.#start = start;
  }

  /** The stretch [offset, offset + size), as far as the disk reaches. */
  window(offset: number, size: number): DiskBytes {
    const from = Math.min(offset, this.size);
    return new DiskBytes({ size: Math.min(size, this.size - from) }, this.work, this.#start + from);
  }

  /** True when all of [offset, offset + length) is on the disk; false for what is no exact integer too. */
  has(offset: number, length: number): boolean {
    return offset >= 0 && length >= 0 && offset <= this.size && length <= this.size - offset;
  }

  /** `length` bytes at `offset`, not kept. Corrupt when they lie beyond the end; `what` names them in the sentence. */
  *read(offset: number, length: number, what: string): Reading<Uint8Array> {
    this.work.step();
    if (!this.has(offset, length))
      corrupt(
        `${what} (${length} bytes at ${offset}) lies beyond the end, after ${this.size} bytes: the disk is cut off or damaged`,
      );
    this.work.take(length);
    const got = yield { offset: this.#start + offset, length };
    if (got.length !== length) bug(`${length} bytes of the disk were asked for, ${got.length} handed over`);
    // A Buffer's slice() is no copy, so it must not come further.
    return new Uint8Array(got.buffer, got.byteOffset, length);
  }

  /** The same for a structure that will be looked at again. */
  *structure(offset: number, length: number, what: string): Reading<Uint8Array> {
    const key = `${offset}+${length}`;
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.work.step();
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const bytes = yield* this.read(offset, length, what);
    this.#kept.set(key, bytes);
    this.#keptBytes += length;
    for (const [oldest, old] of this.#kept) {
      if (this.#keptBytes <= KEPT || oldest === key) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= old.length;
    }
    return bytes;
  }
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** 64 bits that should hold a number below 2^53: larger ones come out inexact, and fail the next range check. */
export const le64 = (view: DataView, offset: number): number =>
  view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
export const be64 = (view: DataView, offset: number): number =>
  view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4);
