/** Mini-OS itself: its threads, console, xenstore and grants, and how it ends. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { Domid } from "../../../src/abi/types.ts";
import type { MiniOs } from "../../../src/guests/minios/kernel.ts";
import {
  schedule,
  sleep,
  type Thread,
  WaitQueue,
  wait,
  waitFor,
} from "../../../src/guests/minios/threads.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { makeStubWorld, SECOND } from "./support.ts";

describe("threads", () => {
  test("take turns in the order in which they were made", () => {
    const world = makeStubWorld();
    const order: string[] = [];
    const stub = world.stub(function* (os) {
      for (const name of ["a", "b", "c"]) {
        os.createThread(
          name,
          (function* () {
            for (let i = 0; i < 3; i++) {
              order.push(`${name}${i}`);
              yield* schedule();
            }
          })(),
        );
      }
      yield* sleep(os, SECOND);
      return 0;
    });
    world.settle();
    expect(order.join(" ")).toBe("a0 b0 c0 a1 b1 c1 a2 b2 c2");
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
    expect(stub.printed()).toBe("main returned 0\r\n");
  });

  test("a queue wakes its sleepers in the order in which they came, each once", () => {
    const world = makeStubWorld();
    const order: number[] = [];
    world.stub(function* (os) {
      const queue = new WaitQueue();
      for (let i = 0; i < 5; i++) {
        os.createThread(
          `t${i}`,
          (function* () {
            yield* wait(queue);
            order.push(i);
          })(),
        );
      }
      yield* sleep(os, 1000);
      queue.wake();
      queue.wake();
      yield* sleep(os, 1000);
      return 0;
    });
    world.settle();
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test("what was woken before anybody slept is not waited for", () => {
    const world = makeStubWorld();
    let saw = false;
    const stub = world.stub(function* () {
      const queue = new WaitQueue();
      let ready = false;
      ready = true;
      queue.wake();
      yield* waitFor(queue, () => ready);
      saw = true;
      return 0;
    });
    world.settle();
    expect(saw).toBe(true);
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
  });

  test("sleepers wake at their time, whatever the order in which they lay down", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 }), (delays) => {
        const world = makeStubWorld();
        const woken: { wanted: number; at: number }[] = [];
        world.stub(function* (os) {
          const begun = os.now();
          for (const [i, delay] of delays.entries()) {
            os.createThread(
              `t${i}`,
              (function* () {
                yield* sleep(os, begun + delay * 1e6 - os.now());
                woken.push({ wanted: delay, at: os.now() - begun });
              })(),
            );
          }
          yield* sleep(os, 60e6);
          return 0;
        });
        world.settle();
        expect(woken.map(({ wanted }) => wanted)).toEqual([...delays].sort((a, b) => a - b));
        for (const { wanted, at } of woken) {
          expect(at).toBeGreaterThanOrEqual(wanted * 1e6);
          expect(at).toBeLessThan(wanted * 1e6 + 0.5e6);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("five thousand of them sleep and wake, and cost virtual time", () => {
    const world = makeStubWorld();
    let woken = 0;
    const stub = world.stub(function* (os) {
      for (let i = 0; i < 5000; i++) {
        os.createThread(
          `t${i}`,
          (function* () {
            for (let round = 0; round < 3; round++) yield* sleep(os, 1e6 + i * 100);
            woken++;
          })(),
        );
      }
      yield* sleep(os, SECOND);
      return 0;
    });
    const begun = performance.now();
    world.settle();
    expect(woken).toBe(5000);
    expect(performance.now() - begun).toBeLessThan(5000);
    const info = world.dom0.domctl.getInfo(stub.domid);
    expect(info.ok && info.value.cpuTime).toBeGreaterThan(5000 * 4 * 200);
  });

  test("one that never sleeps leaves the others, other domains and the run loop their turns", () => {
    const world = makeStubWorld();
    let rounds = 0;
    let seconds = 0;
    const busy = world.stub(function* (os) {
      os.createThread(
        "clock",
        (function* () {
          for (; ; seconds++) yield* sleep(os, 1e6);
        })(),
      );
      for (;;) {
        rounds++;
        yield* schedule();
      }
    });
    const others = [1, 2, 3].map(() =>
      world.stub(function* (os) {
        for (let i = 0; i < 10; i++) yield* sleep(os, 1e6);
        return 0;
      }),
    );
    let most = 0;
    let slices = 0;
    for (let at = 0; at < 20e6; at = world.machine.clock.now()) {
      const begun = performance.now();
      world.settle(at + 1e6, () => 100_000);
      most = Math.max(most, performance.now() - begun);
      slices++;
    }
    expect(others.map((other) => other.end())).toEqual([0, 0, 0]);
    expect(seconds).toBeGreaterThanOrEqual(15);
    expect(busy.end()).toBeUndefined();
    // Each round is charged: a virtual second holds no more than so many.
    expect(rounds).toBeLessThan(20e6 / 200);
    expect(slices).toBeGreaterThan(10);
    expect(most).toBeLessThan(500);
  });
});

describe("the console", () => {
  test("says everything in order over many laps of the ring", () => {
    const world = makeStubWorld();
    const text = Array.from({ length: 700 }, (_, i) => `line ${i} ${"x".repeat(i % 37)}\n`);
    const stub = world.stub(function* (os) {
      for (const line of text) {
        os.console.print(line);
        yield* os.console.drained();
      }
      return 0;
    });
    world.settle();
    expect(stub.printed()).toBe(`${text.join("").replaceAll("\n", "\r\n")}main returned 0\r\n`);
  });

  test("what was printed before the end is read to its end, though the ring holds 2 KiB", () => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      os.console.print("y".repeat(20_000));
      yield* schedule();
      return 0;
    });
    world.settle();
    expect(stub.printed()).toBe(`${"y".repeat(20_000)}main returned 0\r\n`);
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
  });

  test("a reader that does not read holds up who waits for it, and the end for a second only", () => {
    const world = makeStubWorld();
    let printed = false;
    const stub = world.stub(function* (os) {
      os.console.print("z".repeat(5000));
      yield* os.console.drained();
      printed = true;
      return 0;
    });
    stub.reads = false;
    world.settle(5 * SECOND);
    expect(printed).toBe(false);
    stub.reads = true;
    expect(stub.printed().length).toBe(2048);
    world.settle(10 * SECOND);
    expect(printed).toBe(true);

    const mute = world.stub(function* (os) {
      os.console.print("z".repeat(5000));
      yield* schedule();
      return 0;
    });
    mute.reads = false;
    const begun = world.machine.clock.now();
    world.settle(begun + SECOND / 2);
    expect(mute.end()).toBeUndefined();
    world.settle(begun + 2 * SECOND);
    expect(mute.end()).toBe(SHUTDOWN.poweroff);
  });

  test("a program that prints without end is stopped, not the host", () => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      for (;;) {
        os.console.print("w".repeat(1000));
        yield* schedule();
      }
    });
    stub.reads = false;
    world.settle(5 * SECOND);
    expect(stub.end()).toBe(SHUTDOWN.crash);
  });

  test("typed bytes arrive in order, also those that came before it read", () => {
    const world = makeStubWorld();
    const got: string[] = [];
    const stub = world.stub(function* (os) {
      yield* sleep(os, SECOND);
      for (;;) {
        const typed = new TextDecoder().decode(yield* os.console.read(Nanos(os.now() + SECOND)));
        got.push(typed);
        if (typed === "") return 0;
      }
    });
    stub.type("early");
    world.settle(1.5 * SECOND);
    stub.type("late");
    world.settle(4 * SECOND);
    expect(got).toEqual(["early", "late", ""]);
  });
});

describe("xenstore", () => {
  test("requests of many threads are under way at once, each gets its own answer", () => {
    const world = makeStubWorld();
    let right = 0;
    const stub = world.stub(function* (os) {
      let left = 100;
      const done = new WaitQueue();
      for (let i = 0; i < 100; i++) {
        os.createThread(
          `t${i}`,
          (function* () {
            yield* os.xenbus.write(`data/${i}`, `value ${i} ${"v".repeat(i)}`);
            if ((yield* os.xenbus.read(`data/${i}`)) === `value ${i} ${"v".repeat(i)}`) right++;
            left--;
            done.wake();
          })(),
        );
      }
      yield* waitFor(done, () => left === 0);
      return 0;
    });
    world.settle();
    expect(right).toBe(100);
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
    expect(world.xs.directory(`/local/domain/${stub.domid}/data`)).toHaveLength(100);
  });

  test("a watch fires at once, then at every change; a cancelled one is silent", () => {
    const world = makeStubWorld();
    const heard: (string | undefined)[] = [];
    const stub = world.stub(function* (os) {
      const watch = yield* os.xenbus.watch("data/x");
      for (let i = 0; i < 3; i++) {
        yield* watch.changed();
        heard.push(yield* os.xenbus.read("data/x"));
      }
      yield* watch.cancel();
      heard.push((yield* watch.changed(Nanos(os.now() + SECOND))) ? "fired" : "silent");
      return 0;
    });
    const node = `/local/domain/${stub.domid}/data/x`;
    world.settle(SECOND);
    world.xs.write(node, "one");
    world.settle(2 * SECOND);
    world.xs.write(node, "two");
    world.settle(2.5 * SECOND);
    world.xs.write(node, "three");
    world.settle(9 * SECOND);
    expect(heard).toEqual([undefined, "one", "two", "silent"]);
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
  });

  test.each([
    ["no such node", (os: MiniOs) => os.xenbus.read("data/none"), undefined],
    ["no such directory", (os: MiniOs) => os.xenbus.directory("data/none"), undefined],
    ["removing what is not there", (os: MiniOs) => os.xenbus.remove("data/none/at/all"), false],
  ])("%s is an answer", (_, act, answer) => {
    const world = makeStubWorld();
    let got: unknown = "nothing";
    world.stub(function* (os) {
      got = yield* act(os) as Thread<unknown>;
      return 0;
    });
    world.settle();
    expect(got).toBe(answer);
  });

  test("a refusal is an exception of the program, which it may catch", () => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      try {
        yield* os.xenbus.write("/local/domain/0/name", "mine");
      } catch (error) {
        os.console.print(`${(error as Error).message}\n`);
      }
      return 0;
    });
    world.settle();
    expect(stub.printed()).toBe("xenbus: write /local/domain/0/name: EACCES\r\nmain returned 0\r\n");
  });
});

describe("what is scarce", () => {
  test("grants run out with an answer, and come back", () => {
    const world = makeStubWorld();
    let first = 0;
    let again = 0;
    const stub = world.stub(function* (os) {
      const page = os.memory.allocPage();
      if (page === undefined) return 1;
      const refs = [];
      for (;;) {
        const ref = os.gnttab.grantAccess(Domid(0), page.mfn, "read");
        if (ref === undefined) break;
        refs.push(ref);
      }
      first = refs.length;
      for (const ref of refs) os.gnttab.endAccess(ref);
      while (os.gnttab.grantAccess(Domid(0), page.mfn, "read") !== undefined) again++;
      yield* schedule();
      return 0;
    });
    world.settle();
    expect([first, again]).toEqual([4 * 512 - 8, 4 * 512 - 8]);
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
  });

  test("a domain with one frame of grant table has its one frame", () => {
    const world = makeStubWorld();
    let refs = 0;
    const stub = world.stub(
      function* (os) {
        while (os.gnttab.grantAccess(Domid(0), os.start.storeMfn, "read") !== undefined) refs++;
        yield* schedule();
        return 0;
      },
      { maxGrantFrames: 1 },
    );
    world.settle();
    expect(refs).toBe(512 - 8);
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
  });

  test("a domain without an event channel to spare says so and has crashed", () => {
    const world = makeStubWorld();
    const stub = world.stub(
      function* () {
        yield* schedule();
        return 0;
      },
      { maxEvtchnPort: 2 },
    );
    world.settle();
    expect(stub.end()).toBe(SHUTDOWN.crash);
    expect(stub.printed()).toContain("no event channel for the timer: ENOSPC");
  });

  test("pages run out with an answer, and come back as zeros", () => {
    const world = makeStubWorld();
    let count = 0;
    let zeros = true;
    const stub = world.stub(function* (os) {
      const free = os.memory.freePages;
      const pages = [];
      for (;;) {
        const page = os.memory.allocPage();
        if (page === undefined) break;
        page.frame.write(0, new Uint8Array(4096).fill(0xaa));
        pages.push(page);
        yield* schedule();
      }
      count = pages.length;
      if (count !== free || os.memory.freePages !== 0) return 1;
      for (const page of pages) os.memory.freePage(page);
      for (let i = 0; i < count; i++)
        zeros &&=
          os.memory
            .allocPage()
            ?.frame.read(0, 4096)
            .every((byte) => byte === 0) === true;
      return 0;
    });
    world.settle();
    expect(stub.end()).toBe(SHUTDOWN.poweroff);
    expect(count).toBe(1024 - 4);
    expect(zeros).toBe(true);
  });
});

describe("the end", () => {
  test.each([
    [
      "an error",
      new RangeError("out of bounds"),
      'Fatal error in thread "worker": RangeError: out of bounds',
    ],
    ["anything", "just a string", 'Fatal error in thread "worker": just a string'],
  ])(
    "%s that a thread throws ends this domain alone, with a report on its own console",
    (_, thrown, said) => {
      const world = makeStubWorld();
      const neighbour = world.stub(function* (os) {
        yield* sleep(os, SECOND);
        return 0;
      });
      const stub = world.stub(function* (os) {
        function* deep(): Thread<void> {
          yield* sleep(os, 1000);
          throw thrown;
        }
        os.createThread("worker", deep());
        yield* sleep(os, SECOND);
        os.console.print("still here\n");
        return 0;
      });
      world.settle();
      expect(stub.end()).toBe(SHUTDOWN.crash);
      const lines = stub.printed().split("\r\n");
      expect(lines[0]).toBe(said);
      expect(lines[1]).toBe("Thread: worker");
      if (thrown instanceof Error) expect(stub.printed()).toMatch(/ {3}at .*kernel\.test\.ts:\d+\)/);
      expect(stub.printed()).not.toMatch(/\/work|file:/);
      expect(lines.at(-2)).toBe("Do_exit called!");
      expect(stub.printed()).not.toContain("still here");
      expect(neighbour.end()).toBe(SHUTDOWN.poweroff);
    },
  );

  test("an event handler's exception is the program's too", () => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      const port = os.gate.evtchn.allocUnbound(os.gate.domid, Domid(0));
      if (!port.ok) return 1;
      yield* os.xenbus.write("data/port", String(port.value));
      os.onEvent(port.value, () => {
        throw new Error("bad ring");
      });
      yield* sleep(os, 100 * SECOND);
      return 0;
    });
    world.settle(SECOND);
    const remote = Number(world.xs.read(`/local/domain/${stub.domid}/data/port`));
    const bound = world.dom0.evtchn.bindInterdomain(stub.domid, remote as never);
    if (bound.ok) world.dom0.evtchn.send(bound.value);
    world.settle(2 * SECOND);
    expect(stub.end()).toBe(SHUTDOWN.crash);
    expect(stub.printed()).toMatch(/^Fatal error in thread "event \d+": Error: bad ring\r\n/);
  });

  test("a status other than 0 is a crash, and said once", () => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      yield* sleep(os, 1000);
      return 3;
    });
    world.settle();
    expect(stub.end()).toBe(SHUTDOWN.crash);
    expect(stub.printed()).toBe("main returned 3\r\nDo_exit called!\r\n");
  });

  test.each([
    ["poweroff", SHUTDOWN.poweroff],
    ["halt", SHUTDOWN.poweroff],
    ["reboot", SHUTDOWN.reboot],
  ])("control/shutdown %s is acknowledged", (asked, end) => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      for (;;) yield* sleep(os, SECOND);
    });
    world.settle(2 * SECOND);
    world.xs.write(`/local/domain/${stub.domid}/control/shutdown`, asked);
    world.settle(4 * SECOND);
    expect(world.xs.read(`/local/domain/${stub.domid}/control/shutdown`)).toBe("");
    expect(stub.end()).toBe(end);
  });

  test("control/shutdown suspend is not: nothing of it is done", () => {
    const world = makeStubWorld();
    const stub = world.stub(function* (os) {
      for (;;) yield* sleep(os, SECOND);
    });
    world.settle(2 * SECOND);
    world.xs.write(`/local/domain/${stub.domid}/control/shutdown`, "suspend");
    world.settle(4 * SECOND);
    expect(world.xs.read(`/local/domain/${stub.domid}/control/shutdown`)).toBe("suspend");
    expect([stub.end(), stub.printed()]).toEqual([undefined, ""]);
  });

  test("a program that was destroyed while it slept never runs again, and nothing of it is left", () => {
    const world = makeStubWorld();
    const free = () => {
      const info = world.dom0.sysctl.physinfo();
      return info.ok ? info.value.freePages : 0;
    };
    world.settle(SECOND);
    const before = free();
    let steps = 0;
    let held: MiniOs | undefined;
    const stub = world.stub(function* (os) {
      held = os;
      os.memory.allocPage()?.frame.setUint32(0, 1);
      for (;;) {
        steps++;
        yield* sleep(os, 1e6);
      }
    });
    world.settle(world.machine.clock.now() + 10.5e6);
    const then = steps;
    expect(then).toBeGreaterThan(5);
    stub.detach();
    expect(world.dom0.domctl.destroy(stub.domid).ok).toBe(true);
    world.settle(9 * SECOND);
    expect(steps).toBe(then);
    expect(world.machine.domains.has(stub.domid)).toBe(false);
    expect(free()).toBe(before);
    expect(held).toBeDefined();
  });
});
