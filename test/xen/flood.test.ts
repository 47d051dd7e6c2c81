/** A guest that floods the hypervisor with what it may do, on every pCPU, beside one that wants to wake up on time. */
import { expect, test } from "vitest";
import { DOMID_0 } from "../../src/abi/types.ts";
import { localNanos } from "../../src/xen/time/virtual-time.ts";
import type { Program } from "./support/scripted-engine.ts";
import { FIRST, makeWorld, must, type TestGuest, type World } from "./support/world.ts";

const TICK = 1_000_000;
const TICKS = 20;
/** The scheduler's rate limit, for which nobody is preempted, and a window. */
const LATE = 1_100_000;
const FLOODING_VCPUS = 4;
const PAGE = FIRST + 4;

/** Sleeps on its timer's port, a millisecond at a time, and notes how late it was each time. */
function* ticker(world: World, guest: TestGuest, late: number[]): Program {
  for (let i = 0; i < TICKS; i++) {
    const due = localNanos(world.machine) + TICK;
    yield guest.call("set_timer_op", due);
    guest.setShared(0x800, 0);
    guest.poke(PAGE, 0, guest.va(PAGE, 64));
    guest.poke(PAGE, 8, 1n);
    guest.poke(PAGE, 16, 0n);
    guest.poke(PAGE, 64, 1n);
    yield guest.call("sched_op", 3, guest.va(PAGE));
    yield { run: 1 };
    late.push(localNanos(world.machine) - due);
  }
  yield guest.call("sched_op", 2, guest.words(PAGE, 0));
}

type Flood = (guest: TestGuest, page: number, vcpu: number, toDom0: number) => Program;

const FLOODS: readonly (readonly [what: string, flood: Flood])[] = [
  [
    "instructions, never giving way",
    function* () {
      for (;;) yield { run: 100_000 };
    },
  ],
  [
    "single shots",
    function* (guest, page, vcpu) {
      for (let i = 0; ; i++) {
        guest.poke(page, 0, BigInt(1_000_000_000 + i));
        guest.poke(page, 8, 0n);
        yield guest.call("vcpu_op", 8, vcpu, guest.va(page));
        yield guest.call("set_timer_op", 2_000_000_000 + i);
      }
    },
  ],
  [
    "timers that are due at once",
    function* (guest) {
      for (;;) yield guest.call("set_timer_op", 1);
    },
  ],
  [
    "event channels, all that it can get",
    function* (guest, page) {
      for (;;) yield guest.call("event_channel_op", 7, guest.words(page, 0, 0));
    },
  ],
  [
    "events to dom0",
    function* (guest, page, _vcpu, toDom0) {
      for (;;) yield guest.call("event_channel_op", 4, guest.words(page, toDom0));
    },
  ],
  [
    "yields",
    function* (guest) {
      for (;;) yield guest.call("sched_op", 0, 0);
    },
  ],
  [
    "writes to Xen's console",
    function* (guest, page) {
      for (;;) yield guest.call("console_io", 0, 1024, guest.va(page));
    },
  ],
  [
    "requests that are refused, a thousand in one call",
    function* (guest, page) {
      for (let i = 0; i < 60; i++) {
        const at = i * 64;
        guest.poke(page, at, 26n); // mmuext_op
        guest.poke(page, at + 16, guest.va(page, 3960));
        guest.poke(page, at + 24, 40n);
        guest.poke(page, at + 32, 0n);
        guest.poke(page, at + 40, 0x7ff0n);
      }
      guest.poke(page, 3960, 19n);
      for (;;) yield guest.call("multicall", guest.va(page), 60);
    },
  ],
];

test.each(FLOODS)("a flood of %s: others wake on time, and what it takes of Xen is bounded", (_, flood) => {
  const world = makeWorld();
  const late: number[] = [];
  const victim = world.guest();
  expect(victim.hypercall("event_channel_op", 1, victim.words(PAGE, 0, 0, 0))).toBe(0);
  victim.setShared(0xa00, 0xffff_ffff);
  victim.setProgram(0, ticker(world, victim, late));

  const flooder = world.guest({ vcpus: FLOODING_VCPUS });
  const port = must(world.dom0.evtchn.allocUnbound(DOMID_0, flooder.domid));
  let heard = 0;
  world.dom0.evtchn.onEvent(port, () => {
    heard++;
  });
  expect(flooder.hypercall("event_channel_op", 0, flooder.words(PAGE, 0, port, 0))).toBe(0);
  flooder.setShared(0xa00, 0xffff_ffff);
  for (let id = 0; id < FLOODING_VCPUS; id++) {
    if (id > 0) flooder.startVcpu(id);
    flooder.setProgram(id, flood(flooder, PAGE + id, id, 1));
  }
  flooder.unpause();
  victim.unpause();
  world.settle(TICKS * (TICK + LATE) + 5_000_000);

  expect(late.length).toBe(TICKS);
  expect(Math.max(...late)).toBeLessThan(LATE);
  expect(victim.domain.shutdown).toEqual({ code: 0 });
  expect(flooder.domain.shutdown).toBeUndefined();
  const { timers } = world.machine.time;
  expect(timers.armed().length).toBeLessThan(4 * FLOODING_VCPUS);
  expect((timers as unknown as { heap: unknown[] }).heap.length).toBeLessThan(200);
  expect(flooder.domain.events.channels.length).toBeLessThanOrEqual(1024);
  // Notifications until dom0 has its turn are one.
  expect(heard).toBeLessThan(20_000);
  // Another still gets what it asks for.
  expect(world.guest().hypercall("event_channel_op", 7, victim.words(PAGE, 0, 0))).not.toBe("ENOSPC");
});
