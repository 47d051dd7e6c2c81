/** A domain's life through dom0's Gate, its vCPUs, and calls about itself. */
import { beforeEach, describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { DOMID_0, Domid } from "../../../src/abi/types.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { crashDomain } from "../../../src/xen/domain/crash.ts";
import { emptyContext, FIRST, makeWorld, must, type TestGuest, type World } from "../support/world.ts";

let world: World;
let guest: TestGuest;
beforeEach(() => {
  world = makeWorld();
  guest = world.guest({ vcpus: 2 });
});
const wanted = {
  handle: new Uint8Array(16),
  type: "pv",
  maxVcpus: 1,
  maxEvtchnPort: 9,
  maxGrantFrames: 1,
  maxMaptrackFrames: 1,
} as const;
const info = (who = guest) => must(world.dom0.domctl.getInfo(who.domid));

describe("create", () => {
  test("ids follow the last one handed out, a chosen one does not count", () => {
    expect(guest.domid).toBe(1);
    expect(must(world.dom0.domctl.create({ ...wanted, domid: Domid(7) }))).toBe(7);
    expect(must(world.dom0.domctl.create(wanted))).toBe(2);
  });
  test.each([
    ["a taken id", { domid: Domid(1) }, "EEXIST"],
    ["a reserved id", { domid: Domid(0x7ff0) }, "EINVAL"],
    ["no vCPU", { maxVcpus: 0 }, "EINVAL"],
    ["too many", { maxVcpus: 8193 }, "EINVAL"],
    ["a type that is not here", { type: "hvm" as const }, "EINVAL"],
    ["a uuid of 3 bytes", { handle: new Uint8Array(3) }, "EINVAL"],
  ])("%s is refused", (_, change, errno) => {
    expect(world.dom0.domctl.create({ ...wanted, ...change })).toEqual({ ok: false, errno });
  });
});

test("pauses nest; a fresh one is paused and neither blocked nor running", () => {
  const fresh = must(world.dom0.domctl.create(wanted));
  expect(must(world.dom0.domctl.getInfo(fresh))).toMatchObject({
    paused: true,
    blocked: false,
    running: false,
    onlineVcpus: 0,
  });
  must(world.dom0.domctl.pause(guest.domid));
  must(world.dom0.domctl.unpause(guest.domid));
  expect(info().paused).toBe(true);
  must(world.dom0.domctl.unpause(guest.domid));
  expect(info().paused).toBe(false);
  expect(world.dom0.domctl.unpause(guest.domid)).toEqual({ ok: false, errno: "EINVAL" });
  expect(world.dom0.domctl.unpause(Domid(99))).toEqual({ ok: false, errno: "ESRCH" });
});

test("running while on a pCPU, between slices too; blocked when it blocks", () => {
  guest.setProgram(
    0,
    (function* () {
      yield { run: 1_000_000 };
      yield guest.call("sched_op", 1, 0);
    })(),
  );
  guest.unpause();
  world.settle(500_000);
  expect(info()).toMatchObject({ running: true, blocked: false });
  world.settle(2_000_000);
  expect(info()).toMatchObject({ running: false, blocked: true });
  expect(info().cpuTime).toBeGreaterThan(1_000_000);
  expect(must(world.dom0.domctl.getInfo(DOMID_0))).toMatchObject({ running: true, onlineVcpus: 2 });
});

test("destroy: dying at once, gone when its memory is back, told by VIRQ_DOM_EXC; its id is free again", () => {
  const free = must(world.dom0.sysctl.physinfo()).freePages;
  const told: number[] = [];
  world.dom0.evtchn.onEvent(must(world.dom0.evtchn.bindVirq(3, 0)), () =>
    told.push(world.machine.domains.size),
  );
  guest.unpause();
  must(world.dom0.domctl.destroy(guest.domid));
  expect(info()).toMatchObject({ dying: true, running: false });
  world.settle();
  expect(told.at(-1)).toBe(1);
  expect(world.dom0.domctl.getInfo(guest.domid)).toEqual({ ok: false, errno: "ESRCH" });
  expect(must(world.dom0.sysctl.physinfo()).freePages).toBeGreaterThan(free);
  expect(must(world.dom0.domctl.create({ ...wanted, domid: guest.domid }))).toBe(guest.domid);
});

test("a domain without privilege is refused everything of domctl", () => {
  const xen = makeWorld();
  const poor = xen.guest();
  expect(poor.hypercall("domctl", poor.words(FIRST, 2, 0x15))).toBe("EPERM");
  expect(poor.hypercall("sysctl", poor.words(FIRST, 2, 0x15))).toBe("EPERM");
  expect(poor.hypercall("platform_op", poor.words(FIRST, 2, 0x0300_0001))).toBe("EPERM");
});

describe("shutdown", () => {
  test.each([0, 1, 2, 3, 4])("the guest's own, reason %i", (reason) => {
    expect(guest.hypercall("sched_op", 2, guest.words(FIRST, reason))).toBe(0);
    expect(info()).toMatchObject({ shutdown: true, shutdownCode: reason });
    expect(world.log.some((line) => line.includes("crashed on cpu"))).toBe(reason === SHUTDOWN.crash);
  });
  test("shutdown_code has the last word; remote_shutdown needs privilege", () => {
    expect(guest.hypercall("sched_op", 5, guest.words(FIRST, 1))).toBe(0);
    guest.hypercall("sched_op", 2, guest.words(FIRST, 0));
    expect(info().shutdownCode).toBe(1);
    const other = world.guest();
    expect(other.hypercall("sched_op", 4, other.words(FIRST, guest.domid, 0))).toBe("EPERM");
    expect(other.hypercall("sched_op", 4, other.words(FIRST, 99, 0))).toBe("ESRCH");
  });
  test("a watchdog that is not fed", () => {
    expect(guest.hypercall("sched_op", 6, guest.words(FIRST, 0, 5))).toBe(1);
    expect(guest.hypercall("sched_op", 6, guest.words(FIRST, 0, 5))).toBe(2);
    expect(guest.hypercall("sched_op", 6, guest.words(FIRST, 0, 5))).toBe("ENOSPC");
    expect(guest.hypercall("sched_op", 6, guest.words(FIRST, 1, 0))).toBe(0);
    expect(guest.hypercall("sched_op", 6, guest.words(FIRST, 3, 0))).toBe("EINVAL");
    expect(world.settle(4.9e9).state).toBe("idle");
    expect(info().shutdown).toBe(false);
    world.settle(5.1e9);
    expect(info()).toMatchObject({ shutdown: true, shutdownCode: SHUTDOWN.watchdog });
  });
});

describe("the watchdogs", () => {
  const watchdog = (id: number, timeout: number): number | string =>
    guest.hypercall("sched_op", 6, guest.words(FIRST, id, timeout));

  test("one that is set anew in time does not fire; the other has its own time", () => {
    expect([watchdog(0, 5), watchdog(0, 60)]).toEqual([1, 2]);
    for (let n = 1; n <= 4; n++) {
      world.machine.time.at(Nanos(n * 4e9), () => {}); // somebody for whom time passes
      world.settle(n * 4e9 + 1000);
      guest.vcpu.tscOffset = world.machine.time.ticks; // it comes onto a pCPU
      expect([watchdog(1, 5), info().shutdown]).toEqual([0, false]);
    }
    world.settle(60.1e9);
    expect(info()).toMatchObject({ shutdown: true, shutdownCode: SHUTDOWN.watchdog });
    expect(world.log).toContain(`(XEN) Watchdog timer fired for domain ${guest.domid}`);
  });
  test("one that is given back is free, and its id is given again", () => {
    expect([watchdog(0, 1), watchdog(1, 0), watchdog(1, 5), watchdog(0, 5)]).toEqual([1, 0, "EINVAL", 1]);
  });
  test("one of no seconds fires at once", () => {
    expect(watchdog(0, 0)).toBe(1);
    world.settle(1e6);
    expect(info().shutdown).toBe(true);
  });
  test("they do not fire for a domain that has shut down, or is gone", () => {
    expect(watchdog(0, 1)).toBe(1);
    guest.hypercall("sched_op", 2, guest.words(FIRST, SHUTDOWN.reboot));
    world.settle(2e9);
    expect(info().shutdownCode).toBe(SHUTDOWN.reboot);
    expect(world.log.filter((line) => line.includes("Watchdog"))).toEqual([]);
  });
});

test("a vCPU with a context takes another only upon the same tables and descriptors", () => {
  const again = (change: object) =>
    world.dom0.domctl.setVcpuContext(guest.domid, 0, { ...guest.context, ...change });
  expect(again({})).toMatchObject({ ok: true });
  for (const change of [
    { cr3: BigInt(guest.mfns[4] as number) << 12n },
    { cr3User: 0n },
    { gdtFrames: [guest.mfns[9] as number], gdtEntries: 512 },
    { ldtBase: guest.va(9), ldtEntries: 4 },
  ])
    expect(again(change)).toEqual({ ok: false, errno: "EOPNOTSUPP" });
  for (const change of [
    { ldtBase: 8n },
    { ldtBase: 0xffff_8000_0000_0000n },
    { vmAssist: 1n << 6n },
    { userRegs: { ...guest.context.userRegs, rsp: 1n << 50n } },
  ])
    expect(again(change)).toEqual({ ok: false, errno: "EINVAL" });
});

test("a crash is logged as Xen logs it, with code and stack", () => {
  must(
    world.dom0.domctl.setSymbols(guest.domid, [
      { address: guest.va(FIRST), name: "startup" },
      { address: guest.va(FIRST + 1), name: "end" },
    ]),
  );
  guest.context.userRegs.rip = guest.va(FIRST, 0x20);
  must(world.dom0.domctl.setVcpuContext(guest.domid, 0, guest.context));
  guest.poke(FIRST, 0x20, 0x0b0fn);
  guest.poke(FIRST, 0x800, guest.va(FIRST, 0x10));
  crashDomain(world.machine, guest.domain, "for a test");
  expect(world.log.slice(0, 4)).toEqual([
    "(XEN) domain_crash: d1: for a test",
    "(XEN) Domain 1 (vcpu#0) crashed on cpu#0:",
    "(XEN) ----[ Xen-4.17.7  x86_64  debug=n  Not tainted ]----",
    "(XEN) CPU:    0",
  ]);
  expect(world.log[4]).toBe("(XEN) RIP:    e033:[<ffff880000005020>] startup+0x20");
  expect(world.log[5]).toBe("(XEN) RFLAGS: 0000000000000202   EM: 1   CONTEXT: pv guest (d1v0)");
  expect(world.log.find((line) => line.includes("Code:"))).toContain("<0f> 0b 00");
  expect(world.log).toContain("(XEN) Guest stack trace from rsp=ffff880000005800:");
  expect(world.log).toContain("(XEN)    [<ffff880000005010>] startup+0x10");
  const lines = world.log.length;
  crashDomain(world.machine, guest.domain, "again");
  expect(world.log).toHaveLength(lines);
});

describe("vCPU contexts", () => {
  test("what was set is what is read", () => {
    const context = {
      ...guest.context,
      kernelSp: 0xffff_8800_0000_6000n,
      gsBaseKernel: 0x1000n,
      gsBaseUser: 0x2000n,
    };
    context.traps = [{ vector: 14, flags: 4, cs: 0xe033, address: 0xffff_8800_1234_5678n }];
    must(world.dom0.domctl.setVcpuContext(guest.domid, 0, context));
    const { fpu: _, ...got } = must(world.dom0.domctl.getVcpuContext(guest.domid, 0));
    expect(got).toMatchObject({
      kernelSp: context.kernelSp,
      gsBaseKernel: 0x1000n,
      gsBaseUser: 0x2000n,
      traps: context.traps,
      cr3: context.cr3,
    });
    expect(got.userRegs).toEqual(context.userRegs);
  });
  test.each([
    ["no table", { cr3: 0n }],
    ["a data page as table", { cr3: 0x7fff_f000n }],
    ["a RIP that is no address", { eventCallback: 0x8000_0000_0000_0000n }],
    ["too long a GDT", { gdtEntries: 7169 }],
    ["user mode without user tables", { flags: 0x20, cr3User: 0n }],
  ])("%s is EINVAL", (_, change) => {
    expect(
      world.dom0.domctl.setVcpuContext(guest.domid, 1, {
        ...emptyContext(),
        cr3: guest.context.cr3,
        ...change,
      }),
    ).toEqual({ ok: false, errno: "EINVAL" });
  });
});

describe("vcpu_op", () => {
  test("ids that are not there are ENOENT, for every command", () => {
    for (let command = 0; command < 16; command++)
      expect(guest.hypercall("vcpu_op", command, 2, 0)).toBe("ENOENT");
  });
  test.each([
    ["up without a context", 1, 1, "EINVAL"],
    ["is_up of one that is", 3, 0, 1],
    ["is_up of one that is not", 3, 1, 0],
    ["single shot of another", 8, 1, "EINVAL"],
    ["get_physid", 12, 0, "EINVAL"],
    ["no such command", 99, 0, "ENOSYS"],
    ["a pointer to nowhere", 4, 0, "EFAULT"],
  ])("%s", (_, command, id, answer) => expect(guest.hypercall("vcpu_op", command, id, 0x10n)).toBe(answer));
  test("down: the last one takes the domain with it", () => {
    expect(guest.hypercall("vcpu_op", 2, 0, 0)).toBe(0);
    expect(info()).toMatchObject({ shutdown: true, shutdownCode: SHUTDOWN.poweroff });
  });
  test("register_vcpu_info moves the live page, marks all pending, and works once", () => {
    const page = FIRST + 3;
    const register = (mfn: bigint, offset: number) => {
      guest.poke(FIRST, 0, mfn);
      guest.poke(FIRST, 8, BigInt(offset));
      return guest.hypercall("vcpu_op", 10, 0, guest.va(FIRST));
    };
    const mfn = BigInt(guest.mfns[page] as number);
    expect(register(mfn, 4096 - 63)).toBe("ENXIO");
    expect(register(BigInt(guest.mfns[0] as number), 0)).toBe("EINVAL"); // a page table
    expect(register(1n, 0)).toBe("EINVAL");
    expect(register(mfn, 0x100)).toBe(0);
    expect(register(mfn, 0x200)).toBe("EINVAL");
    expect(guest.peek(page, 0x100) & 0xffffn).toBe(0x101n); // pending, and masked as before
    expect(guest.peek(page, 0x108)).toBe(0xffff_ffff_ffff_ffffn);
    expect(guest.peek32(page, 0x138)).not.toBe(0); // tsc_to_system_mul
  });
  test("runstate: read, and kept in the guest's memory", () => {
    guest.poke(FIRST, 0, guest.va(FIRST + 2, 0x40));
    expect(guest.hypercall("vcpu_op", 5, 0, guest.va(FIRST))).toBe(0);
    guest.setProgram(
      0,
      (function* () {
        yield { run: 3_000_000 };
        yield guest.call("sched_op", 1, 0);
      })(),
    );
    guest.unpause();
    world.settle(10_000_000);
    expect(guest.peek32(FIRST + 2, 0x40)).toBe(2); // blocked
    expect(Number(guest.peek(FIRST + 2, 0x50))).toBeGreaterThan(2_999_999);
    expect(guest.hypercall("vcpu_op", 4, 0, guest.va(FIRST))).toBe(0);
  });
});

describe("multicall", () => {
  const entries = (...calls: [number, ...bigint[]][]): bigint => {
    calls.forEach(([op, ...args], i) => {
      guest.poke(FIRST, i * 64, BigInt(op));
      args.forEach((arg, n) => {
        guest.poke(FIRST, i * 64 + 16 + n * 8, arg);
      });
    });
    return guest.va(FIRST);
  };
  test("in order, each with its result, nesting refused", () => {
    const list = entries([17, 0n], [13, 0n, 0n], [3, 0xe02bn, 0x1234n], [11], [23]);
    expect(guest.hypercall("multicall", list, 5)).toBe(0);
    const results = [0, 1, 2, 3, 4].map((i) => BigInt.asIntN(64, guest.peek(FIRST, i * 64 + 8)));
    expect(results).toEqual([0x4_0011n, -22n, 0n, -38n, -38n]);
    expect(guest.vcpu.kernelSpLo).toBe(0x1234);
    expect(world.log.at(-1)).toContain("Multicall reentry is disallowed.");
  });
  test("a long list is carried on; a bad pointer ends it", () => {
    for (let i = 0; i < 200; i++) {
      guest.poke(FIRST + Math.floor(i / 64), (i % 64) * 64, 17n);
      guest.poke(FIRST + Math.floor(i / 64), (i % 64) * 64 + 16, 0n);
    }
    expect(guest.hypercall("multicall", guest.va(FIRST), 200)).toBe(0);
    expect(guest.peek(FIRST + 3, 7 * 64 + 8)).toBe(0x4_0011n);
    expect(guest.hypercall("multicall", 0x1000n, 1)).toBe("EFAULT");
    expect(guest.hypercall("multicall", 0x1000n, 0)).toBe(0);
  });
});

test("hypercalls that are not there", () => {
  for (const number of [11, 27, 31, 38, 39, 43, 63, 64, 1000]) expect(guest.hypercall(number)).toBe("ENOSYS");
  expect(guest.hypercall("console_io", 0, 4, guest.va(FIRST))).toBe("EPERM");
  expect(guest.hypercall("xenpmu_op")).toBe("EOPNOTSUPP");
});

test("SCHEDOP_poll sleeps until its deadline", () => {
  const port = guest.hypercall("event_channel_op", 7, guest.words(FIRST, 0, 0));
  expect(port).toBe(0);
  guest.poke(FIRST + 1, 0, guest.va(FIRST + 1, 64));
  guest.poke(FIRST + 1, 8, 1n);
  guest.poke(FIRST + 1, 16, 700_000n);
  guest.poke(FIRST + 1, 64, 1n);
  expect(guest.hypercall("sched_op", 3, guest.va(FIRST + 1))).toBe(0);
  expect(guest.vcpu.blocked).toBe(true);
  guest.unpause();
  guest.setProgram(
    0,
    (function* () {
      yield guest.call("sched_op", 2, guest.words(FIRST, 0));
    })(),
  );
  world.settle(699_999);
  expect(guest.domain.shutdown).toBeUndefined();
  world.settle(800_000);
  expect(guest.domain.shutdown).toEqual({ code: 0 });
  expect(world.machine.clock.now()).toBeGreaterThanOrEqual(Nanos(700_000));
});
