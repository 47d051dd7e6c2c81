/** The run loop: windows, order, and that neither where a slice ends nor a limit changes anything. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DOMID_0, Port } from "../../../src/abi/types.ts";
import * as L from "../../../src/cpu/layout.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { advanceIdle, QUANTUM_MICROS, run } from "../../../src/xen/sched/run.ts";
import type { Program } from "../support/scripted-engine.ts";
import { FIRST, makeWorld, must, type TestGuest, type World } from "../support/world.ts";

const QUANTUM = QUANTUM_MICROS * 1000;

function* spinFor(instructions: number): Program {
  yield { run: instructions };
}

/** Works, sends, sleeps until its timer, yields, spins a little; again and again; then poweroff. */
function* busy(guest: TestGuest, page: number, port: number, rounds: number): Program {
  for (let i = 0; i < rounds; i++) {
    yield { run: 700 + i * 13 };
    yield guest.call("event_channel_op", 4, guest.words(page, port));
    yield { exit: L.EXIT_PAUSE };
    yield guest.call("sched_op", 0, 0);
    const poll = guest.va(page, 16);
    guest.poke(page, 16, guest.va(page, 64));
    guest.poke(page, 24, 1n);
    guest.poke(page, 32, BigInt(guest.domain.vcpus.length * 100_000 + i * 90_000));
    guest.poke(page, 64, 5n);
    yield guest.call("sched_op", 3, poll);
  }
}

function scene(world: World): { guest: TestGuest; heard: string[] } {
  const guest = world.guest({ vcpus: 3 });
  const heard: string[] = [];
  const port = must(world.dom0.evtchn.allocUnbound(DOMID_0, guest.domid));
  world.dom0.evtchn.onEvent(Port(port), () => {
    heard.push(`${world.machine.clock.now()}`);
    world.dom0.charge("entry", 30);
    world.dom0.evtchn.send(Port(port));
  });
  guest.hypercall("event_channel_op", 0, guest.words(FIRST + 9, 0, port, 0));
  const page = (id: number): number => FIRST + 4 + id;
  for (const id of [0, 1, 2]) {
    if (id > 0) guest.startVcpu(id);
    guest.setProgram(id, busy(guest, page(id), 1, 12 + id));
  }
  guest.hypercall("event_channel_op", 7, guest.words(FIRST + 9, 0, 0));
  guest.setShared(0xa00, 0xffff);
  guest.unpause();
  return { guest, heard };
}

/** Everything that can be seen of a run. */
function record(world: World, seen: { guest: TestGuest; heard: string[] }): unknown {
  return {
    heard: seen.heard,
    ticks: world.machine.time.ticks,
    retired: world.machine.time.retired,
    windows: world.machine.time.windows,
    cpu: seen.guest.domain.vcpus.map((vcpu) => [...vcpu.runstate.time]),
    trace: world.engine.trace.length,
  };
}

test("where slices and limits lie changes nothing", () => {
  const whole = makeWorld();
  const first = scene(whole);
  whole.settle(5e6);
  const expected = record(whole, first);
  expect(first.heard.length).toBeGreaterThan(20);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 20 }), (budgets) => {
      const world = makeWorld();
      const seen = scene(world);
      let i = 0;
      for (let limit = 0; limit < 5e6; ) {
        limit = Math.min(5e6, limit + 1 + (budgets[i % budgets.length] as number) * 7);
        world.settle(limit, () => budgets[i++ % budgets.length] as number);
      }
      expect(record(world, seen)).toEqual(expected);
    }),
    { numRuns: 10 },
  );
});

