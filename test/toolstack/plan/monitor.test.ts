/** What the monitor does and writes when a guest ends, beside real xl-NAME.logs (shared/golden/actions). */
import { describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { Domid } from "../../../src/abi/types.ts";
import type { DomainConfig, ShutdownAction } from "../../../src/toolstack/config/domain-config.ts";
import { destroyDomain } from "../../../src/toolstack/plan/destroy.ts";
import { monitorDomain } from "../../../src/toolstack/plan/monitor.ts";
import { utcMinute } from "../../../src/toolstack/utc.ts";
import { Bench, config, wish } from "./bench.ts";

function watched(more: Partial<DomainConfig> = {}) {
  const bench = new Bench();
  const wanted = wish(more);
  bench.create(wanted);
  const log: string[] = [];
  const monitor = bench.start(
    monitorDomain(
      { dom0: bench.dom0, recent: bench.recent, wish: wanted, log: (line) => log.push(line), pid: 77 },
      Domid(1),
    ),
  );
  bench.machine.settle();
  return { bench, log, monitor };
}

const on = (action: ShutdownAction): Partial<DomainConfig> => ({
  on: { ...config().on, poweroff: action, reboot: action, crash: action },
});
const domids = (bench: Bench): number[] => [...bench.machine.domains.keys()];

test("destroy", () => {
  const { bench, log, monitor } = watched(on("destroy"));
  bench.machine.guestShutsDown(1, SHUTDOWN.reboot);
  bench.machine.settle(5e9);
  expect(log).toEqual([
    "Waiting for domain guest (domid 1) to die [pid 77]",
    "Domain 1 has shut down, reason code 1 0x1",
    "Action for shutdown reason code 1 is destroy",
    "Domain 1 needs to be cleaned up: destroying the domain",
    "Done. Exiting now",
  ]);
  expect(monitor.outcome?.ok).toBe(true);
  expect(domids(bench)).toEqual([]);
});

test("restart, after two seconds, with a new domid and unpaused", () => {
  const { bench, log } = watched(on("restart"));
  bench.machine.guestShutsDown(1, SHUTDOWN.crash);
  bench.machine.settle(1.9e9);
  expect(domids(bench)).toEqual([]);
  bench.machine.settle(1e9);
  expect(log).toEqual([
    "Waiting for domain guest (domid 1) to die [pid 77]",
    "Domain 1 has shut down, reason code 3 0x3",
    "Action for shutdown reason code 3 is restart",
    "Domain 1 needs to be cleaned up: destroying the domain",
    "Done. Rebooting now",
    "Waiting for domain guest (domid 2) to die [pid 77]",
  ]);
  expect(domids(bench)).toEqual([2]);
  expect(bench.machine.domain(2).info.paused).toBe(false);
});

test("preserve", () => {
  const { bench, log } = watched(on("preserve"));
  bench.machine.guestShutsDown(1, SHUTDOWN.crash);
  bench.machine.settle(5e9);
  expect(log.slice(1)).toEqual([
    "Domain 1 has shut down, reason code 3 0x3",
    "Action for shutdown reason code 3 is preserve",
    "Done. Exiting now",
  ]);
  expect(domids(bench)).toEqual([1]);
  expect(bench.xs.read("/local/domain/1/name")).toBe("guest");
});

test("rename-restart keeps the dead one under another name and uuid; a second in the same minute does not fit", () => {
  const { bench, log, monitor } = watched(on("rename-restart"));
  bench.machine.guestShutsDown(1, SHUTDOWN.poweroff);
  bench.machine.settle(5e9);
  expect(domids(bench)).toEqual([1, 2]);
  const kept = bench.xs.read("/local/domain/1/name");
  expect(kept).toMatch(/^guest-\d{8}T\d{4}Z$/);
  expect(bench.xs.read("/local/domain/2/name")).toBe("guest");
  expect(bench.xs.read("/local/domain/1/vm")).not.toBe(bench.xs.read("/local/domain/2/vm"));
  bench.machine.guestShutsDown(2, SHUTDOWN.poweroff);
  bench.machine.settle(5e9);
  const suffix = kept?.slice("guest".length);
  expect(log).toEqual([
    "Waiting for domain guest (domid 1) to die [pid 77]",
    "Domain 1 has shut down, reason code 0 0x0",
    "Action for shutdown reason code 0 is rename-restart",
    `Preserving domain 1 guest with suffix${suffix}`,
    "Done. Rebooting now",
    "Waiting for domain guest (domid 2) to die [pid 77]",
    "Domain 2 has shut down, reason code 0 0x0",
    "Action for shutdown reason code 0 is rename-restart",
    `Preserving domain 2 guest with suffix${suffix}`,
    `libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain 2:Domain with name "guest${suffix}" already exists.`,
  ]);
  expect(monitor.outcome?.ok).toBe(true);
});

test("soft-reset ends, as on the real one for PV, without the domain", () => {
  const { bench, log } = watched(on("soft-reset"));
  bench.machine.guestShutsDown(1, SHUTDOWN.crash);
  bench.machine.settle(5e9);
  expect(log.slice(1, 4)).toEqual([
    "Domain 1 has shut down, reason code 3 0x3",
    "Action for shutdown reason code 3 is soft-reset",
    "Done. Rebooting now",
  ]);
  expect(log[4]).toContain("xlab: ");
  expect(domids(bench)).toEqual([]);
});

test("core dumps are said not to be there, and the rest is done", () => {
  const { bench, log } = watched(on("coredump-destroy"));
  bench.machine.guestShutsDown(1, SHUTDOWN.crash);
  bench.machine.settle(5e9);
  expect(log).toContain("dumping core to /var/lib/xen/dump/guest");
  expect(log).toContain("core dump failed (rc=-3).");
  expect(log.at(-1)).toBe("Done. Exiting now");
  expect(domids(bench)).toEqual([]);
});

test("destroyed from outside", () => {
  const { bench, log, monitor } = watched();
  bench.run(destroyDomain(bench.dom0, bench.recent, Domid(1)));
  expect(log).toEqual(["Waiting for domain guest (domid 1) to die [pid 77]", "Domain 1 has been destroyed."]);
  expect(monitor.outcome?.ok).toBe(true);
});

describe("other ends", () => {
  test("suspend", () => {
    const { bench, log } = watched();
    bench.machine.guestShutsDown(1, SHUTDOWN.suspend);
    bench.machine.settle(1e9);
    expect(log.slice(2)).toEqual(["Domain has suspended.", "Done. Exiting now"]);
    expect(domids(bench)).toEqual([1]);
  });
  test("a reason that nobody knows", () => {
    const { bench, log } = watched();
    bench.machine.guestShutsDown(1, 6);
    bench.machine.settle(1e9);
    expect(log.slice(2, 4)).toEqual([
      "Unknown shutdown reason code 6. Destroying domain.",
      "Action for shutdown reason code 6 is destroy",
    ]);
  });
  test("a restart that fails says why and ends", () => {
    const { bench, log, monitor } = watched(on("restart"));
    bench.machine.guestShutsDown(1, SHUTDOWN.reboot);
    bench.machine.freePages = 0;
    bench.machine.settle(1e9);
    bench.machine.freePages = 0;
    bench.machine.settle(3e9);
    expect(log.join("\n")).toContain("can't allocate low memory for domain");
    expect(log.at(-1)).toMatch(/^xlab: /);
    expect(monitor.outcome?.ok).toBe(true);
    expect(domids(bench)).toEqual([]);
  });
});

test("the minute in a name is UTC's", () => {
  for (const seconds of [0, 951_782_399, 951_782_400, 1_709_164_800, 1_795_361_329, 4_102_444_799]) {
    const iso = new Date(seconds * 1000).toISOString();
    expect(utcMinute(seconds)).toBe(`${iso.slice(0, 16).replace(/[-:]/g, "")}Z`);
  }
});
