/** The credit scheduler over virtual time: proportions, caps, wake-ups, affinity. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RUNSTATE_runnable, RUNSTATE_running } from "../../../src/abi/vcpu.ts";
import * as L from "../../../src/cpu/layout.ts";
import type { Vcpu } from "../../../src/xen/domain/domain.ts";
import { cpuTimeOf } from "../../../src/xen/time/runstate.ts";
import type { Program } from "../support/scripted-engine.ts";
import { FIRST, makeWorld, must, type TestGuest, type World } from "../support/world.ts";

const MS = 1_000_000;
const SECOND = 1000 * MS;

function* hog(): Program {
  for (;;) yield { run: 1e9 };
}

/** Sleeps by SCHEDOP_poll with a timeout every `period`, works for `instructions` in between; notes when it was awake. */
function* ioBound(
  guest: TestGuest,
  period: number,
  instructions: number,
  woke: (due: number) => void,
): Program {
  const page = FIRST + 4;
  for (let due = period; ; due += period) {
    guest.poke(page, 0, guest.va(page, 64));
    guest.poke(page, 8, 0n);
    guest.poke(page, 16, BigInt(due));
    yield guest.call("sched_op", 3, guest.va(page));
    woke(due);
    yield { run: instructions };
  }
}

interface Hog {
  readonly weight?: number;
  readonly cap?: number;
  readonly vcpus?: number;
  /** pCPUs that its vCPUs are bound to. */
  readonly on?: readonly number[];
}

const mask = (world: World, ids: readonly number[]): boolean[] =>
  world.machine.sched.pcpus.map(({ id }) => ids.includes(id));

function startHog(world: World, { weight, cap, vcpus = 1, on }: Hog): TestGuest {
  const guest = world.guest({ vcpus, pages: 16 });
  for (let id = 0; id < vcpus; id++) {
    if (id > 0) guest.startVcpu(id);
    guest.setProgram(id, hog());
    if (on !== undefined)
      must(world.dom0.domctl.setVcpuAffinity(guest.domid, id, mask(world, on), undefined));
  }
  must(world.dom0.domctl.setSchedCredit(guest.domid, weight, cap));
  guest.unpause();
  return guest;
}

const seconds = (world: World, guest: TestGuest): number =>
  must(world.dom0.domctl.getInfo(guest.domid)).cpuTime / SECOND;

/** Runs the hogs together; their CPU seconds of the time after a first second. */
function compete(world: World, hogs: readonly Hog[], time: number): number[] {
  const guests = hogs.map((each) => startHog(world, each));
  world.settle(SECOND);
  const before = guests.map((guest) => seconds(world, guest));
  world.settle(SECOND + time * SECOND);
  return guests.map((guest, i) => seconds(world, guest) - (before[i] as number));
}

describe("weights", () => {
  test.each<[string, number, Hog[], number[]]>([
    [
      "256, 512, 1024 on one pCPU",
      1,
      [{ weight: 256 }, { weight: 512 }, { weight: 1024 }],
      [1 / 7, 2 / 7, 4 / 7],
    ],
    [
      "on two, two vCPUs each",
      2,
      [
        { weight: 256, vcpus: 2 },
        { weight: 512, vcpus: 2 },
        { weight: 1024, vcpus: 2 },
      ],
      [2 / 7, 4 / 7, 8 / 7],
    ],
    [
      "on two, where the heaviest can use only one",
      2,
      [{ weight: 256 }, { weight: 512 }, { weight: 1024 }],
      [1 / 3, 2 / 3, 1],
    ],
    [
      "on four, five vCPUs each",
      4,
      [
        { weight: 256, vcpus: 5 },
        { weight: 512, vcpus: 5 },
        { weight: 1024, vcpus: 5 },
      ],
      [4 / 7, 8 / 7, 16 / 7],
    ],
    [
      "bound, each pCPU by itself",
      2,
      [
        { weight: 256, on: [0] },
        { weight: 512, on: [0] },
        { weight: 1024, on: [1] },
      ],
      [1 / 3, 2 / 3, 1],
    ],
    [
      "one that may move between two that may not",
      2,
      [
        { weight: 256, on: [0] },
        { weight: 512, on: [0, 1] },
        { weight: 256, on: [1] },
      ],
      [1 / 2, 1, 1 / 2],
    ],
    [
      "a light one among many",
      1,
      [{ weight: 1024 }, ...Array.from({ length: 12 }, () => ({ weight: 256 }))],
      [1 / 4, ...Array.from({ length: 12 }, () => 1 / 16)],
    ],
  ])("%s", (_, pcpus, hogs, shares) => {
    const time = 12;
    const got = compete(makeWorld({ pcpus }), hogs, time);
    shares.forEach((share, i) => {
      expect(Math.abs((got[i] as number) / (share * time) - 1)).toBeLessThan(0.02);
    });
  });

  test("a change tells from then on", () => {
    const world = makeWorld({ pcpus: 1 });
    const [a, b] = [startHog(world, {}), startHog(world, {})];
    world.settle(4 * SECOND);
    expect(seconds(world, a) / seconds(world, b)).toBeCloseTo(1, 1);
    must(world.dom0.domctl.setSchedCredit(a.domid, 768, undefined));
    const [a0, b0] = [seconds(world, a), seconds(world, b)];
    world.settle(16 * SECOND);
    const ratio = (seconds(world, a) - a0) / (seconds(world, b) - b0);
    expect(Math.abs(ratio / 3 - 1)).toBeLessThan(0.02);
  });

  test("hogs keep their proportion beside sleepers of great weight", () => {
    const world = makeWorld({ pcpus: 1 });
    for (let i = 0; i < 4; i++) {
      const guest = world.guest();
      guest.setProgram(
        0,
        ioBound(guest, 7 * MS + i * 1000, 100_000, () => {}),
      );
      must(world.dom0.domctl.setSchedCredit(guest.domid, 4096, undefined));
      guest.unpause();
    }
    const [light, heavy] = compete(world, [{ weight: 256 }, { weight: 768 }], 12) as [number, number];
    expect(Math.abs(heavy / light / 3 - 1)).toBeLessThan(0.02);
    expect(light + heavy).toBeGreaterThan(12 * 0.9);
  });
});

