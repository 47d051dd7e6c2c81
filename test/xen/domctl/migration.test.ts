import { beforeEach, describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { type MigrationCalls, PFINFO } from "../../../src/abi/migration.ts";
import { Domid, type Mfn } from "../../../src/abi/types.ts";
import type { VcpuGuestContext } from "../../../src/abi/vcpu-context.ts";
import { createGate } from "../../../src/xen/gate.ts";
import { LogRing } from "../../../src/xen/log.ts";
import type { Program } from "../support/scripted-engine.ts";
import { FIRST, makeWorld, must, type TestGuest, type World } from "../support/world.ts";

let world: World;
let guest: TestGuest;
let calls: MigrationCalls;
beforeEach(() => {
  world = makeWorld();
  guest = world.guest({ vcpus: 2 });
  calls = world.dom0.migration;
});

const extended = {
  syscall32Callback: 0n,
  syscall32Cs: 0xe033,
  syscall32DisablesEvents: false,
  sysenterCallback: 0n,
  sysenterCs: 0xe033,
  sysenterDisablesEvents: false,
};
const tsc = { mode: 0, khz: 0, nsec: 0, incarnation: 0 };

describe("who may not", () => {
  const each: [string, (calls: MigrationCalls, dom: Domid) => { ok: boolean; errno?: string }][] = [
    ["resume", (c, d) => c.resume(d)],
    ["page types", (c, d) => c.pageTypes(d, [1])],
    ["pin", (c, d) => c.pin(d, 1 as Mfn, 4)],
    ["get the extended context", (c, d) => c.getExtVcpuContext(d, 0)],
    ["set the extended context", (c, d) => c.setExtVcpuContext(d, 0, extended)],
    ["get the TSC", (c, d) => c.getTscInfo(d)],
    ["set the TSC", (c, d) => c.setTscInfo(d, tsc)],
    ["get the policy", (c, d) => c.getCpuPolicy(d)],
    ["audit a policy", (c, d) => c.auditCpuPolicy(d, { leaves: [], msrs: [] })],
  ];
  test.each(each)("%s: EPERM for a guest, ESRCH without a domain, EINVAL for dom0", (_, call) => {
    const own = createGate(world.machine, guest.domain, new LogRing()).migration;
    expect(call(own, guest.domid)).toEqual({ ok: false, errno: "EPERM" });
    expect(call(calls, Domid(77))).toEqual({ ok: false, errno: "ESRCH" });
    expect(call(calls, Domid(0))).toEqual({ ok: false, errno: "EINVAL" });
  });
  test("a guest does not read the M2P this way", () => {
    const own = createGate(world.machine, guest.domain, new LogRing()).migration;
    expect(own.machineToPhys(guest.mfns[7] as number)).toBeUndefined();
    expect(calls.machineToPhys(guest.mfns[7] as number)).toBe(7);
  });
});

test("a frame's type is its table's level while it is in use, pinned or not", () => {
  must(world.dom0.mmu.pinL4(guest.domid, guest.mfns[0] as Mfn));
  const shared = must(world.dom0.domctl.getSharedInfoFrame(guest.domid));
  const other = world.guest();
  const frames = [...guest.mfns.slice(0, 6), shared, other.mfns[9] as number, 0xffff_ffff];
  expect([...must(calls.pageTypes(guest.domid, frames))]).toEqual([
    PFINFO.L4TAB | PFINFO.LPINTAB,
    PFINFO.L3TAB,
    PFINFO.L2TAB,
    PFINFO.L1TAB,
    PFINFO.L4TAB,
    PFINFO.NOTAB,
    PFINFO.XTAB,
    PFINFO.XTAB,
    PFINFO.XTAB,
  ]);
});

test("a domain that has shut down goes on when resumed, with what its vCPU was told to answer", () => {
  let steps = 0;
  function* program(): Program {
    for (;;) {
      steps++;
      yield { run: 1_000 };
    }
  }
  guest.setProgram(0, program());
  must(world.dom0.domctl.shutdown(guest.domid, SHUTDOWN.suspend));
  must(world.dom0.domctl.unpause(guest.domid));
  world.settle(1_000_000);
  expect(steps).toBe(0);
  const context = must(world.dom0.domctl.getVcpuContext(guest.domid, 0));
  const answered: VcpuGuestContext = { ...context, userRegs: { ...context.userRegs, rax: 1n } };
  must(world.dom0.domctl.setVcpuContext(guest.domid, 0, answered));
  expect(must(world.dom0.domctl.getVcpuContext(guest.domid, 0))).toEqual({
    ...answered,
    fpu: expect.any(Uint8Array),
  });
  must(calls.resume(guest.domid));
  expect(must(world.dom0.domctl.getInfo(guest.domid)).shutdown).toBe(false);
  world.settle(2_000_000);
  expect(steps).toBeGreaterThan(0);
  must(world.dom0.domctl.shutdown(guest.domid, SHUTDOWN.poweroff));
  expect(must(world.dom0.domctl.getInfo(guest.domid))).toMatchObject({ shutdown: true, shutdownCode: 0 });
});

test("the extended context is what was set; an address that is none is EINVAL", () => {
  const wanted = { ...extended, sysenterCallback: guest.va(FIRST), sysenterDisablesEvents: true };
  must(calls.setExtVcpuContext(guest.domid, 1, wanted));
  expect(must(calls.getExtVcpuContext(guest.domid, 1))).toEqual(wanted);
  const bad = { ...extended, syscall32Callback: 0x8000_0000_0000_0000n };
  expect(calls.setExtVcpuContext(guest.domid, 1, bad)).toEqual({ ok: false, errno: "EINVAL" });
  expect(calls.setExtVcpuContext(guest.domid, 2, extended)).toEqual({ ok: false, errno: "ESRCH" });
});

test("a restored domain has one more incarnation; a TSC of another pace is told in the log", () => {
  must(calls.setTscInfo(guest.domid, { mode: 2, khz: 2_000_000, nsec: 5, incarnation: 3 }));
  expect(must(calls.getTscInfo(guest.domid))).toMatchObject({ mode: 2, incarnation: 4, khz: 1_000_000 });
  expect(world.log.at(-1)).toContain("TSC was 2000000 kHz, is 1000000 kHz here: not emulated");
  expect(calls.setTscInfo(guest.domid, { ...tsc, mode: 3 })).toEqual({ ok: false, errno: "EINVAL" });
});

describe("a CPU policy", () => {
  const policy = () => must(calls.getCpuPolicy(guest.domid));
  test("of this machine passes", () => {
    expect(calls.auditCpuPolicy(guest.domid, policy())).toEqual({ ok: true, value: undefined });
  });
  test.each([
    [
      "a feature that is not there",
      { leaf: 1, subleaf: 0xffff_ffff, c: 1 << 28 },
      { leaf: 1, subleaf: 0xffff_ffff },
    ],
    ["leaf 7's", { leaf: 7, subleaf: 0, b: 1 << 5 }, { leaf: 7, subleaf: 0 }],
    ["more leaves", { leaf: 0, subleaf: 0xffff_ffff, a: 0x20 }, { leaf: 0, subleaf: 0xffff_ffff }],
  ])("with %s is refused by its leaf", (_, leaf, fault) => {
    const leaves = [{ a: 0, b: 0, c: 0, d: 0, ...leaf }];
    expect(calls.auditCpuPolicy(guest.domid, { leaves, msrs: [] })).toEqual({ ok: true, value: fault });
  });
  test("with an MSR's bit that is not there is refused by its number", () => {
    const msrs = [{ idx: 0x10a, val: 1n }];
    expect(calls.auditCpuPolicy(guest.domid, { leaves: [], msrs })).toEqual({
      ok: true,
      value: { msr: 0x10a },
    });
  });
});
