/** Who is to be woken when: a binary heap by instant, and by who came first among equals. What is cancelled stays until its turn. */
import type { Nanos } from "../../lib/brand.ts";

export interface Alarm {
  readonly until: Nanos;
  readonly order: number;
  /** Undefined: cancelled. */
  ring: (() => void) | undefined;
}

const before = (a: Alarm, b: Alarm): boolean =>
  a.until < b.until || (a.until === b.until && a.order < b.order);

export class Alarms {
  readonly #heap: Alarm[] = [];
  #count = 0;

  set(until: Nanos, ring: () => void): Alarm {
    const alarm: Alarm = { until, order: this.#count++, ring };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(alarm);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Alarm;
      if (!before(alarm, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = alarm;
    return alarm;
  }

  /** The next one's instant. */
  first(): Nanos | undefined {
    for (;;) {
      const alarm = this.#heap[0];
      if (alarm === undefined || alarm.ring !== undefined) return alarm?.until;
      this.#pop();
    }
  }

  /** Rings those that are due, in order. */
  ringDue(now: Nanos): void {
    for (let first = this.first(); first !== undefined && first <= now; first = this.first())
      this.#pop()?.ring?.();
  }

  #pop(): Alarm | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child] as Alarm)) child++;
      const below = heap[child];
      if (below === undefined || !before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
