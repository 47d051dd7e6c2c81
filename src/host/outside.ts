/**
 * What the model asks of the outside (unpacking a kernel, a disk's sectors), and when it hears the answer.
 *
 *   warp  at a virtual instant fixed when the question is put. Until the outside has answered, virtual time does not pass
 *         that instant (`hold`): so a run is the same however slow the disk is.
 *   real  as soon as it is there.
 */
import { bug } from "../lib/absurd.ts";
import { Nanos } from "../lib/brand.ts";
import type { Clock } from "../lib/clock.ts";

/** How long an answer takes in warp, unless the question says otherwise. */
export const OUTSIDE_NANOS = 10_000_000;

export interface OutsideOptions {
  readonly clock: Clock;
  readonly mode: "real" | "warp";
  /** Virtual time must not reach this instant yet, even if that is within a run that goes on now (`Xen.hold`). */
  readonly hold: (until: Nanos | undefined) => void;
  /** Something has come from outside. */
  readonly kick: () => void;
  readonly failed: (error: unknown) => void;
}

export class Outside {
  readonly #options: OutsideOptions;
  /** Due instants of questions that are not answered yet (warp). */
  readonly #unanswered = new Set<{ readonly due: Nanos }>();

  constructor(options: OutsideOptions) {
    this.#options = options;
  }

  /** Virtual time must not reach this instant yet. */
  barrier(): Nanos | undefined {
    let first: Nanos | undefined;
    for (const { due } of this.#unanswered) if (first === undefined || due < first) first = due;
    return first;
  }

  /** `nanos`: how long the answer takes in warp; at least 1. */
  ask<T>(work: () => Promise<T>, answer: (value: T) => void, nanos: number = OUTSIDE_NANOS): void {
    const { clock, mode, hold, kick, failed } = this.#options;
    if (mode === "real") {
      work().then((value) => {
        clock.at(clock.now(), () => answer(value));
        kick();
      }, failed);
      return;
    }
    const question = { due: Nanos(clock.now() + nanos) };
    let got: { readonly value: T } | undefined;
    this.#unanswered.add(question);
    hold(this.barrier());
    clock.at(question.due, () => answer((got ?? bug("virtual time passed an unanswered question")).value));
    work().then((value) => {
      got = { value };
      this.#unanswered.delete(question);
      hold(this.barrier());
      kick();
    }, failed);
  }
}