describe("caps", () => {
  test.each<[string, number, Hog, number]>([
    ["half a pCPU, alone on the machine", 2, { cap: 50 }, 0.5],
    ["a hundredth", 1, { cap: 1 }, 0.01],
    ["one and a half, three vCPUs", 4, { cap: 150, vcpus: 3 }, 1.5],
    ["more than it can use", 2, { cap: 200, vcpus: 2, on: [0] }, 1],
  ])("%s", (_, pcpus, wanted, share) => {
    const [got] = compete(makeWorld({ pcpus }), [wanted], 6) as [number];
    expect(Math.abs(got / (share * 6) - 1)).toBeLessThan(0.02);
  });

  test("what a cap leaves is the others'", () => {
    const got = compete(makeWorld({ pcpus: 1 }), [{ weight: 1024, cap: 25 }, { weight: 256 }], 6);
    expect(got[0]).toBeCloseTo(0.25 * 6, 1);
    expect(got[1]).toBeCloseTo(0.75 * 6, 1);
  });

  test("taken away, it is forgotten at once", () => {
    const world = makeWorld({ pcpus: 1 });
    const guest = startHog(world, { cap: 1 });
    world.settle(100 * MS);
    const before = seconds(world, guest);
    must(world.dom0.domctl.setSchedCredit(guest.domid, undefined, 0));
    world.settle(200 * MS);
    expect(seconds(world, guest) - before).toBeGreaterThan(0.099);
  });
});

describe("waking", () => {
  function latencies(world: World, hogs: number, period: number): number[] {
    const late: number[] = [];
    const guest = world.guest();
    guest.setProgram(
      0,
      ioBound(guest, period, 50_000, (due) => late.push(guest.vcpu.tscOffset + icount(guest) - due)),
    );
    for (let i = 0; i < hogs; i++) startHog(world, {});
    world.settle(200 * MS); // just started, the hogs are boosted themselves
    guest.unpause();
    world.settle(2 * SECOND);
    return late.slice(50); // it has caught up with what was due before
  }
  const icount = (guest: TestGuest): number => Number(guest.reg(L.ICOUNT));

  test("one that sleeps most of the time is served within the rate limit", () => {
    const late = latencies(makeWorld({ pcpus: 1 }), 3, 10 * MS);
    expect(late.length).toBeGreaterThan(140);
    expect(Math.max(...late)).toBeLessThan(1.2 * MS);
  });

  test("without a rate limit, within two windows", () => {
    const world = makeWorld({ pcpus: 1 });
    must(world.dom0.sysctl.setCreditParams({ tsliceMs: 30, ratelimitUs: 0, migrationDelayUs: 0 }));
    expect(Math.max(...latencies(world, 3, 10 * MS))).toBeLessThan(0.11 * MS);
  });

  test("dom0's handlers run soon on a machine full of hogs, and are its CPU time", () => {
    const world = makeWorld({ pcpus: 2 });
    for (let i = 0; i < 6; i++) startHog(world, {});
    const guest = world.guest();
    const port = must(world.dom0.evtchn.allocUnbound(guest.domid, guest.domid));
    expect(port).toBeGreaterThan(0);
    const heard: number[] = [];
    const mine = must(world.dom0.evtchn.allocUnbound(0 as never, 0 as never));
    const other = must(world.dom0.evtchn.bindInterdomain(0 as never, mine));
    world.dom0.evtchn.onEvent(mine, () => {
      heard.push(world.machine.clock.now());
      world.dom0.charge("entry", 1000);
    });
    const start = 200 * MS; // just started, the hogs are boosted themselves
    for (let i = 0; i < 200; i++) {
      world.settle(start + i * 5 * MS);
      world.dom0.evtchn.send(other);
    }
    world.settle(start + SECOND);
    expect(heard.length).toBe(200);
    heard.forEach((when, i) => {
      expect(when - (start + i * 5 * MS)).toBeLessThan(1.2 * MS);
    });
    const { cpuTime } = must(world.dom0.domctl.getInfo(0 as never));
    expect(cpuTime).toBeGreaterThan(200 * 40_000);
    expect(cpuTime).toBeLessThan(200 * 45_000);
  });
});

