/**
 * Timers in order of (instant, creation). Instants are ticks here; {@link VirtualTime} speaks nanoseconds to the outside.
 * A binary heap; a cancelled timer stays in it until it comes up or the dead outnumber the living.
 */
import type { Nanos } from "../../lib/brand.ts";
import type { Timer } from "../../lib/clock.ts";

class QueuedTimer implements Timer {
  fire: (() => void) | undefined;
  readonly when: Nanos;
  readonly ticks: number;
  readonly order: number;
  private readonly queue: TimerQueue;

  constructor(queue: TimerQueue, when: Nanos, ticks: number, order: number, fire: () => void) {
    this.queue = queue;
    this.when = when;
    this.ticks = ticks;
    this.order = order;
    this.fire = fire;
  }

  cancel(): void {
    if (this.fire === undefined) return;
    this.fire = undefined;
    this.queue.buried();
  }
}

const before = (a: QueuedTimer, b: QueuedTimer): boolean =>
  a.ticks < b.ticks || (a.ticks === b.ticks && a.order < b.order);

export class TimerQueue {
  private heap: QueuedTimer[] = [];
  private created = 0;
  private dead = 0;

  add(when: Nanos, ticks: number, fire: () => void): Timer {
    const timer = new QueuedTimer(this, when, ticks, this.created++, fire);
    this.heap.push(timer);
    this.up(this.heap.length - 1);
    return timer;
  }

  /** Ticks of the first timer; Infinity when there is none. */
  first(): number {
    for (;;) {
      const top = this.heap[0];
      if (top === undefined) return Number.POSITIVE_INFINITY;
      if (top.fire !== undefined) return top.ticks;
      this.pop();
      this.dead--;
    }
  }

  /** Instant of the first timer; undefined when there is none. */
  firstWhen(): Nanos | undefined {
    return this.first() === Number.POSITIVE_INFINITY ? undefined : this.heap[0]?.when;
  }

  /** Takes the first timer out if it is due, and answers what to call. */
  takeDue(ticks: number): (() => void) | undefined {
    if (this.first() > ticks) return undefined;
    const timer = this.pop();
    const fire = timer?.fire;
    if (timer !== undefined) timer.fire = undefined;
    return fire;
  }

  /** When each timer that is armed is due, in no order. */
  armed(): Nanos[] {
    return this.heap.flatMap((timer) => (timer.fire === undefined ? [] : [timer.when]));
  }

  /** A timer in the heap was cancelled. */
  buried(): void {
    this.dead++;
    if (this.dead < 64 || this.dead * 2 < this.heap.length) return;
    this.heap = this.heap.filter((timer) => timer.fire !== undefined);
    this.dead = 0;
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.down(i);
  }

  private pop(): QueuedTimer | undefined {
    const top = this.heap[0];
    const last = this.heap.pop();
    if (top !== last && last !== undefined) {
      this.heap[0] = last;
      this.down(0);
    }
    return top;
  }

  private up(at: number): void {
    const heap = this.heap;
    const timer = heap[at] as QueuedTimer;
    let i = at;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const other = heap[parent] as QueuedTimer;
      if (!before(timer, other)) break;
      heap[i] = other;
      i = parent;
    }
    heap[i] = timer;
  }

  private down(at: number): void {
    const heap = this.heap;
    const timer = heap[at] as QueuedTimer;
    let i = at;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as QueuedTimer, heap[child] as QueuedTimer))
        child++;
      const other = heap[child] as QueuedTimer;
      if (!before(other, timer)) break;
      heap[i] = other;
      i = child;
    }
    heap[i] = timer;
  }
}
