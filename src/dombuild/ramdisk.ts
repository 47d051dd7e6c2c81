/** The ramdisk as it goes into memory: libxc unpacks a gzip'ed one, so that the guest need not. */
import { claimedSize, gunzip, isGzip } from "../image/payload/gzip.ts";
import { MAX_UNPACKED } from "./kernel.ts";

export interface Ramdisk {
  readonly bytes: Uint8Array;
  /** Bytes of memory set aside: libxc leaves 16 after what it unpacked. */
  readonly length: number;
}

const UNPACK_SLACK = 16;

/** Never fails: what is not one whole gzip member is handed over as it is. Runs in a worker thread when it is big. */
export function readRamdisk(file: Uint8Array, maxUnpacked = MAX_UNPACKED): Ramdisk {
  const raw = { bytes: file, length: file.length };
  if (!isGzip(file) || claimedSize(file) > Math.min(maxUnpacked, MAX_UNPACKED)) return raw;
  const unpacked = gunzip(file, Math.min(maxUnpacked, MAX_UNPACKED));
  if (!unpacked.ok) return raw;
  return { bytes: unpacked.value, length: Math.max(file.length, unpacked.value.length + UNPACK_SLACK) };
}