describe("parameters", () => {
  test.each([
    [{ tsliceMs: 30, ratelimitUs: 1000, migrationDelayUs: 0 }, true],
    [{ tsliceMs: 1, ratelimitUs: 1000, migrationDelayUs: 100_000 }, true],
    [{ tsliceMs: 1000, ratelimitUs: 500_000, migrationDelayUs: 0 }, true],
    [{ tsliceMs: 30, ratelimitUs: 0, migrationDelayUs: 0 }, true],
    [{ tsliceMs: 0, ratelimitUs: 0, migrationDelayUs: 0 }, false],
    [{ tsliceMs: 1001, ratelimitUs: 1000, migrationDelayUs: 0 }, false],
    [{ tsliceMs: 30, ratelimitUs: 99, migrationDelayUs: 0 }, false],
    [{ tsliceMs: 1000, ratelimitUs: 500_001, migrationDelayUs: 0 }, false],
    [{ tsliceMs: 2, ratelimitUs: 2001, migrationDelayUs: 0 }, false],
    [{ tsliceMs: 30, ratelimitUs: 1000, migrationDelayUs: 100_001 }, false],
    [{ tsliceMs: 1.5, ratelimitUs: 1000, migrationDelayUs: 0 }, false],
  ])("%j: %s", (params, taken) => {
    const { sysctl } = makeWorld().dom0;
    expect(sysctl.setCreditParams(params)).toEqual(
      taken ? { ok: true, value: undefined } : { ok: false, errno: "EINVAL" },
    );
    if (taken) expect(must(sysctl.getCreditParams())).toEqual(params);
  });

  test.each([
    [0, undefined, "EINVAL"],
    [1, undefined, undefined],
    [65_535, 200, undefined],
    [65_536, undefined, "EINVAL"],
    [undefined, 201, "EINVAL"],
    [undefined, -1, "EINVAL"],
  ])("weight %s, cap %s of a domain with two vCPUs: %s", (weight, cap, errno) => {
    const world = makeWorld();
    const guest = world.guest({ vcpus: 2 });
    const answer = world.dom0.domctl.setSchedCredit(guest.domid, weight, cap);
    expect(answer.ok ? undefined : answer.errno).toBe(errno);
    const { weight: now, cap: limit } = must(world.dom0.domctl.getSchedCredit(guest.domid));
    expect([now, limit]).toEqual(answer.ok ? [weight ?? 256, cap ?? 0] : [256, 0]);
  });

  test("a longer slice means fewer changes of vCPU", () => {
    const changes = (tsliceMs: number): number => {
      const world = makeWorld({ pcpus: 1 });
      must(world.dom0.sysctl.setCreditParams({ tsliceMs, ratelimitUs: 1000, migrationDelayUs: 0 }));
      startHog(world, {});
      startHog(world, {});
      world.settle(SECOND);
      let count = 0;
      const { trace } = world.engine;
      for (let i = 1; i < trace.length; i++) if (trace[i]?.vcpu !== trace[i - 1]?.vcpu) count++;
      return count;
    };
    expect(changes(30)).toBeLessThanOrEqual(34);
    expect(changes(5)).toBeGreaterThan(140);
  });
});

