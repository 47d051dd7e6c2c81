/** The pacer on a clock of the test's: how often it wakes, and that virtual time keeps to the wall. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pacer } from "../../src/host/pacer.ts";
import { Nanos } from "../../src/lib/brand.ts";
import type { RunOutcome, Xen } from "../../src/xen/index.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "hrtime"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The wall; looking at it takes its time, too. */
let looks = 0;
const wallNanos = (): number => Number(process.hrtime.bigint()) + 100 * ++looks;

/** A machine that is idle but for timers at these virtual instants; each takes no time. */
class IdleXen {
  now = 0;
  runs = 0;
  readonly fired: { readonly due: number; readonly at: number }[] = [];
  private readonly due: number[];
  private readonly origin = wallNanos();
  readonly clock = { now: () => Nanos(this.now) } as Xen["clock"];

  constructor(due: readonly number[]) {
    this.due = [...due];
  }
  run(limit: Nanos): RunOutcome {
    this.runs++;
    const [next] = this.due;
    if (next !== undefined && next <= this.now && next < limit) {
      this.due.shift();
      this.fired.push({ due: next, at: wallNanos() - this.origin });
    }
    const until = this.due[0];
    return { state: "idle", until: until === undefined ? undefined : Nanos(until) };
  }
  advanceIdle(to: Nanos): void {
    this.now = Math.max(this.now, Math.min(to, this.due[0] ?? to));
  }
}

async function pace(xen: IdleXen, millis: number): Promise<Pacer> {
  const pacer = new Pacer({
    xen: xen as unknown as Xen,
    clock: "real",
    wallNanos,
    holdIdle: () => false,
    failed: (error) => {
      throw error;
    },
  });
  pacer.kick();
  await vi.advanceTimersByTimeAsync(millis);
  return pacer;
}

describe("an idle machine in real time", () => {
  test("no timer fires before its instant on the wall, and none long after", async () => {
    const due = [1, 1.2, 30, 31, 100, 250.5, 500].map((millis) => millis * 1e6);
    const xen = new IdleXen(due);
    (await pace(xen, 1000)).stop();
    expect(xen.fired.map((timer) => timer.due)).toEqual(due);
    for (const timer of xen.fired) {
      expect(timer.at).toBeGreaterThanOrEqual(timer.due);
      expect(timer.at - timer.due).toBeLessThan(10e6);
    }
  });

  test("timers close together cost one awakening", async () => {
    const bursts = Array.from({ length: 10 }, (_, i) =>
      [0, 2, 4, 5].map((more) => ((i + 1) * 90 + more) * 1e6),
    );
    const xen = new IdleXen(bursts.flat());
    (await pace(xen, 1200)).stop();
    expect(xen.fired).toHaveLength(40);
    const instants = new Set(xen.fired.map((timer) => Math.round(timer.at / 1e6)));
    expect(instants.size).toBe(10);
  });

  test("it does not look again and again while a timer is almost due", async () => {
    const xen = new IdleXen(Array.from({ length: 20 }, (_, i) => (i * 50 + 20.3) * 1e6));
    (await pace(xen, 1100)).stop();
    expect(xen.fired).toHaveLength(20);
    expect(xen.runs).toBeLessThan(20 * 4);
  });

  test("what comes from outside is seen at once, whatever it sleeps towards", async () => {
    const xen = new IdleXen([5e9]);
    const pacer = await pace(xen, 100);
    const before = xen.runs;
    pacer.sync();
    expect(xen.now).toBeGreaterThanOrEqual(100e6);
    pacer.kick();
    await vi.advanceTimersByTimeAsync(1);
    expect(xen.runs).toBeGreaterThan(before);
    pacer.stop();
  });

  test("with nothing ahead it sleeps for ever", async () => {
    const xen = new IdleXen([]);
    const pacer = await pace(xen, 10_000);
    expect(xen.runs).toBeLessThan(3);
    expect(vi.getTimerCount()).toBe(0);
    pacer.stop();
  });
});
