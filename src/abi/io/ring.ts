/**
 * The shared ring of split devices (public/io/ring.h): four free-running indices, then slots that hold a request until it is
 * answered, and then the response. A side is told of new work only when it asked to be: its `event` index says from where on.
 */
import { at, struct, u32 } from "../../lib/struct.ts";

/** `SRING`'s head; slots begin at {@link SRING_SLOTS}. */
export const sring = struct("sring", 64, {
  req_prod: at(0, u32), //  [front]
  req_event: at(4, u32), // [back]
  rsp_prod: at(8, u32), //  [back]
  rsp_event: at(12, u32), // [front]
});
export const SRING_SLOTS = 64;

/** `__RING_SIZE`: slots of `stride` bytes in `bytes` of shared pages, a power of two. */
export function ringSlots(bytes: number, stride: number): number {
  return 2 ** Math.floor(Math.log2((bytes - SRING_SLOTS) / stride));
}

/** Is `index` in (from, to], as free-running u32? Then whoever set `event` to it wants to hear of the step from `from` to `to`. */
export const wantsToHear = (event: number, from: number, to: number): boolean =>
  (to - event) >>> 0 < (to - from) >>> 0;
