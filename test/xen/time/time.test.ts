/** Virtual time: timers, units, what guests read the time from, their own timers. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { vcpuTimeInfo } from "../../../src/abi/xen.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { timeScale, updateVcpuTime } from "../../../src/xen/time/pvclock.ts";
import { VirtualTime } from "../../../src/xen/time/virtual-time.ts";
import type { Program } from "../support/scripted-engine.ts";
import { FIRST, makeWorld, must, type TestGuest } from "../support/world.ts";

test("timers fire in order of (instant, creation), cancelled ones never", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 300 }),
      (wanted) => {
        const time = new VirtualTime(1000);
        const fired: number[] = [];
        const timers = wanted.map(([when], i) => time.at(Nanos(when), () => fired.push(i)));
        wanted.forEach(([, cancel], i) => {
          if (cancel) timers[i]?.cancel();
        });
        for (let fire = time.timers.takeDue(1e9); fire !== undefined; fire = time.timers.takeDue(1e9)) fire();
        const expected = wanted
          .map(([when, cancel], i) => ({ when, cancel, i }))
          .filter(({ cancel }) => !cancel)
          .sort((a, b) => a.when - b.when || a.i - b.i)
          .map(({ i }) => i);
        expect(fired).toEqual(expected);
      },
    ),
  );
});

test("ticks and nanoseconds: no instant comes too early, whole microseconds are exact", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 0, max: 2 ** 46 }), (mhz, nanos) => {
      const time = new VirtualTime(mhz);
      const ticks = time.ticksOf(nanos);
      expect(time.nanosOf(ticks)).toBeGreaterThanOrEqual(nanos);
      if (ticks > 0) expect(time.nanosOf(ticks - 1)).toBeLessThanOrEqual(nanos);
      const micros = Math.floor(nanos / 1000);
      expect(time.nanosOf(micros * mhz)).toBe(micros * 1000);
    }),
  );
});

test.each([1000, 2600, 1, 3333])("a guest computes the system time from its TSC at %i MHz", (mhz) => {
  const world = makeWorld({ cpuMhz: mhz });
  const guest = world.guest();
  for (const seconds of [0, 1, 3600]) {
    world.machine.time.ticks = seconds * mhz * 1_000_000 + 17;
    updateVcpuTime(world.machine, guest.vcpu, true);
    const info = vcpuTimeInfo.read(world.engine.mem.view, guest.vcpu.infoAddress + 32);
    expect(info.version % 2).toBe(0);
    expect(info.flags).toBe(0);
    const shift = (info.tscShift << 24) >> 24;
    const later = world.machine.time.ticks + mhz * 500_000;
    const delta = BigInt(later - info.tscTimestamp);
    const scaled = shift < 0 ? delta >> BigInt(-shift) : delta << BigInt(shift);
    const nanos = info.systemTime + Number((scaled * BigInt(info.tscToSystemMul)) >> 32n);
    expect(Math.abs(nanos - world.machine.time.nanosOf(later))).toBeLessThanOrEqual(2);
  }
});

test("1 GHz needs no rounding", () => expect(timeScale(1000)).toEqual({ mul: 0x8000_0000, shift: 1 }));

test("the wall clock at power-on, moved by the toolstack", () => {
  const world = makeWorld();
  const guest = world.guest();
  expect([guest.shared(0xc04), guest.shared(0xc08), guest.shared(0xc0c)]).toEqual([1_700_000_000, 0, 0]);
  must(world.dom0.domctl.setTimeOffset(guest.domid, 3600));
  expect(guest.shared(0xc04)).toBe(1_700_003_600);
  expect(guest.shared(0xc00) % 2).toBe(0);
});

/** Binds VIRQ_TIMER to port 1 and stands still. */
function bindTimer(guest: TestGuest): void {
  expect(guest.hypercall("event_channel_op", 1, guest.words(FIRST + 2, 0, 0, 0))).toBe(0);
}
const isTimerPending = (guest: TestGuest): boolean => (guest.shared(0x800) & 2) !== 0;

describe("a vCPU's timers", () => {
  test("a single shot fires at its instant and wakes who blocks", () => {
    const world = makeWorld();
    const guest = world.guest();
    bindTimer(guest);
    guest.setProgram(
      0,
      (function* (): Program {
        yield guest.call("vcpu_op", 7, 0, 0);
        yield guest.call("set_timer_op", 5_000_000);
        yield guest.call("sched_op", 1, 0);
        yield guest.call("sched_op", 2, guest.words(FIRST + 2, 0));
      })(),
    );
    guest.vcpu.callbacks.set(0, 1, 0xffff_8801, 0);
    guest.unpause();
    world.settle(4_999_999);
    expect(guest.vcpu.blocked).toBe(true);
    expect(isTimerPending(guest)).toBe(false);
    world.settle(5_100_000);
    expect(isTimerPending(guest)).toBe(true);
    expect(guest.domain.shutdown).toEqual({ code: 0 });
  });
  test.each([
    ["0 stops it", 0n, undefined],
    ["negative: 100 ms", 0x8000_0000_0000_0000n, 100e6],
    ["13 days and more: 100 ms", 1n << 51n, 100e6],
    ["the past: at once", 1n, 0],
  ])("set_timer_op: %s", (_, timeout, due) => {
    const world = makeWorld();
    const guest = world.guest();
    bindTimer(guest);
    expect(guest.hypercall("set_timer_op", timeout)).toBe(0);
    const until = world.machine.time.timers.firstWhen();
    if (due === undefined) expect(until).toBeUndefined();
    else expect(Math.abs((until as number) - due)).toBeLessThan(10_000);
  });
  test.each([
    ["in the future", 1_000_000_000n, 1, 0],
    ["past, and it must not be", 1n, 1, "ETIME"],
    ["past, and it may be", 1n, 0, 0],
  ])("set_singleshot_timer: %s", (_, when, flags, answer) => {
    const world = makeWorld();
    const guest = world.guest();
    world.machine.time.ticks = 1000;
    guest.vcpu.tscOffset = 1000;
    guest.poke(FIRST + 2, 0, when);
    guest.poke(FIRST + 2, 8, BigInt(flags));
    expect(guest.hypercall("vcpu_op", 8, 0, guest.va(FIRST + 2))).toBe(answer);
  });
  test.each([
    ["1 ms", 1_000_000n, 0],
    ["less", 999_999n, "EINVAL"],
    ["absurdly much", 1n << 63n, "EINVAL"],
  ])("set_periodic_timer: %s", (_, period, answer) => {
    const guest = makeWorld().guest();
    guest.poke(FIRST + 2, 0, period);
    expect(guest.hypercall("vcpu_op", 6, 0, guest.va(FIRST + 2))).toBe(answer);
  });
  test("100 Hz from birth, while it runs; none while it blocks", () => {
    const world = makeWorld();
    const guest = world.guest();
    bindTimer(guest);
    guest.setShared(0xa00, 2); // masked: it only counts
    guest.setProgram(
      0,
      (function* (): Program {
        yield { run: 35_000_000 };
        yield guest.call("sched_op", 1, 0);
      })(),
    );
    guest.unpause();
    let ticks = 0;
    for (let at = 1_000_000; at <= 100_000_000; at += 1_000_000) {
      world.settle(at);
      if (isTimerPending(guest)) {
        ticks++;
        guest.setShared(0x800, 0);
      }
    }
    expect(ticks).toBe(3);
  });
});
