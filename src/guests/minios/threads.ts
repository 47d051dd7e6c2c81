/**
 * Threads without preemption, as Mini-OS has them: generators that yield what they wait for.
 *
 *   function* reader(os: MiniOs): Thread<void> {
 *     yield* wait(queue);                       until somebody wakes the queue
 *     yield* sleep(os, 1_000_000_000);
 *   }
 */
import { Nanos } from "../../lib/brand.ts";

export type Wait =
  | { readonly wait: "queue"; readonly queue: WaitQueue; readonly until: Nanos | undefined }
  /** Others may have a turn. */
  | { readonly wait: "schedule" };

export type Thread<T> = Generator<Wait, T, unknown>;

/** Whoever waits here is made ready, in order, by {@link WaitQueue.wake}. */
export class WaitQueue {
  readonly sleepers = new Set<() => void>();

  wake(): void {
    for (const wakeUp of [...this.sleepers]) wakeUp();
  }
}

/** Until the queue is woken, or `until` has come. The caller looks again at what it waits for. */
export function* wait(queue: WaitQueue, until?: Nanos): Thread<void> {
  yield { wait: "queue", queue, until };
}

export function* waitFor(queue: WaitQueue, condition: () => boolean): Thread<void> {
  while (!condition()) yield* wait(queue);
}

export function* schedule(): Thread<void> {
  yield { wait: "schedule" };
}

export function* sleep(os: { now(): Nanos }, nanos: number): Thread<void> {
  const until = Nanos(os.now() + nanos);
  const nobody = new WaitQueue();
  while (os.now() < until) yield* wait(nobody, until);
}
