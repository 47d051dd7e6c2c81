/** Commands about domains that run, beside the real xl's transcripts: bin/xl, and behind it the toolstack's real plans. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Domid } from "../../src/abi/types.ts";
import { uptimeText } from "../../src/cli/commands/uptime.ts";
import { memoryKib } from "../../src/cli/memory-size.ts";
import { fakeDom0, fakeDomain, type ServedMachine, serveMachine } from "./fake-machine.ts";
import { goldenExists, noGolden, readTranscript } from "./golden.ts";
import { runCommand } from "./run-command.ts";

let served: ServedMachine;
beforeAll(async () => {
  served = await serveMachine();
  served.machine.domains = [fakeDom0(1), fakeDomain(2, "guest"), fakeDomain(15, "tiny")];
  served.machine.toolstack.addGuest(2, "guest");
  served.machine.toolstack.addGuest(15, "tiny");
});
afterAll(() => served.close());

const xl = (...args: string[]) => runCommand({ state: served.state }, "xl", ...args);
const words = (command: string): string[] => command.split(" ").slice(1);
/** Ours are for people; what is compared is xl's. */
const withoutOurs = (stderr: string): string => stderr.replace(/^xlab: .*\n/gm, "");
const store = () => served.machine.toolstack.bench.xs;

describe.skipIf(!goldenExists)(`beside the real xl (${noGolden})`, () => {
  it.each([
    "dom0/claims.txt",
    "dom0/config-update-nosuch.txt",
    "dom0/dump-core-nosuch.txt",
    "dom0/list-l-nosuch.txt",
    "dom0/mem-max-nosuch.txt",
    "dom0/mem-set-0-1024.txt",
    "dom0/mem-set-0-bad.txt",
    "dom0/mem-set-nosuch.txt",
    "dom0/reboot-nosuch.txt",
    "dom0/rename-0.txt",
    "dom0/rename-back.txt",
    "dom0/rename-nosuch.txt",
    "dom0/shutdown-0.txt",
    "dom0/shutdown-99.txt",
    "dom0/shutdown-noarg.txt",
    "dom0/shutdown-nosuch.txt",
    "dom0/trigger-nosuch.txt",
    "dom0/vm-list.txt",
    "pv/23-rename-existing.txt",
    "pv/24-rename-same.txt",
    "pv/28-mem-set-over.txt",
    "pv/30-mem-set-300m.txt",
    "pv/32-mem-max-500.txt",
    "pv/51-sysrq-h.txt",
    "pv/52-trigger-nmi.txt",
    "pv/53-trigger-bogus.txt",
    "pv/54-button-press.txt",
    "help/sub-noargs/sysrq.txt",
    "help/sub-noargs/trigger.txt",
    "help/sub-noargs/rename.txt",
    "help/sub-noargs/mem-set.txt",
    "help/sub-noargs/mem-max.txt",
    "help/sub-noargs/dump-core.txt",
    "help/sub-noargs/reboot.txt",
    "help/sub-noargs/button-press.txt",
    "help/sub-noargs/set-parameters.txt",
  ])("%s", async (path) => {
    const { command, stdout, stderr, status } = readTranscript(path);
    const before = served.machine.domains;
    if (path.startsWith("dom0/")) served.machine.domains = [fakeDom0(568.9)];
    // The transcripts call it guest2 while they rename it.
    const renamed = command.includes("guest2");
    if (renamed) served.machine.domains = [fakeDomain(2, "guest2")];
    if (renamed) store().write("/local/domain/2/name", "guest2");
    const answer = await xl(...words(command));
    if (renamed) store().write("/local/domain/2/name", "guest");
    served.machine.domains = before;
    expect({ ...answer, stderr: withoutOurs(answer.stderr) }).toEqual({
      stdout,
      stderr,
      status,
      signal: null,
    });
  });

  it.each(["dom0/shutdown-a-none.txt", "dom0/shutdown-a-and-name.txt"])("%s", async (path) => {
    const before = served.machine.domains;
    served.machine.domains = [fakeDom0(1)];
    const { command, stdout, stderr, status } = readTranscript(path);
    const answer = await xl(...words(command));
    const waiting = await xl("shutdown", "-a", "-w");
    served.machine.domains = before;
    expect(answer).toEqual({ stdout, stderr, status, signal: null });
    expect(waiting.stderr).toBe("Waiting for 0 domains\n");
  });

  it.each(["shutdown", "reboot"])(
    "misc/shutdown-uncooperative.txt: %s that nobody acknowledges",
    async (what) => {
      const answer = await xl(what, "guest");
      const doing = what === "shutdown" ? "Shutting down" : "Rebooting";
      expect({ ...answer, stderr: withoutOurs(answer.stderr) }).toEqual({
        stdout: "",
        stderr:
          `${doing} domain 2\nlibxl: error: libxl_domain.c:854:pvcontrol_cb: guest didn't acknowledge control request: -9\n` +
          `${what} failed (rc=-9)\n`,
        status: 1,
        signal: null,
      });
      expect(answer.stderr).toContain("\nxlab: ");
      expect(store().read("/local/domain/2/control/shutdown")).toBe(
        what === "shutdown" ? "poweroff" : "reboot",
      );
    },
  );

  it("life/shutdown-1-shutdown.txt, and -w and -ww: a guest that says yes and goes", async () => {
    const path = "/local/domain/15/control/shutdown";
    const watch = store().watch(path, () => {
      if ((store().read(path) ?? "") !== "") store().write(path, "");
    });
    served.machine.finish(15, { how: "shutdown", reason: 0 });
    const { command, stdout, stderr, status } = readTranscript("life/shutdown-1-shutdown.txt");
    expect(await xl(...words(command))).toEqual({ stdout, stderr, status, signal: null });
    expect((await xl("shutdown", "-w", "tiny")).stderr).toBe(
      "Shutting down domain 15\nWaiting for 1 domains\nDomain 15 has been shut down, reason code 0\n",
    );
    watch.cancel();
  });
});

