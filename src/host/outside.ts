/**
 * What the model asks of the outside (unpacking a kernel, later disks), and when it hears the answer.
 *
 *   warp  at a virtual instant fixed when the question is put. Until the outside has answered, virtual time does not pass
 *         that instant (`barrier`): so a run is the same however slow the disk is.
 *   real  as soon as it is there.
 */
import { bug } from "../lib/absurd.ts";
import { Nanos } from "../lib/brand.ts";
import type { Clock } from "../lib/clock.ts";

/** How long every answer takes in warp. The pacer never runs further ahead than this in one go. */
export const OUTSIDE_NANOS = 10_000_000;

export interface OutsideOptions {
  readonly clock: Clock;
  readonly mode: "real" | "warp";
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

  ask<T>(work: () => Promise<T>, answer: (value: T) => void): void {
    const { clock, mode, kick, failed } = this.#options;
    if (mode === "real") {
      work().then((value) => {
        clock.at(clock.now(), () => answer(value));
        kick();
      }, failed);
      return;
    }
    const question = { due: Nanos(clock.now() + OUTSIDE_NANOS) };
    let got: { readonly value: T } | undefined;
    this.#unanswered.add(question);
    clock.at(question.due, () => answer((got ?? bug("virtual time passed an unanswered question")).value));
    work().then((value) => {
      got = { value };
      this.#unanswered.delete(question);
      kick();
    }, failed);
  }
}
