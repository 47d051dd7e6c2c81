/**
 * Drives the model: short slices, then back to the event loop. The only place where virtual time meets the wall.
 *
 *   real  virtual time never runs ahead of the wall. Where execution is slower it lags; idle time is then skipped until it
 *         has caught up.
 *   warp  never waits: idle jumps to the next timer, except while somebody is about to type (`holdIdle`): then idle time
 *         passes as on the wall.
 *
 * Where a slice ends changes nothing in the model, so the budget may follow this machine's speed.
 */
import { Nanos } from "../lib/brand.ts";
import type { Xen } from "../xen/index.ts";
import { OUTSIDE_NANOS } from "./outside.ts";

/** Wall time of one slice that the budget aims at. */
const SLICE_NANOS = 3_000_000;
const LEAST_BUDGET = 20_000;
const MOST_BUDGET = 8_000_000;
/** Virtual time that one run may pass in warp: nothing that a reader of a console may answer is due sooner (consoles.ts). */
const WARP_STEP_NANOS = OUTSIDE_NANOS;
/**
 * In real time the machine may be ahead of the wall by a window or a back end's work: so long we look again and again, since
 * a guest that waits for its disk feels every sleep, however short. After that a millisecond is slept at a time.
 */
const MOST_SPIN_NANOS = 300_000;
/** An answer from outside kicks us; this is for barriers that fall without one. */
const BARRIER_MILLIS = 2;
/**
 * An idle machine's next timer may find it asleep for so much longer: timers that lie close together then cost one
 * awakening, which is most of what an idle guest costs. Guests do not see it: virtual time comes to each timer exactly,
 * only later on the wall, and what comes from outside wakes us at once.
 */
const SLACK_MILLIS = 8;
/** A wait that is shorter than this is kept as it is. */
const SLACK_FROM_MILLIS = 4;
/** A timer further away than this is slept towards in steps (setTimeout's limit is about 24 days). */
const LONGEST_SLEEP_MILLIS = 3_600_000;

export interface PacerOptions {
  readonly xen: Xen;
  readonly clock: "real" | "warp";
  /** Monotonic wall clock, nanoseconds. */
  readonly wallNanos: () => number;
  /** Warp only: true while idle time must pass as on the wall. */
  readonly holdIdle: () => boolean;
  /** Warp only: virtual time must not reach this instant yet: the outside owes an answer that is due then. */
  readonly barrier?: () => Nanos | undefined;
  /** The model threw: our mistake. The pacer has stopped. */
  readonly failed: (error: unknown) => void;
}

export class Pacer {
  readonly #options: PacerOptions;
  /** Wall instant that virtual 0 lies at. */
  #origin: number;
  #budget = 200_000;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #stopped = false;
  /** Set while the model runs, so that a kick from inside is not lost. */
  #running = false;
  #kicked = false;
  /** Wall instant since which the machine is ahead of the wall; undefined: it is not. */
  #aheadSince: number | undefined;
  /** The last slice ended asleep, waiting for a timer of the model. */
  #idling = false;

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#origin = options.wallNanos() - options.xen.clock.now();
  }

  /** Something came from outside (keys, a finished read, a command): look again soon. */
  kick(): void {
    if (this.#stopped || this.#immediate !== undefined) return;
    if (this.#running) {
      this.#kicked = true;
      return;
    }
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#immediate = setImmediate(() => this.#slice());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }

  /**
   * Before anything from outside acts on the model: idle time that has passed on the wall while we slept is passed there
   * too. Otherwise what happens now would happen at the instant when the machine fell idle.
   */
  sync(): void {
    if (this.#stopped || this.#running) return;
    if (this.#options.clock === "warp" && !this.#idling) return;
    const { xen } = this.#options;
    const wall = this.#wall();
    if (wall > xen.clock.now()) xen.advanceIdle(Nanos(wall));
  }

  /** How far virtual time is behind the wall, nanoseconds; 0 in warp. */
  lag(): number {
    this.sync();
    return this.#options.clock === "real" ? Math.max(0, this.#wall() - this.#options.xen.clock.now()) : 0;
  }

  #wall(): number {
    return this.#options.wallNanos() - this.#origin;
  }

  #slice(): void {
    this.#immediate = undefined;
    this.#kicked = false;
    this.#running = true;
    try {
      this.#run();
    } catch (error) {
      this.stop();
      this.#options.failed(error);
    } finally {
      this.#running = false;
      if (this.#kicked) this.kick();
    }
  }

  #run(): void {
    const { xen, clock, wallNanos } = this.#options;
    const waits = clock === "real" || this.#options.holdIdle();
    const started = wallNanos();
    // In warp the origin follows: idle time that is held passes as on the wall, counted from when the guest fell idle.
    if (clock === "warp" && !this.#idling) this.#origin = started - xen.clock.now();
    this.#idling = false;
    const deadline = started + SLICE_NANOS;
    for (;;) {
      const barrier = this.#barrier();
      // In warp a step at a time: a question put to the outside during one is due after it.
      const furthest = xen.clock.now() + WARP_STEP_NANOS;
      const limit =
        clock === "real" ? Math.max(this.#wall(), xen.clock.now()) : Math.min(furthest, barrier ?? furthest);
      const outcome = xen.run(Nanos(limit), this.#budget);
      if (outcome.state === "limit" && clock === "real") {
        this.#waitForWall(outcome.next);
        return;
      }
      this.#aheadSince = undefined;
      if (outcome.state === "sliced") {
        this.#adapt(wallNanos() - started);
        this.#kicked = true;
        return;
      }
      if (outcome.state === "limit") {
        const owed = this.#barrier(); // the run may have put a question
        if (owed !== undefined && xen.clock.now() >= owed) {
          this.#sleep(BARRIER_MILLIS);
          return;
        }
        if (wallNanos() >= deadline) {
          this.#kicked = true;
          return;
        }
        continue;
      }
      const until = outcome.until;
      const owed = this.#barrier(); // the run may have put a question
      if (owed !== undefined && (until === undefined || until >= owed)) {
        this.#sleep(BARRIER_MILLIS);
        return;
      }
      if (!waits) {
        if (until === undefined) return;
        xen.advanceIdle(until);
      } else {
        const now = xen.clock.now();
        const reached = Math.max(now, this.#wall());
        xen.advanceIdle(Nanos(Math.min(reached, until ?? reached)));
        if (until === undefined) return;
        if (until > reached) {
          this.#idling = true;
          const millis = Math.ceil((until - reached) / 1e6);
          this.#sleep(millis < SLACK_FROM_MILLIS ? millis : millis + SLACK_MILLIS);
          return;
        }
      }
      if (wallNanos() >= deadline) {
        this.#kicked = true;
        return;
      }
    }
  }

  /** Real: nothing is to be done before `next`. */
  #waitForWall(next: Nanos): void {
    const wall = this.#options.wallNanos();
    this.#aheadSince ??= wall;
    if (wall - this.#aheadSince < MOST_SPIN_NANOS) this.#kicked = true;
    else this.#sleep(Math.max(1, Math.floor((next - this.#wall()) / 1e6)));
  }

  #barrier(): Nanos | undefined {
    return this.#options.clock === "warp" ? this.#options.barrier?.() : undefined;
  }

  #adapt(took: number): void {
    const wanted = this.#budget * (SLICE_NANOS / Math.max(took, 1000));
    this.#budget = Math.round(Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, (this.#budget + wanted) / 2)));
  }

  #sleep(millis: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#slice();
      },
      Math.min(millis, LONGEST_SLEEP_MILLIS),
    );
  }
}
