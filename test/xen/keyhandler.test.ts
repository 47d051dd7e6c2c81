/** Debug keys show the state that is there; the triggers and the soft reset of a PV domain. */
import { beforeEach, describe, expect, test } from "vitest";
import { SENDTRIGGER, SHUTDOWN } from "../../src/abi/hypercall.ts";
import { Domid } from "../../src/abi/types.ts";
import { shutdownDomain } from "../../src/xen/domain/shutdown.ts";
import { createGate } from "../../src/xen/gate.ts";
import { LogRing } from "../../src/xen/log.ts";
import { makeWorld, must, type TestGuest, type World } from "./support/world.ts";

let world: World;
let guest: TestGuest;
beforeEach(() => {
  world = makeWorld();
  guest = world.guest({ vcpus: 2 });
});

/** What Xen logs when these keys are pressed, without its prefix. */
function press(keys: string): string[] {
  const from = world.log.length;
  must(world.dom0.sysctl.debugKeys(keys));
  return world.log.slice(from).map((line) => line.replace(/^\(XEN\) /, ""));
}

describe("key", () => {
  test("h lists every key, and every key that is listed says something", () => {
    const listed = press("h").flatMap(
      (line) => /^ key '(.)' \(ascii '(..)'\) => (.+)$/.exec(line)?.slice(1) ?? [],
    );
    const keys = listed.filter((_, i) => i % 3 === 0);
    expect(keys.join("")).toBe("*0Hadeghmqrtu");
    expect(listed.filter((_, i) => i % 3 === 1)).toEqual(keys.map((key) => key.charCodeAt(0).toString(16)));
    for (const key of keys) expect(press(key).length).toBeGreaterThan(1);
  });

  test("an unknown one does nothing", () => {
    expect(press("ZX\u1234")).toEqual([]);
  });

  test("q shows each domain and its vCPUs, and sends VIRQ_DEBUG", () => {
    must(world.dom0.domctl.setMaxMem(guest.domid, 8192));
    must(world.dom0.domctl.pause(guest.domid));
    const said = press("q");
    const { totPages } = must(world.dom0.domctl.getInfo(guest.domid));
    const from = said.indexOf("General information for domain 1:");
    expect(said[0]).toMatch(/^'q' pressed -> dumping domain info \(now = \d+\)$/);
    expect(said[from + 1]).toBe("    dying=0 pause_count=2");
    expect(said[from + 2]).toBe(`    nr_pages=${totPages} xenheap_pages=2 dirty_cpus={} max_pages=2048`);
    expect(said).toContain("    DomPage list too long to display");
    expect(said.filter((line) => line.startsWith("    XenPage "))).toHaveLength(2);
    expect(said).toContain("  UNIT1 affinities: hard={0-1} soft={0-1}");
    expect(said).toContain("100 Hz periodic timer (period 10 ms)");
    expect(said.slice(-3)).toEqual([
      "Notifying guest 1:0 (virq 1, port 0)",
      "Notifying guest 1:1 (virq 1, port 0)",
      "Shared frames 0 -- Saved frames 0",
    ]);
  });

  test("e shows channels with both their ends", () => {
    const port = must(world.dom0.evtchn.allocUnbound(guest.domid, Domid(0)));
    expect(press("e")).toContain(`    ${String(port).padStart(4)} [0/0/0]: s=2 n=0 x=0 d=0`);
    const mine = must(world.dom0.evtchn.bindInterdomain(guest.domid, port));
    const said = press("e");
    expect(said.some((line) => line.endsWith(`]: s=3 n=0 x=0 d=0 p=${mine}`))).toBe(true);
    expect(said.some((line) => line.endsWith(`]: s=3 n=0 x=0 d=1 p=${port}`))).toBe(true);
  });

  test("m and u account for every free frame", () => {
    const { freePages } = must(world.dom0.sysctl.physinfo());
    const heaps = press("m").flatMap((line) => /heap\[\d+]: (\d+)kB free/.exec(line)?.[1] ?? []);
    expect(heaps.reduce((sum, kib) => sum + Number(kib), 0)).toBe(freePages * 4);
    expect(press("u")).toContain(`NODE0 start->0 size->${64 * 256} free->${freePages}`);
  });

  test("t counts its samples", () => {
    expect(press("t")[0]).toBe("Synced stime skew: max=0ns avg=0ns samples=1 current=0ns");
    expect(press("t")[0]).toContain("samples=2");
  });

  test("debug keys are dom0's alone", () => {
    const gate = createGate(world.machine, guest.domain, new LogRing());
    expect(gate.sysctl.debugKeys("h")).toEqual({ ok: false, errno: "EPERM" });
  });
});

describe("XEN_DOMCTL_sendtrigger", () => {
  test("an NMI waits for the vCPU that it is sent to", () => {
    must(world.dom0.domctl.sendTrigger(guest.domid, SENDTRIGGER.nmi, 1));
    expect(guest.domain.vcpus.map(({ nmiPending }) => nmiPending)).toEqual([false, true]);
  });
  test.each([
    ["power", SENDTRIGGER.power, 0, "EINVAL"],
    ["sleep", SENDTRIGGER.sleep, 0, "EINVAL"],
    ["reset", SENDTRIGGER.reset, 0, "ENOSYS"],
    ["init", SENDTRIGGER.init, 0, "ENOSYS"],
    ["a number that is none", 77, 0, "ENOSYS"],
    ["an NMI for no vCPU", SENDTRIGGER.nmi, 2, "ESRCH"],
  ])("%s is refused", (_, trigger, vcpu, errno) => {
    expect(world.dom0.domctl.sendTrigger(guest.domid, trigger, vcpu)).toEqual({ ok: false, errno });
  });
});

test("a soft reset is refused to a PV domain, and what is left of it has no channels", () => {
  expect(world.dom0.domctl.softReset(guest.domid)).toEqual({ ok: false, errno: "EINVAL" });
  expect(guest.domain.shutdown).toBeUndefined();
  must(world.dom0.evtchn.allocUnbound(guest.domid, Domid(0)));
  shutdownDomain(world.machine, guest.domain, SHUTDOWN.soft_reset);
  expect(world.dom0.domctl.softReset(guest.domid)).toEqual({ ok: false, errno: "EINVAL" });
  expect(guest.domain.events.channels.every((channel) => channel === undefined)).toBe(true);
});
