/**
 * Toolstack operations are plans: generators that do things at once and yield when they must wait, on the model's clock.
 *
 *   function* restart(...): Plan<Domid> {
 *     yield* sleep(clock, 2_000_000_000);
 *     const kernel = yield* ask({ ask: "read-kernel", file });
 *     ...
 *   }
 *
 * {@link runPlan} drives one. A plan that is refused something throws an XlError.
 */
import type { KernelResult } from "../dombuild/kernel.ts";
import type { Ramdisk } from "../dombuild/ramdisk.ts";
import type { ImageSymbol } from "../image/elf/symbols.ts";
import { Nanos } from "../lib/brand.ts";
import type { Clock } from "../lib/clock.ts";
import type { XsClient } from "../xenstore/client/client.ts";
import { XlError } from "./error.ts";

/** Long work over a file's bytes that somebody else does meanwhile. */
export type UnpackAsk =
  | { readonly ask: "read-kernel"; readonly file: Uint8Array }
  | { readonly ask: "read-ramdisk"; readonly file: Uint8Array }
  /** Names for crash dumps; empty where the file is no kernel or names nothing. */
  | { readonly ask: "read-symbols"; readonly file: Uint8Array };

/** What only a look at the host's files can tell, or do. */
export type DiskAsk =
  | { readonly ask: "stat-disk"; readonly path: string }
  /** Opens the image for this device's back end; `path` undefined: an empty drive. */
  | {
      readonly ask: "attach-disk";
      readonly domid: number;
      readonly devid: number;
      readonly path: string | undefined;
      readonly format: string;
      readonly readonly: boolean;
    }
  /** For a boot loader in dom0, read-only. */
  | { readonly ask: "open-image"; readonly path: string; readonly format: string }
  | { readonly ask: "read-image"; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly ask: "close-image"; readonly id: number }
  /** What was opened for it is closed, all written. */
  | { readonly ask: "detach-disk"; readonly domid: number; readonly devid: number };

/** Where a core file goes: a path, or a name in the dump directory. */
export type CoreFileName = { readonly file: string } | { readonly dump: string };
export type CoreFileAsk =
  /** Made anew. */
  | ({ readonly ask: "core-file"; readonly act: "open" } & CoreFileName)
  /** Appends. */
  | { readonly ask: "core-file"; readonly act: "write"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly ask: "core-file"; readonly act: "close"; readonly id: number };
export type CoreFileAnswer =
  | { readonly ok: true; readonly id: number }
  | { readonly ok: false; readonly errno: number; readonly why: string; readonly hint?: string };

/** A stream that the host holds open, by its number: a save file, a pipe to another machine. */
export type StreamAsk =
  | { readonly ask: "stream-take"; readonly stream: number; readonly count: number }
  | { readonly ask: "stream-put"; readonly stream: number; readonly bytes: Uint8Array };

/** What only the outside can do. */
export type Ask = StreamAsk | UnpackAsk | DiskAsk | CoreFileAsk;

export interface Answers {
  "read-kernel": KernelResult;
  "read-ramdisk": Ramdisk;
  "read-symbols": readonly ImageSymbol[];
  "core-file": CoreFileAnswer;
  /** Fewer bytes than asked for: the stream has ended. */
  "stream-take": Uint8Array;
  /** undefined: it is on its way; else why it is not: errno and strerror's words. */
  "stream-put": string | undefined;
  /** `why`: in strerror's words. */
  "stat-disk": { readonly ok: true } | { readonly ok: false; readonly why: string };
  /** The block device that it is now, as Linux names and numbers it; or what the hotplug script would say. */
  "attach-disk":
    | { readonly ok: true; readonly node: string; readonly device: string }
    | { readonly ok: false; readonly why: string; readonly pid: number; readonly hint?: string };
  "detach-disk": null;
  /** `size`: bytes. */
  "open-image":
    | { readonly ok: true; readonly id: number; readonly size: number }
    | { readonly ok: false; readonly why: string };
  /** A string: why not. */
  "read-image": Uint8Array | string;
  "close-image": null;
}
export type AnswerTo<A extends Ask> = Answers[A["ask"]];

/** Something that may happen while nobody looks: it stays `pending` until somebody does. */
export interface Signal {
  pending: boolean;
  /** Whoever waits for it. */
  wake: (() => void) | undefined;
}

export type Wait =
  | { readonly wait: "timer"; readonly until: Nanos }
  | { readonly wait: "signal"; readonly signal: Signal; readonly until: Nanos | undefined }
  | { readonly wait: "io"; readonly ask: Ask }
  /** Nothing in particular: others may have a turn. */
  | { readonly wait: "turn" };

export type Plan<T> = Generator<Wait, T, unknown>;

export function* sleep(clock: Clock, nanos: number): Plan<void> {
  yield { wait: "timer", until: Nanos(clock.now() + nanos) };
}

export function* ask<A extends Ask>(question: A): Plan<AnswerTo<A>> {
  return (yield { wait: "io", ask: question }) as AnswerTo<A>;
}

/** Waits until `signal` fires (or has fired since the last time) or `until` has come. */
export function* signalled(signal: Signal, until?: Nanos): Plan<void> {
  yield { wait: "signal", signal, until };
  signal.pending = false;
}

/** A watch as a signal, for the time of `body`. */
export function* watching<T>(xs: XsClient, path: string, body: (signal: Signal) => Plan<T>): Plan<T> {
  const signal: Signal = { pending: false, wake: undefined };
  const watch = xs.watch(path, () => {
    signal.pending = true;
    signal.wake?.();
  });
  try {
    return yield* body(signal);
  } finally {
    watch.cancel();
  }
}

export interface Runner {
  readonly clock: Clock;
  /** Has `ask` seen to, and calls `answer` at a scheduling point. */
  readonly io: (ask: Ask, answer: (value: unknown) => void) => void;
}

export type Ended<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: XlError };

/** Virtual time that a turn given to others takes. */
const TURN_NANOS = 250_000;

/** Starts the plan at the next scheduling point. What it throws other than an XlError is our mistake and goes through. */
export function runPlan<T>(runner: Runner, plan: Plan<T>, ended: (outcome: Ended<T>) => void): void {
  const { clock, io } = runner;

  function step(value: unknown): void {
    let next: IteratorResult<Wait, T>;
    try {
      next = plan.next(value);
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      ended({ ok: false, error });
      return;
    }
    if (next.done === true) ended({ ok: true, value: next.value });
    else arrange(next.value);
  }

  function arrange(wait: Wait): void {
    switch (wait.wait) {
      case "timer":
        clock.at(wait.until, () => step(undefined));
        return;
      case "turn":
        clock.at(Nanos(clock.now() + TURN_NANOS), () => step(undefined));
        return;
      case "io":
        io(wait.ask, step);
        return;
      case "signal": {
        const { signal, until } = wait;
        let over = false;
        const resume = (): void => {
          if (over) return;
          over = true;
          signal.wake = undefined;
          timer?.cancel();
          step(undefined);
        };
        const timer = until === undefined ? undefined : clock.at(until, resume);
        if (signal.pending) clock.at(clock.now(), resume);
        else signal.wake = resume;
        return;
      }
    }
  }

  clock.at(clock.now(), () => step(undefined));
}
