/** File content laid out in runs: what ext, FAT, iso9660 and xfs have in common. */

import { bug } from "../../lib/absurd.ts";
import type { DiskBytes } from "../disk-bytes.ts";
import { type Reading, ready } from "../disk-reading.ts";
import type { OpenFile } from "./file-system.ts";

/** Bytes of a file from the asked offset on: `disk` is where they start, undefined for a hole. `length` is positive. */
export interface Run {
  readonly disk: number | undefined;
  readonly length: number;
}

/** Where the bytes of a file from `offset` (which is below its size) on lie. `most`: how many the caller can use. */
export type RunMap = (offset: number, most: number) => Reading<Run>;

/** Reads a stretch of the disk; ext's journal overlay stands between. */
export type ReadStretch = (offset: number, length: number) => Reading<Uint8Array>;

export function openRuns(bytes: DiskBytes, size: number, map: RunMap, stretch?: ReadStretch): OpenFile {
  const read: ReadStretch = stretch ?? ((offset, length) => bytes.read(offset, length, "a part of the file"));
  return {
    size,
    *read(offset, length) {
      const count = Math.max(0, Math.min(length, size - offset));
      if (count === 0 || offset < 0) return new Uint8Array(0);
      let out: Uint8Array | undefined;
      let done = 0;
      let run = yield* map(offset, count);
      for (;;) {
        if (!(run.length > 0)) bug("an empty run");
        let take = Math.min(run.length, count - done);
        let next: Run | undefined;
        // Neighbours on the disk are one request.
        while (run.disk !== undefined && done + take < count) {
          bytes.work.step();
          next = yield* map(offset + done + take, count - done - take);
          if (next.disk !== run.disk + take) break;
          take += Math.min(next.length, count - done - take);
          next = undefined;
        }
        if (run.disk !== undefined) {
          const got = yield* read(run.disk, take);
          if (take === count) return got;
          out ??= allocate(bytes, count);
          out.set(got, done);
        } else {
          out ??= allocate(bytes, count);
        }
        done += take;
        if (done >= count) return out;
        bytes.work.step();
        run = next ?? (yield* map(offset + done, count - done));
      }
    },
  };
}

function allocate(bytes: DiskBytes, count: number): Uint8Array {
  bytes.work.take(count);
  return new Uint8Array(count);
}

/** A file whose content stands in memory. */
export const openBytes = (content: Uint8Array): OpenFile => ({
  size: content.length,
  read: (offset, length) =>
    ready(content.subarray(Math.max(0, offset), Math.max(0, Math.min(content.length, offset + length)))),
});
