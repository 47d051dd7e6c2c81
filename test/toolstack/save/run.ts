/** Plans that wait for nothing, run to their end; streams as arrays. */
import { type ByteSink, type ByteSource, sourceOf } from "../../../src/toolstack/save/stream.ts";
import type { Plan } from "../../../src/toolstack/wait.ts";

/** Turns given to others are taken at once; any other wait is a mistake. */
export function run<T>(plan: Plan<T>): T {
  for (;;) {
    const step = plan.next();
    if (step.done === true) return step.value;
    if (step.value.wait !== "turn") throw new Error(`it waits for ${step.value.wait}`);
  }
}

/** What a plan threw. */
export function thrown(plan: Plan<unknown>): Error {
  try {
    run(plan);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it went through");
}

export class Sink implements ByteSink {
  readonly pieces: Uint8Array[] = [];

  // biome-ignore lint/correctness/useYield: nothing to wait for
  *put(bytes: Uint8Array): Plan<void> {
    this.pieces.push(bytes.slice());
  }

  bytes(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.pieces));
  }
}

/** How many bytes a reader held at most is what it asked for at most. */
export class Counting implements ByteSource {
  readonly #source: ByteSource;
  largest = 0;

  constructor(bytes: Uint8Array) {
    this.#source = sourceOf(bytes);
  }

  *take(count: number): Plan<Uint8Array> {
    const piece = yield* this.#source.take(count);
    this.largest = Math.max(this.largest, piece.length);
    return piece;
  }
}
