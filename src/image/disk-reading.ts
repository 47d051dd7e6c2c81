/**
 * The seam between those who read what lies on a disk (partitions/, fs/) and those who have the disk: PV-GRUB over its
 * block front end, PyGRUB and `xlab inspect` over a file. A reader yields the bytes that it needs and is handed them; who
 * drives it may stop, count and charge between any two steps.
 *
 *   const work = new Work({ steps: 1_000_000, bytes: 64 * MIB });
 *   const fs = readSync(probe(new DiskBytes(disk, work)), source);
 *   if (!fs.ok) say(fs.why);
 */

/** What a reader asks of its disk: `length` bytes at byte `offset`. It lies within the disk. */
export interface DiskRead {
  readonly offset: number;
  readonly length: number;
}

/**
 * A reader runs in steps: it yields what it needs and is handed exactly those bytes, which must not change afterwards (a
 * reader may keep them). It throws an {@link ImageFault} when the disk, or what was asked, is at fault, and nothing else.
 */
export type Reading<T> = Generator<DiskRead, T, Uint8Array>;

export interface Disk {
  /** Bytes. */
  readonly size: number;
}

export type FaultKind =
  | "not-found"
  | "not-a-directory"
  | "is-a-directory"
  | "not-a-file" // a device, a socket, a pipe
  | "not-a-link"
  | "unsupported" // `feature` names what we do not read
  | "corrupt"
  | "too-big"
  | "loop" // symlinks that lead nowhere, a directory inside itself
  | "exhausted"; // the work that was allowed is used up

/** What is wrong with a disk, or with what was asked of it. */
export class ImageFault extends Error {
  override readonly name = "ImageFault";
  readonly kind: FaultKind;
  /** With the kind "unsupported": the feature's name as the file system's own tools spell it. */
  readonly feature: string | undefined;

  /** `why`: one plain sentence; starts small, has no final stop. */
  constructor(kind: FaultKind, why: string, feature?: string) {
    super(why);
    this.kind = kind;
    this.feature = feature;
  }
}

export function corrupt(why: string): never {
  throw new ImageFault("corrupt", why);
}
export function unsupported(feature: string, why: string): never {
  throw new ImageFault("unsupported", why, feature);
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly kind: FaultKind;
      readonly why: string;
      readonly feature: string | undefined;
    };

/** The same reading, answering its fault instead of throwing it. Any other error goes through: it is ours. */
export function* attempt<T>(reading: Reading<T>): Reading<Outcome<T>> {
  try {
    return { ok: true, value: yield* reading };
  } catch (error) {
    if (!(error instanceof ImageFault)) throw error;
    return { ok: false, kind: error.kind, why: error.message, feature: error.feature };
  }
}

/** A reading that needs nothing more. */
// biome-ignore lint/correctness/useYield: it has all it needs
export function* ready<T>(value: T): Reading<T> {
  return value;
}

/** Drives `reading` from a source that answers at once. */
export function readSync<T>(reading: Reading<T>, source: (read: DiskRead) => Uint8Array): Outcome<T> {
  const steps = attempt(reading);
  let step = steps.next();
  while (step.done !== true) step = steps.next(source(step.value));
  return step.value;
}

/**
 * The work that readers may still do: every loop over what a disk says takes a step, every byte asked of the disk or laid
 * out in memory a byte. Shared by all readers of one disk; who drives them may fill it up again between two operations.
 */
export class Work {
  steps: number;
  bytes: number;

  constructor(allowed: { readonly steps: number; readonly bytes: number }) {
    this.steps = allowed.steps;
    this.bytes = allowed.bytes;
  }

  /** Throws "exhausted" when no step is left. */
  step(count = 1): void {
    this.steps -= count;
    if (this.steps < 0)
      throw new ImageFault("exhausted", "the disk's structures need more steps to read than are allowed");
  }

  /** Throws "exhausted" when fewer than `count` bytes are left. */
  take(count: number): void {
    if (count > this.bytes)
      throw new ImageFault("exhausted", "more of the disk would have to be read than is allowed");
    this.bytes -= count;
  }
}