test("two vCPUs on two pCPUs advance together, never a window apart", () => {
  const world = makeWorld();
  const guests = [world.guest(), world.guest()];
  for (const guest of guests) {
    guest.setProgram(0, spinFor(1e9));
    guest.unpause();
  }
  for (let limit = 100_000; limit <= 1_000_000; limit += 100_000) {
    expect(run(world.machine, Nanos(limit), 1e9).state).toBe("limit");
    const [a, b] = guests.map((guest) => guest.vcpu.readyAt) as [number, number];
    expect(Math.abs(a - b)).toBeLessThanOrEqual(QUANTUM);
    expect(a).toBeGreaterThanOrEqual(limit);
    expect(a).toBeLessThanOrEqual(limit + QUANTUM);
  }
});

test("virtual time does not reach an instant that is held, even when it is held in the middle of a run", () => {
  const held = makeWorld();
  const free = makeWorld();
  const start = (world: World) => {
    const guest = world.guest();
    guest.setProgram(0, spinFor(1e6));
    guest.unpause();
    const fired: number[] = [];
    const { time } = world.machine;
    time.at(Nanos(100_000), () => {
      time.at(Nanos(230_000), () => fired.push(time.now()));
      if (world === held) time.held = time.ticksOf(230_000);
    });
    return { fired, outcome: run(world.machine, Nanos(1_000_000), 1e9) };
  };
  const [later, before] = [start(held), start(free)];
  expect(later.fired).toEqual([]);
  expect(later.outcome).toEqual({ state: "limit", next: 230_000 });
  expect(held.machine.time.now()).toBe(230_000);
  advanceIdle(held.machine, Nanos(300_000));
  expect(held.machine.time.now()).toBe(230_000);
  held.machine.time.held = Number.POSITIVE_INFINITY;
  run(held.machine, Nanos(1_000_000), 1e9);
  expect(later.fired).toEqual(before.fired);
});

test("three that compute share two pCPUs fairly", () => {
  const world = makeWorld();
  const guests = [world.guest(), world.guest(), world.guest()];
  for (const guest of guests) {
    guest.setProgram(0, spinFor(1e9));
    guest.unpause();
  }
  world.settle(3e9);
  for (const guest of guests) {
    const { cpuTime } = must(world.dom0.domctl.getInfo(guest.domid));
    expect(cpuTime / 1e6).toBeGreaterThan(1960);
    expect(cpuTime / 1e6).toBeLessThan(2040);
  }
});

test("a timer cuts the window at its instant", () => {
  const world = makeWorld();
  const guest = world.guest();
  guest.setProgram(0, spinFor(1e9));
  guest.unpause();
  const seen: number[] = [];
  world.machine.clock.at(Nanos(12_345), () => seen.push(guest.vcpu.readyAt, world.machine.time.ticks));
  run(world.machine, Nanos(20_000), 1e9);
  expect(seen).toEqual([12_345, 12_345]);
});

test("no timer at the limit fires, and nothing idle is advanced", () => {
  const world = makeWorld();
  const fired: string[] = [];
  world.machine.clock.at(Nanos(500), () => fired.push("late"));
  expect(run(world.machine, Nanos(1e9), 1e9)).toEqual({ state: "idle", until: 500 });
  expect(world.machine.clock.now()).toBe(0);
  advanceIdle(world.machine, Nanos(1e9));
  expect(world.machine.clock.now()).toBe(500);
  expect(run(world.machine, Nanos(1e9), 1e9)).toEqual({ state: "idle", until: undefined });
  expect(fired).toEqual(["late"]);
});

test("PAUSE in one vCPU lets the time of its window go by while another computes", () => {
  const world = makeWorld();
  const guest = world.guest({ vcpus: 2 });
  guest.startVcpu(1);
  guest.setProgram(
    0,
    (function* (): Program {
      for (;;) yield { exit: L.EXIT_PAUSE };
    })(),
  );
  guest.setProgram(1, spinFor(1e9));
  guest.unpause();
  run(world.machine, Nanos(10_000_000), 1e9);
  const pauses = world.engine.trace.filter(({ exit }) => exit === L.EXIT_PAUSE).length;
  expect(pauses).toBeLessThan(300); // 200 windows
});
