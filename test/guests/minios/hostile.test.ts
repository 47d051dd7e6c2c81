/** A program that wants more than is its own: refused with an errno at every door, and the machine goes on. */
import { describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { Domid, Gfn, Gref, Mfn, Port } from "../../../src/abi/types.ts";
import type { MiniOs } from "../../../src/guests/minios/kernel.ts";
import { sleep } from "../../../src/guests/minios/threads.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { emptyContext } from "../../xen/support/world.ts";
import { makeStubWorld, SECOND, type Stub, type StubWorld } from "./support.ts";

interface Scene {
  readonly os: MiniOs;
  readonly world: StubWorld;
  readonly victim: Stub;
  readonly me: Domid;
}
type Answer = { readonly ok: boolean; readonly errno?: string };

const NOBODY = Domid(4242);
const ZERO = Domid(0);

/** Who asks what, and the errno that he hears. */
const ATTEMPTS: readonly [name: string, errno: string, act: (scene: Scene) => Answer][] = [
  [
    "map another's frame",
    "EPERM",
    ({ os, victim }) => os.gate.memory.mapForeign(victim.domid, victim.start.p2m[9] as Mfn, "read"),
  ],
  [
    "map another's frame as one's own",
    "EINVAL",
    ({ os, victim, me }) => os.gate.memory.mapForeign(me, victim.start.p2m[9] as Mfn, "write"),
  ],
  ["map dom0's frame", "EPERM", ({ os }) => os.gate.memory.mapForeign(ZERO, Mfn(1), "read")],
  [
    "map a frame of Xen's",
    "EINVAL",
    ({ os, me, world }) => os.gate.memory.mapForeign(me, Mfn(world.machine.frames.total - 1), "read"),
  ],
  [
    "map a frame that is none",
    "EINVAL",
    ({ os, me }) => os.gate.memory.mapForeign(me, Mfn(0xffff_ffff), "read"),
  ],
  [
    "map a frame without number",
    "EINVAL",
    ({ os, me }) => os.gate.memory.mapForeign(me, Number.NaN as Mfn, "write"),
  ],
  ["map a frame below zero", "EINVAL", ({ os, me }) => os.gate.memory.mapForeign(me, -1 as Mfn, "read")],
  ["map a frame of nobody's", "ESRCH", ({ os }) => os.gate.memory.mapForeign(NOBODY, Mfn(1), "read")],
  ["populate another", "EPERM", ({ os, victim }) => os.gate.memory.populate(victim.domid, Gfn(0), 1)],
  [
    "populate oneself beyond the limit",
    "ENOMEM",
    ({ os, me }) => os.gate.memory.populate(me, Gfn(5000), 1e9),
  ],
  ["claim memory", "EPERM", ({ os, me }) => os.gate.memory.claim(me, 1000)],
  ["tell another its memory map", "EPERM", ({ os, victim }) => os.gate.memory.setMemoryMap(victim.domid, [])],
  [
    "map a grant that was not given",
    "EINVAL",
    ({ os, victim }) => os.gate.gnttab.map(victim.domid, Gref(100), "read"),
  ],
  [
    "map the grant that dom0 has",
    "EINVAL",
    ({ os, victim }) => os.gate.gnttab.map(victim.domid, Gref(0), "write"),
  ],
  ["map a grant of nobody's", "ESRCH", ({ os }) => os.gate.gnttab.map(NOBODY, Gref(0), "read")],
  [
    "map a grant that cannot be",
    "EINVAL",
    ({ os, victim }) => os.gate.gnttab.map(victim.domid, Gref(0xffff_ffff), "read"),
  ],
  [
    "copy out of another",
    "EINVAL",
    ({ os, victim }) => os.gate.gnttab.copyFrom(victim.domid, Gref(1), 0, 16),
  ],
  [
    "copy into another",
    "EINVAL",
    ({ os, victim }) => os.gate.gnttab.copyTo(victim.domid, Gref(1), 0, new Uint8Array(16)),
  ],
  [
    "copy beyond a page",
    "EINVAL",
    ({ os, victim }) => os.gate.gnttab.copyFrom(victim.domid, Gref(1), 4090, 100),
  ],
  ["have a larger grant table than allowed", "EINVAL", ({ os }) => os.gate.gnttab.setupTable(1e9)],
  [
    "seed another's grants",
    "EPERM",
    ({ os, victim, me }) => os.gate.gnttab.seed(victim.domid, Gref(2), me, Gfn(1)),
  ],
  ["send on a port that is not open", "EINVAL", ({ os }) => os.gate.evtchn.send(Port(900))],
  ["send on a port that cannot be", "EINVAL", ({ os }) => os.gate.evtchn.send(Port(0xffff_ffff))],
  ["close a port that is not open", "EINVAL", ({ os }) => os.gate.evtchn.close(Port(900))],
  [
    "make a port of another's",
    "EPERM",
    ({ os, victim, me }) => os.gate.evtchn.allocUnbound(victim.domid, me),
  ],
  [
    "bind another's port to dom0",
    "EINVAL",
    ({ os, victim }) => os.gate.evtchn.bindInterdomain(victim.domid, victim.start.consolePort),
  ],
  ["bind a VIRQ that is none", "EINVAL", ({ os }) => os.gate.evtchn.bindVirq(99, 0)],
  ["bind a VIRQ on a vCPU that is not there", "ENOENT", ({ os }) => os.gate.evtchn.bindVirq(0, 7)],
  [
    "pin another's page table",
    "EPERM",
    ({ os, victim }) => os.gate.mmu.pinL4(victim.domid, victim.start.p2m[9] as Mfn),
  ],
  [
    "prepare another's page table",
    "EPERM",
    ({ os, victim }) => os.gate.mmu.prepareL4(victim.domid, victim.start.p2m[9] as Mfn),
  ],
  [
    "unpin another's page table",
    "EPERM",
    ({ os, victim }) => os.gate.mmu.unpin(victim.domid, victim.start.p2m[9] as Mfn),
  ],
  [
    "pin another's frame as one's own",
    "EINVAL",
    ({ os, victim, me }) => os.gate.mmu.pinL4(me, victim.start.p2m[9] as Mfn),
  ],
  [
    "number another's frame",
    "EINVAL",
    ({ os, victim }) => os.gate.mmu.setMachphys(victim.start.p2m[9] as Mfn, 1),
  ],
  [
    "make a domain",
    "EPERM",
    ({ os }) =>
      os.gate.domctl.create({
        handle: new Uint8Array(16),
        type: "pv",
        maxVcpus: 1,
        maxEvtchnPort: 1023,
        maxGrantFrames: 4,
        maxMaptrackFrames: 4,
      }),
  ],
  ["raise one's limit", "EPERM", ({ os, me }) => os.gate.domctl.setMaxMem(me, 1e6)],
  ["destroy another", "EPERM", ({ os, victim }) => os.gate.domctl.destroy(victim.domid)],
  ["destroy dom0", "EPERM", ({ os }) => os.gate.domctl.destroy(ZERO)],
  ["shut another down", "EPERM", ({ os, victim }) => os.gate.domctl.shutdown(victim.domid, 0)],
  ["pause another", "EPERM", ({ os, victim }) => os.gate.domctl.pause(victim.domid)],
  ["unpause another", "EPERM", ({ os, victim }) => os.gate.domctl.unpause(victim.domid)],
  ["look at another", "EPERM", ({ os, victim }) => os.gate.domctl.getInfo(victim.domid)],
  ["read another's registers", "EPERM", ({ os, victim }) => os.gate.domctl.getVcpuContext(victim.domid, 0)],
  [
    "set another's registers",
    "EPERM",
    ({ os, victim }) => os.gate.domctl.setVcpuContext(victim.domid, 0, emptyContext()),
  ],
  ["give another a program", "EPERM", ({ os, victim }) => os.gate.domctl.setProgram(victim.domid, () => {})],
  ["serve another", "EPERM", ({ os, victim, me }) => os.gate.domctl.setTarget(me, victim.domid)],
  ["soft-reset another", "EPERM", ({ os, victim }) => os.gate.domctl.softReset(victim.domid)],
  ["trigger another", "EPERM", ({ os, victim }) => os.gate.domctl.sendTrigger(victim.domid, 0, 0)],
  ["weigh oneself more", "EPERM", ({ os, me }) => os.gate.domctl.setSchedCredit(me, 65535, 0)],
  [
    "find another's shared_info",
    "EPERM",
    ({ os, victim }) => os.gate.domctl.getSharedInfoFrame(victim.domid),
  ],
  [
    "write another's hypercall page",
    "EPERM",
    ({ os, victim }) => os.gate.domctl.hypercallInit(victim.domid, victim.start.p2m[9] as Mfn),
  ],
  ["see the machine", "EPERM", ({ os }) => os.gate.sysctl.physinfo()],
  ["read the hypervisor's log", "EPERM", ({ os }) => os.gate.sysctl.readConsole(true)],
  ["press debug keys", "EPERM", ({ os }) => os.gate.sysctl.debugKeys("R")],
  ["resume another", "EPERM", ({ os, victim }) => os.gate.migration.resume(victim.domid)],
  ["see another's frame types", "EPERM", ({ os, victim }) => os.gate.migration.pageTypes(victim.domid, [1])],
  [
    "pin for another by migration",
    "EPERM",
    ({ os, victim }) => os.gate.migration.pin(victim.domid, victim.start.p2m[9] as Mfn, 4),
  ],
  ["raise a vCPU that is not there", "ENOENT", ({ os }) => os.gate.vcpu.up(31)],
  ["take the vCPU down that it runs on", "EBUSY", ({ os }) => os.gate.vcpu.down(0)],
  [
    "become what cannot run",
    "EINVAL",
    ({ os }) => os.gate.sched.become({ ...emptyContext(), cr3: 0xffff_f000n }),
  ],
];

function onStage(
  act: (scene: Scene) => void,
  done: (world: StubWorld, me: Stub, victim: Stub) => void,
): void {
  const world = makeStubWorld();
  const victim = world.stub(function* (os) {
    for (let i = 0; i < 100; i++) yield* sleep(os, SECOND / 10);
    return 0;
  });
  const me = world.stub(function* (os) {
    yield* sleep(os, SECOND);
    act({ os, world, victim, me: os.gate.domid });
    yield* sleep(os, SECOND);
    return 0;
  });
  world.settle(30 * SECOND);
  done(world, me, victim);
}

describe("a hostile program", () => {
  test.each(ATTEMPTS)("may not %s: %s", (_, errno, act) => {
    let heard: Answer = { ok: true };
    onStage(
      (scene) => {
        heard = act(scene);
      },
      (_world, me, victim) => {
        expect(heard).toMatchObject({ ok: false, errno });
        expect([me.end(), victim.end()]).toEqual([SHUTDOWN.poweroff, SHUTDOWN.poweroff]);
      },
    );
  });

  test("may not write to a frame that is a page table, not even its own", () => {
    let heard: Answer[] = [];
    onStage(
      ({ os, me }) => {
        const page = os.memory.allocPage();
        if (page === undefined) return;
        // While it is mapped writable it cannot become a table, and while it is a table it cannot be mapped writable.
        const early = os.gate.mmu.pinL4(me, page.mfn);
        os.memory.freePage(page);
        const pinned = os.gate.mmu.pinL4(me, page.mfn);
        heard = [
          early,
          pinned,
          os.gate.memory.mapForeign(me, page.mfn, "write"),
          os.gate.memory.mapForeign(me, page.mfn, "read"),
        ];
      },
      (_world, me) => {
        expect(heard.map(({ ok, errno }) => (ok ? "ok" : errno))).toEqual(["EINVAL", "ok", "EBUSY", "ok"]);
        expect(me.end()).toBe(SHUTDOWN.poweroff);
      },
    );
  });

  test.each([
    ["backwards", (os: MiniOs) => os.gate.charge("byte", -1e18)],
    ["nothing", (os: MiniOs) => os.gate.charge("byte", Number.NaN)],
    ["for ever", (os: MiniOs) => os.gate.charge("byte", Number.POSITIVE_INFINITY)],
  ])("that charges itself with work that goes %s changes nobody else's time", (_, act) => {
    let before = 0;
    onStage(
      ({ os }) => {
        before = os.now();
        act(os);
      },
      (world, _me, victim) => {
        expect(world.machine.clock.now()).toBeGreaterThan(before);
        expect(victim.end()).toBe(SHUTDOWN.poweroff);
      },
    );
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 0])("may set its timer to %d", (when) => {
    onStage(
      ({ os }) => os.gate.sched.setTimer(Nanos(when)),
      (_world, _me, victim) => expect(victim.end()).toBe(SHUTDOWN.poweroff),
    );
  });

  test("that writes to the hypervisor's log does not speak for others, or to a terminal", () => {
    const world = makeStubWorld();
    const lines: string[] = [];
    const stub = world.stub(
      function* (os) {
        os.gate.consoleWrite(`(XEN) domain_crash: d1: \u001b[2Jlies\nx${"y".repeat(10_000)}\n`);
        yield* sleep(os, 1000);
        return 0;
      },
      { log: (line) => lines.push(line) },
    );
    world.settle(SECOND);
    expect(lines).toEqual([
      `(d${stub.domid}) (XEN) domain_crash: d1: [2Jlies`,
      `(d${stub.domid}) x${"y".repeat(199)}`,
    ]);
  });

  test("that touches a page it has given back, or beyond its end, is the end of itself alone", () => {
    for (const act of [
      (os: MiniOs) => {
        const page = os.memory.allocPage();
        if (page === undefined) return;
        os.memory.freePage(page);
        page.frame.setUint32(0, 1);
      },
      (os: MiniOs) => os.memory.allocPage()?.frame.write(4090, new Uint8Array(9)),
      (os: MiniOs) => os.memory.allocPage()?.frame.getUint32(-4),
    ]) {
      onStage(
        ({ os }) => void act(os),
        (_world, me, victim) => expect([me.end(), victim.end()]).toEqual([SHUTDOWN.crash, SHUTDOWN.poweroff]),
      );
    }
  });

  test("whose door is used after its death hears errors, and nothing comes back to life", () => {
    const world = makeStubWorld();
    let os: MiniOs | undefined;
    const stub = world.stub(function* (mine) {
      os = mine;
      for (;;) yield* sleep(mine, 1e6);
    });
    world.settle(SECOND);
    if (os === undefined) throw new Error("it never ran");
    const { gate, start } = os;
    stub.detach();
    world.dom0.domctl.destroy(stub.domid);
    let ran = 0;
    const use = (): Answer[] => [
      gate.memory.mapForeign(gate.domid, start.p2m[9] as Mfn, "write"),
      gate.memory.populate(gate.domid, Gfn(0), 1),
      gate.evtchn.allocUnbound(gate.domid, ZERO),
      gate.evtchn.send(start.consolePort),
      gate.gnttab.setupTable(2),
      gate.gnttab.map(ZERO, Gref(0), "read"),
      gate.mmu.pinL4(gate.domid, start.p2m[9] as Mfn),
      gate.mmu.setMachphys(start.p2m[9] as Mfn, 1),
      gate.sched.become(emptyContext()),
    ];
    gate.sched.resume(() => ran++);
    gate.sched.setTimer(Nanos(world.machine.clock.now() + 1000));
    gate.charge("byte", 1000);
    world.settle(3 * SECOND);
    expect(use().map(({ ok }) => ok)).toEqual(Array(9).fill(false));
    gate.sched.resume(() => ran++);
    gate.sched.setTimer(Nanos(world.machine.clock.now() + 1000));
    gate.sched.shutdown(0);
    world.settle(9 * SECOND);
    expect(ran).toBe(0);
    expect(world.machine.domains.has(stub.domid)).toBe(false);
  });

  test("leaves nothing behind: after all attempts and its end every frame is free again", () => {
    const world = makeStubWorld();
    const free = (): number => {
      const info = world.dom0.sysctl.physinfo();
      return info.ok ? info.value.freePages : -1;
    };
    const victim = world.stub(function* (os) {
      for (;;) yield* sleep(os, SECOND);
    });
    world.settle(SECOND);
    const before = free();
    const me = world.stub(function* (os) {
      yield* sleep(os, 1000);
      for (const [, , act] of ATTEMPTS) act({ os, world, victim, me: os.gate.domid });
      for (;;) yield* sleep(os, SECOND);
    });
    world.settle(3 * SECOND);
    expect(me.end()).toBeUndefined();
    me.detach();
    world.dom0.domctl.destroy(me.domid);
    world.settle(9 * SECOND);
    expect(world.machine.domains.has(me.domid)).toBe(false);
    expect(free()).toBe(before);
    expect(victim.end()).toBeUndefined();
  });
});
