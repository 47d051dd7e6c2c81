/** The rooms of host/ that touch the outside: files, the kernel cache, questions and their answers. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Domid } from "../../src/abi/types.ts";
import { LastWords } from "../../src/host/last-words.ts";
import { fileNameFor, openLogs } from "../../src/host/logs.ts";
import { OUTSIDE_NANOS, Outside } from "../../src/host/outside.ts";
import { FileStore } from "../../src/host/unpacker.ts";
import { FakeClock } from "../support/fake-gate.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "xlab-outside-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("logs", () => {
  test("bytes are in the file in the order they were given, over several lives of a name", async () => {
    const complaints: string[] = [];
    const logs = openLogs(directory, (line) => complaints.push(line));
    let wanted = "";
    for (let n = 0; n < 3000; n++) {
      const text = `${n} ${"x".repeat(n % 70)}\n`;
      wanted += text;
      logs.console("guest").append(Buffer.from(text));
      if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await logs.close();
    expect(readFileSync(join(directory, "log/console/guest-guest.log"), "latin1")).toBe(wanted);
    const again = openLogs(directory, () => {});
    again.console("guest").line("more");
    await again.close();
    expect(readFileSync(join(directory, "log/console/guest-guest.log"), "latin1")).toBe(`${wanted}more\n`);
    expect(complaints).toEqual([]);
  });

  test("a monitor's log is fresh; ten old ones are kept", async () => {
    for (let life = 0; life < 13; life++) {
      const logs = openLogs(directory, () => {});
      logs.monitor("g").line(`life ${life}`);
      await logs.close();
    }
    const files = readdirSync(join(directory, "log")).filter((name) => name.startsWith("xl-g.log"));
    expect(files).toHaveLength(11);
    expect(readFileSync(join(directory, "log/xl-g.log"), "utf8")).toBe("life 12\n");
    expect(readFileSync(join(directory, "log/xl-g.log.10"), "utf8")).toBe("life 2\n");
  });

  test("a directory that cannot be written to is complained of once, and nothing breaks", async () => {
    writeFileSync(join(directory, "file"), "");
    const complaints: string[] = [];
    const logs = openLogs(join(directory, "file"), (line) => complaints.push(line));
    for (let n = 0; n < 5; n++) {
      logs.hypervisor.line("x");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await logs.close();
    expect(complaints).toHaveLength(1);
  });

  test("names are tamed", () => {
    expect(fileNameFor("../../etc/x")).toBe(".._.._etc_x");
    expect(fileNameFor("..")).toBe("_..");
    expect(fileNameFor("")).toBe("_");
    expect(fileNameFor("a\nb\u0000c")).toBe("a_b_c");
    expect(Buffer.byteLength(fileNameFor("ü".repeat(500)))).toBeLessThanOrEqual(200);
  });
});

describe("questions to the outside", () => {
  test("warp: the answer comes at the instant fixed when it was asked, and time may not pass it before", async () => {
    const clock = new FakeClock();
    const held: (number | undefined)[] = [];
    const hold = (until: number | undefined): void => void held.push(until);
    const outside = new Outside({ clock, mode: "warp", hold, kick: () => {}, failed: () => {} });
    let open: (value: string) => void = () => {};
    const heard: [string, number][] = [];
    outside.ask(
      () =>
        new Promise<string>((resolve) => {
          open = resolve;
        }),
      (value) => heard.push([value, clock.now()]),
    );
    expect(outside.barrier()).toBe(OUTSIDE_NANOS);
    open("late");
    await new Promise((resolve) => setImmediate(resolve));
    expect(outside.barrier()).toBeUndefined();
    expect(heard).toEqual([]);
    clock.run(2 * OUTSIDE_NANOS);
    expect(heard).toEqual([["late", OUTSIDE_NANOS]]);
    expect(held).toEqual([OUTSIDE_NANOS, undefined]);
  });

  test("real: the answer comes when it is there; a failure is told", async () => {
    const clock = new FakeClock();
    let kicked = 0;
    const failures: unknown[] = [];
    const kick = () => void kicked++;
    const hold = (): void => {};
    const outside = new Outside({ clock, mode: "real", hold, kick, failed: (error) => failures.push(error) });
    const heard: string[] = [];
    outside.ask(
      () => Promise.resolve("x"),
      (value) => heard.push(value),
    );
    outside.ask(
      () => Promise.reject(new Error("no")),
      () => {},
    );
    await new Promise((resolve) => setImmediate(resolve));
    clock.run(0);
    expect([heard, kicked, failures.length, outside.barrier()]).toEqual([["x"], 1, 1, undefined]);
  });
});

test("last words: what Xen said, or the kernel's last cry, in one tame line", () => {
  const words = new LastWords();
  for (const line of [
    "(XEN) domain_crash: d3: the guest has no handler for #UD",
    "(XEN) Domain 3 (vcpu#0) crashed on cpu#0:",
    "(XEN) RIP:    e033:[<ffffffff80100000>] start+0x0",
    "(XEN) Domain 4 (vcpu#0) crashed on cpu#1:",
    "(XEN) RIP:    e033:[<ffffffff81000000>]",
  ]) {
    words.hear(line);
  }
  const console = Buffer.from(
    "[    4.1] booting\n[    4.147994] Kernel panic - not syncing: \u001b[31msysrq\n[ 4.2] ---[ end Kernel panic - not syncing ]---\n",
  );
  expect(words.of(Domid(3), console)).toBe(
    "the guest has no handler for #UD, at e033:[<ffffffff80100000>] start+0x0",
  );
  expect(words.of(Domid(4), console)).toBe("Kernel panic - not syncing: sysrq");
  expect(words.of(Domid(4), new Uint8Array())).toBe("it reported a crash, at e033:[<ffffffff81000000>]");
  expect(words.of(Domid(5), new Uint8Array())).toBeUndefined();
});

test("equal files are held once", () => {
  const store = new FileStore();
  const one = Uint8Array.of(1, 2, 3);
  expect(store.intern(one)).toBe(one);
  expect(store.intern(Uint8Array.of(1, 2, 3))).toBe(one);
  expect(store.intern(Uint8Array.of(1, 2, 4))).not.toBe(one);
});
