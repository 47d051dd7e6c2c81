/**
 * Ids of domains that ended within the last minute: libxl does not give one of them to a new domain, so that nobody
 * takes the newcomer for the old one (libxl's domid-history file, LIBXL_DOMID_REUSE_TIMEOUT).
 */
import type { Domid } from "../abi/types.ts";
import type { Clock } from "../lib/clock.ts";

const REUSE_NANOS = 60e9;

export class RecentDomids {
  readonly #clock: Clock;
  readonly #ended = new Map<Domid, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(domid: Domid): void {
    const now = this.#clock.now();
    for (const [old, when] of this.#ended) if (now - when >= REUSE_NANOS) this.#ended.delete(old);
    this.#ended.set(domid, now);
  }

  has(domid: Domid): boolean {
    const when = this.#ended.get(domid);
    return when !== undefined && this.#clock.now() - when < REUSE_NANOS;
  }
}