describe("affinity", () => {
  test("a yield lets a sibling of equal priority in", () => {
    const world = makeWorld({ pcpus: 1 });
    const [a, b] = [world.guest(), world.guest()];
    a.setProgram(
      0,
      (function* (): Program {
        for (;;) {
          yield { run: 10_000 };
          yield a.call("sched_op", 0, 0);
        }
      })(),
    );
    b.setProgram(0, hog());
    a.unpause();
    b.unpause();
    world.settle(SECOND);
    expect(seconds(world, b)).toBeGreaterThan(0.45);
    expect(seconds(world, a)).toBeGreaterThan(0.001);
  });

  test("soft affinity is where it runs while there is room", () => {
    const world = makeWorld({ pcpus: 4 });
    const guests = [3, 1, 2].map((home) => {
      const guest = startHog(world, {});
      must(world.dom0.domctl.setVcpuAffinity(guest.domid, 0, undefined, mask(world, [home])));
      return { guest, home };
    });
    world.settle(200 * MS);
    for (const { guest, home } of guests) {
      expect(must(world.dom0.domctl.getVcpuInfo(guest.domid, 0)).cpu).toBe(home);
    }
  });

  const PCPUS = 4;
  const act = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("pin" as const),
        who: fc.nat(8),
        mask: fc.integer({ min: 1, max: 15 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("unpin" as const), who: fc.nat(8) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("sleep" as const), who: fc.nat(8) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("wake" as const), who: fc.nat(8) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("down" as const), who: fc.nat(8) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("up" as const), who: fc.nat(8) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("soft" as const),
        who: fc.nat(8),
        mask: fc.integer({ min: 1, max: 15 }),
      }),
    },
  );

  test("is never violated, and nobody starves, whatever is pinned, slept, woken and unplugged", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(act, fc.integer({ min: 1, max: 40 })), { minLength: 5, maxLength: 25 }),
        (acts) => {
          const world = makeWorld({ pcpus: PCPUS });
          const guests = [256, 512, 1024].map((weight) => startHog(world, { weight, vcpus: 3 }));
          const vcpus = guests.flatMap(({ domain }) => domain.vcpus);
          const paused = new Set<TestGuest>();
          const bits = (value: number): boolean[] =>
            Array.from({ length: PCPUS }, (_, i) => ((value >> i) & 1) === 1);
          let at = 0;
          const look = (until: number): void => {
            while (at < until) {
              at += 0.5 * MS;
              world.settle(at);
              const seen = new Set<Vcpu>();
              for (const { id, current } of world.machine.sched.pcpus) {
                if (current === undefined) continue;
                expect(current.hardAffinity[id]).toBe(true);
                expect(current.processor).toBe(id);
                expect(current.domain.pauseCount).toBe(0);
                expect(current.down).toBe(false);
                expect(seen.has(current)).toBe(false);
                seen.add(current);
              }
            }
          };
          for (const [{ do: what, who, ...more }, millis] of acts) {
            const vcpu = vcpus[who] as Vcpu;
            const guest = guests.find(({ domid }) => domid === vcpu.domain.domid) as TestGuest;
            const { domctl } = world.dom0;
            const bitsOf = "mask" in more ? bits(more.mask as number) : bits(15);
            if (what === "pin" || what === "unpin")
              must(domctl.setVcpuAffinity(guest.domid, vcpu.id, bitsOf, undefined));
            else if (what === "soft") must(domctl.setVcpuAffinity(guest.domid, vcpu.id, undefined, bitsOf));
            else if (what === "sleep" && !paused.has(guest)) {
              must(domctl.pause(guest.domid));
              paused.add(guest);
            } else if (what === "wake" && paused.delete(guest)) guest.unpause();
            else if (what === "down" && vcpu.id > 0 && !vcpu.onCpu)
              guest.hypercallOn(guest.vcpu, "vcpu_op", 2, vcpu.id);
            else if (what === "up") guest.hypercallOn(guest.vcpu, "vcpu_op", 1, vcpu.id);
            look(at + millis * MS);
          }
          // Whoever can run does so within a second, and the accounts hold together.
          const able = vcpus.filter((vcpu) => !vcpu.down && vcpu.domain.pauseCount === 0);
          const used = (vcpu: Vcpu): number => cpuTimeOf(vcpu, vcpu.readyAt);
          const before = able.map(used);
          world.settle(at + SECOND);
          able.forEach((vcpu, i) => {
            expect([RUNSTATE_running, RUNSTATE_runnable]).toContain(vcpu.runstate.state);
            expect(used(vcpu) - (before[i] as number)).toBeGreaterThan(0);
            expect(Math.abs(vcpu.credit.balance)).toBeLessThan(SECOND);
          });
        },
      ),
      { numRuns: 6 },
    );
  }, 120_000);
});
