/**
 * Unpacking in steps: who must not hold up others for long drives it a step at a time, and may let them on in between. A
 * step takes some milliseconds, an LZ4 block of 8 MiB some tens.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