describe("xl list -l", () => {
  it("misc/list-args.txt: dom0 first, then every guest of which something is kept", async () => {
    const { bench } = served.machine.toolstack;
    const { emptyDomainConfig } = await import("../../src/toolstack/config/libxl-types.ts");
    const libxl = emptyDomainConfig();
    libxl.c_info = { type: "pv", name: "guest", uuid: "x", run_hotplug_scripts: true };
    bench.dom0.userdata.store(Domid(2), { uuid: "x", libxl });
    const { stdout } = await xl("list", "-l");
    expect(stdout.endsWith("    }\n]\n\n")).toBe(true);
    const listed = JSON.parse(stdout) as { domid: number; config: { c_info: Record<string, unknown> } }[];
    expect(listed.map(({ domid }) => domid)).toEqual([0, 2]);
    expect(listed[1]?.config.c_info).toEqual({
      type: "pv",
      name: "guest",
      domid: 4294967295,
      uuid: "00112233-4455-6677-8899-aabbccddeeff",
      run_hotplug_scripts: "True",
    });
    expect((await xl("list", "-l", "guest")).stdout).toContain(
      '\n        "domid": 2,\n        "config": {\n',
    );
    expect(await xl("list", "-l", "99")).toMatchObject({
      status: 1,
      stderr: "Error: Domain '99' does not exist.\n",
    });
  });
});

describe("xl uptime", () => {
  it("pv/57-uptime.txt: of all, of some, and short", async () => {
    served.machine.toolstack.bench.machine.settle(16 * 60e9 + 2e9);
    const all = await xl("uptime");
    expect(all.stdout).toMatch(
      /^Name {32}ID Uptime\nDomain-0 {29}0 {2}0:1\d:\d\d\nguest {32}2 {2}0:1\d:\d\d\ntiny {32}15 {2}0:1\d:\d\d\n$/,
    );
    expect((await xl("uptime", "guest")).stdout.split("\n")).toHaveLength(3);
    expect((await xl("uptime", "-s")).stdout).toMatch(/^( \d\d:\d\d:\d\d up {2}0:\d\d, \S+ \(\d+\)\n){3}$/);
  });

  it.each([
    [5, false, " 0:00:05"],
    [3_600 * 26 + 61, false, "1 day,  2:01:01"],
    [86_400 * 12 + 3_600 * 13, true, "12 days, 13:00"],
  ])("%d s is %s", (seconds, short, text) => {
    expect(uptimeText(seconds, short)).toBe(text);
  });
});

describe("sizes", () => {
  it.each([
    ["100", 102_400n],
    ["1024m", 1_048_576n],
    ["2G", 2_097_152n],
    ["1t", 1_073_741_824n],
    ["4096k", 4096n],
    ["4096B", 4n],
    ["-1", -1024n],
    ["abc", undefined],
    ["12x", undefined],
    ["12mm", undefined],
    ["", undefined],
  ])("%j is %s KiB", (text, kib) => {
    expect(memoryKib(text)).toBe(kib);
  });
});
