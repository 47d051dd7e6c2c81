/** Plans about domains that run: what is written into xenstore, and what libxl says when it cannot be. */
import { describe, expect, test } from "vitest";
import { Domid } from "../../../src/abi/types.ts";
import { XlError } from "../../../src/toolstack/error.ts";
import { awaitDeath, requestShutdown, sendSysrq } from "../../../src/toolstack/plan/control.ts";
import { destroyDomain } from "../../../src/toolstack/plan/destroy.ts";
import { renameDomain } from "../../../src/toolstack/plan/rename.ts";
import { setMaxMemory, setMemoryTarget } from "../../../src/toolstack/plan/set-memory.ts";
import { configNow } from "../../../src/toolstack/plan/stored-config.ts";
import { sendTrigger } from "../../../src/toolstack/plan/trigger.ts";
import { Bench, config, wish } from "./bench.ts";

function made(): Bench {
  const bench = new Bench();
  bench.create(wish({ memory: { targetKib: 16_384, maxKib: 32_768 } }));
  return bench;
}
const GUEST = Domid(1);

function linesOf(act: () => void): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof XlError) return error.lines;
    throw error;
  }
  throw new Error("it went through");
}

describe("control/shutdown", () => {
  test("is written, and done with when the guest empties it", () => {
    const bench = made();
    const asked = bench.start(requestShutdown(bench.dom0, GUEST, "reboot"));
    bench.machine.settle(59e9);
    expect(bench.xs.read("/local/domain/1/control/shutdown")).toBe("reboot");
    expect(asked.outcome).toBeUndefined();
    bench.xs.write("/local/domain/1/control/shutdown", "");
    bench.machine.settle();
    expect(asked.outcome).toEqual({ ok: true, value: undefined });
  });

  test("is given up after 60 s of the model's time", () => {
    const bench = made();
    const asked = bench.start(requestShutdown(bench.dom0, GUEST, "poweroff"));
    bench.machine.settle(61e9);
    expect(asked.outcome).toMatchObject({ ok: false, error: { exitCode: 1 } });
  });

  test("of a domain that goes meanwhile counts as heard", () => {
    const bench = made();
    const asked = bench.start(requestShutdown(bench.dom0, GUEST, "poweroff"));
    bench.machine.settle();
    bench.run(destroyDomain(bench.dom0, bench.recent, GUEST));
    expect(asked.outcome?.ok).toBe(true);
  });

  test("death is waited for", () => {
    const bench = made();
    const waiting = bench.start(awaitDeath(bench.dom0, GUEST));
    bench.machine.settle(1e9);
    expect(waiting.outcome).toBeUndefined();
    bench.run(destroyDomain(bench.dom0, bench.recent, GUEST));
    expect(waiting.outcome?.ok).toBe(true);
  });
});

test("sysrq is a letter in control/sysrq; a domain that is not there gets no nodes", () => {
  const bench = made();
  sendSysrq(bench.dom0, GUEST, "h");
  expect(bench.xs.read("/local/domain/1/control/sysrq")).toBe("h");
  expect(linesOf(() => sendSysrq(bench.dom0, Domid(9), "h"))).toEqual([]);
  expect(bench.xs.directory("/local/domain/9")).toBeUndefined();
});

test.each([
  [
    "power",
    "libxl: error: libxl_domain.c:2207:libxl_send_trigger: Domain 1:Send trigger 'power' failed: Invalid argument",
  ],
  [
    "reset",
    "libxl: error: libxl_domain.c:2207:libxl_send_trigger: Domain 1:Send trigger 'reset' failed: Function not implemented",
  ],
  [
    "s3resume",
    "libxl: error: libxl_domain.c:2162:domain_s3_resume_done: Domain 1:Send trigger 's3resume' failed, rc=-6",
  ],
] as const)("trigger %s is not for PV", (trigger, line) => {
  expect(linesOf(() => sendTrigger(made().dom0, GUEST, trigger, 0))).toEqual([line]);
});

describe("memory", () => {
  test("a new target stands in xenstore, and Xen's limit follows it", () => {
    const bench = made();
    setMemoryTarget(bench.dom0, GUEST, 20_480);
    expect(bench.xs.read("/local/domain/1/memory/target")).toBe("20480");
    expect(bench.xs.read("/vm/00112233-4455-6677-8899-aabbccddeeff/memory")).toBe("20");
    expect(bench.machine.domain(1).info.maxPages).toBe((20_480 + 1024) / 4);
  });

  test("a new maximum stands in xenstore, and in Xen", () => {
    const bench = made();
    setMaxMemory(bench.dom0, GUEST, 65_536);
    expect(bench.xs.read("/local/domain/1/memory/static-max")).toBe("65536");
    expect(bench.machine.domain(1).info.maxPages).toBe((65_536 + 1024) / 4);
  });

  test.each([
    [
      "target above maximum",
      (b: Bench) => setMemoryTarget(b.dom0, GUEST, 65_536),
      "memory_dynamic_max must be less than or equal to memory_static_max",
    ],
    [
      "maximum below target",
      (b: Bench) => setMaxMemory(b.dom0, GUEST, 8192),
      "memory_static_max must be greater than or or equal to memory_dynamic_max",
    ],
    [
      "nobody's target",
      (b: Bench) => setMemoryTarget(b.dom0, Domid(9), 8192),
      "Cannot get target memory info from /local/domain/9/memory/target",
    ],
    [
      "nobody's maximum",
      (b: Bench) => setMaxMemory(b.dom0, Domid(9), 8192),
      "Cannot get memory info from /local/domain/9/memory/target",
    ],
  ])("%s is refused", (_, act, words) => {
    expect(linesOf(() => act(made()))[0]).toContain(words);
  });
});

describe("names", () => {
  test("a new one stands in both places", () => {
    const bench = made();
    renameDomain(bench.dom0, GUEST, "guest", "guest", "other");
    expect(bench.xs.read("/local/domain/1/name")).toBe("other");
    expect(bench.xs.read("/vm/00112233-4455-6677-8899-aabbccddeeff/name")).toBe("other");
  });

  test("one that is taken, a race, nobody", () => {
    const bench = made();
    bench.create(wish({ name: "second" }));
    expect(linesOf(() => renameDomain(bench.dom0, GUEST, "guest", "guest", "second"))).toEqual([
      'libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain 1:Domain with name "second" already exists.',
      "Can't rename domain 'guest'.",
    ]);
    expect(linesOf(() => renameDomain(bench.dom0, GUEST, "x", "x", "y"))[0]).toContain(
      "Allegedly named `x' is actually named `guest' - racing ?",
    );
    expect(linesOf(() => renameDomain(bench.dom0, Domid(9), "9", undefined, "y"))).toEqual([
      "Can't rename domain '9'.",
    ]);
    expect(bench.xs.directory("/local/domain/9")).toBeUndefined();
  });
});

test("the next life has the name, memory and vCPUs of now", () => {
  const bench = new Bench();
  bench.create(wish({ maxVcpus: 4, vcpus: 4 }));
  renameDomain(bench.dom0, GUEST, "guest", "guest", "other");
  setMemoryTarget(bench.dom0, GUEST, 8192);
  bench.xs.write("/local/domain/1/cpu/3/availability", "offline");
  const before = config({ maxVcpus: 4, vcpus: 4 });
  expect(configNow(bench.dom0, GUEST, before)).toEqual({
    ...before,
    name: "other",
    memory: { targetKib: 8192, maxKib: 16_384 },
    vcpus: 3,
    cpuWeight: 256,
    cap: 0,
  });
});
