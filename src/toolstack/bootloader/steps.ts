/** PyGRUB runs in steps: it yields what it waits for, and whoever drives it may stop, count and time it in between. */
import { type DiskRead, ImageFault, type Reading } from "../../image/disk-reading.ts";

export type PygrubStep =
  | { readonly need: "disk"; readonly read: DiskRead }
  /** What was typed; nothing when `seconds` have passed. undefined: as long as it takes. */
  | { readonly need: "keys"; readonly seconds: number | undefined };

/** Every step is answered with bytes. */
export type Pygrub<T> = Generator<PygrubStep, T, Uint8Array>;

/** A reading as steps. Throws its ImageFault. */
export function* fromDisk<T>(reading: Reading<T>): Pygrub<T> {
  let step = reading.next();
  while (step.done !== true) step = reading.next(yield { need: "disk", read: step.value });
  return step.value;
}

/** The same; undefined where the disk, or what was asked of it, is at fault. */
export function* ifPossible<T>(reading: Reading<T>): Pygrub<T | undefined> {
  try {
    return yield* fromDisk(reading);
  } catch (error) {
    if (error instanceof ImageFault) return undefined;
    throw error;
  }
}
