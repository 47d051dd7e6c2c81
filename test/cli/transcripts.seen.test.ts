/** Whole commands beside the real xl's transcripts: bin/xl is run, the host behind it answers what that machine had. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Domid } from "../../src/abi/types.ts";
import { Nanos } from "../../src/lib/brand.ts";
import { fakeDom0, fakeDomain, type ServedMachine, serveMachine } from "./fake-machine.ts";
import { configPath, goldenExists, noGolden, readTranscript } from "./golden.ts";
import { runCommand } from "./run-command.ts";

let served: ServedMachine;
beforeAll(async () => {
  served = await serveMachine();
});
afterAll(() => served.close());

const xl = (...args: string[]) => runCommand({ state: served.state }, "xl", ...args);

/** The words of a transcript's command line, as the shell took them apart. */
const words = (command: string): string[] => command.split(" ").slice(1);

/** dom0's CPU seconds, which the transcript's machine had used by then. */
const secondsIn = (stdout: string): number =>
  Number(/^\S+ .*?([0-9]+\.[0-9])(?: |$)/m.exec(stdout)?.[1] ?? 0);

describe.skipIf(!goldenExists)(`beside the real xl (${noGolden})`, () => {
  it.each([
    "dom0/list.txt",
    "dom0/list-0.txt",
    "dom0/list-Domain-0.txt",
    "dom0/list-v.txt",
    "dom0/list-n.txt",
    "dom0/list-vn.txt",
    "dom0/list-c.txt",
    "dom0/list-99.txt",
    "dom0/list-nosuch.txt",
    "dom0/domid-0.txt",
    "dom0/domid-Domain-0.txt",
    "dom0/domid-nosuch.txt",
    "dom0/domname-0.txt",
    "dom0/domname-77.txt",
    "dom0/destroy-99.txt",
    "dom0/pause-99.txt",
    "dom0/pause-nosuch.txt",
    "dom0/unpause-99.txt",
    "dom0/console-0.txt",
    "dom0/console-99.txt",
    "dom0/console-nosuch.txt",
    "dom0/info-x.txt",
    "console/guest-bad-type.txt",
    "help/xl-bogus.txt",
    "help/xl-bogus-global-opt.txt",
    "help/xl-dash-h.txt",
    "help/xl-dash-V.txt",
    "help/xl-dashdash-help.txt",
    "help/xl-dashdash-version.txt",
    "help/xl-dashN-list.txt",
    "help/xl-dashN-destroy.txt",
    "help/xl-dashT-list.txt",
    "help/xl-dasht-list.txt",
    "help/xl-dashf-list.txt",
    "help/xl-dashv-list.txt",
    "help/xl-abbrev-li.txt",
    "help/xl-abbrev-ambiguous-s.txt",
    "help/xl-abbrev-ambiguous-vcpu.txt",
    "help/xl-help-bogus.txt",
    "help/xl-help-long.txt",
    "help/xl-list-bogus-opt.txt",
    "help/xl-list-bogus-short.txt",
    "help/xl-create-noarg.txt",
    "create/kv-only.txt",
    "create/n-dash.txt",
  ])("%s: to the byte", async (path) => {
    const { command, stdout, stderr, status } = readTranscript(path);
    served.machine.domains = [fakeDom0(secondsIn(stdout))];
    const answer = await xl(...words(command.replace(/ < .*/, "")));
    expect(answer).toEqual({ stdout, stderr, status, signal: null });
  });

  it.each(["dom0/info.txt", "dom0/info-n.txt"])("%s: to the byte, but for dom0's uname", async (path) => {
    const { command, stdout } = readTranscript(path);
    // The real machine's node spans a hole, which our memory does not have.
    const comparable = (text: string): string =>
      text.replace(/^(host|release|version) +: .*$/gm, "$1").replace(/^( +0: +)(5120|4095)( .*)$/m, "$1N$3");
    const answer = await xl(...words(command));
    expect(comparable(answer.stdout)).toBe(comparable(stdout));
    expect(answer).toMatchObject({ stderr: "", status: 0 });
  });

  it("misc/long-name.txt: a long name pushes its columns", async () => {
    const name = "a-very-long-domain-name-of-more-than-forty-characters-xyz";
    served.machine.domains = [
      fakeDomain(197, name, {
        totPages: 4096,
        blocked: true,
        handle: uuid("f7789ef995d94bd6b5b8b3ba80cf4101"),
      }),
    ];
    const rows = (await xl("list", "-v")).stdout.split("\n");
    expect(rows[1]).toBe(
      `${name}   197    16     1     -b----       0.0 f7789ef9-95d9-4bd6-b5b8-b3ba80cf4101        -                -`,
    );
  });

  it.each([
    ["create/missing.txt", "/guests/nosuch.cfg", "nosuch.cfg"],
    ["create/directory.txt", "/guests", "."],
  ])("%s", async (path, theirs, ours) => {
    const { stderr, status } = readTranscript(path);
    const answer = await runCommand({ state: served.state, cwd: served.state }, "xl", "create", "-n", ours);
    expect(answer).toMatchObject({ stdout: "", stderr: stderr.replaceAll(theirs, ours), status });
  });

  it.each([
    ["create/n-tiny.txt", ["-n"]],
    ["create/n-d-pv.txt", ["-n", "-d"]],
    ["create/n-q-pv.txt", ["-n", "-q"]],
    ["create/n-f-option.txt", ["-n", "-f"]],
  ])("%s: the dry run needs no host", async (path, options) => {
    const { stdout, stderr, status } = readTranscript(path);
    const config = configPath(/pv/.test(path) ? "pv.cfg" : "tiny.cfg");
    const answer = await runCommand({ state: "/nowhere" }, "xl", "create", ...options, config);
    const masked = (json: string): string => json.replace(/"uuid": ".*"/, "");
    expect({ ...answer, stdout: masked(answer.stdout) }).toEqual({
      stdout: masked(stdout),
      stderr: stderr.replace(/\/guests\/\S+/, config),
      status,
      signal: null,
    });
  });

  it("create/n-two-files.txt: one file too many is answered with help", async () => {
    const answer = await xl("create", "-n", configPath("tiny.cfg"), configPath("pv.cfg"));
    expect(answer).toMatchObject({ stderr: "", status: readTranscript("create/n-two-files.txt").status });
    expect(answer.stdout).toMatch(/^Usage: xl \[-vtTfN] create <ConfigFile> \[options] \[vars]\n/);
  });
});

const uuid = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

describe("states", () => {
  it.each([
    [{ running: true }, "r-----"],
    [{ blocked: true }, "-b----"],
    [{ paused: true }, "--p---"],
    [{}, "------"],
    [{ shutdown: true, shutdownCode: 0 }, "---s--"],
    [{ shutdown: true, shutdownCode: 1 }, "---sr-"],
    [{ shutdown: true, shutdownCode: 2 }, "---ss-"],
    [{ shutdown: true, shutdownCode: 3 }, "---sc-"],
    [{ shutdown: true, shutdownCode: 4 }, "---sw-"],
    [{ shutdown: true, shutdownCode: 5 }, "---sS-"],
    [{ shutdown: true, shutdownCode: 77 }, "---s?-"],
    [{ dying: true }, "-----d"],
    [{ shutdown: true, shutdownCode: 3, dying: true }, "---scd"],
  ])("%j is %s", async (flags, state) => {
    served.machine.domains = [fakeDomain(5, "g", { ...flags, cpuTime: Nanos(12_345_678_900) })];
    expect((await xl("list")).stdout.split("\n")[1]).toBe(
      `g                                            5    16     1     ${state}      12.3`,
    );
  });

  it("a domain that xenstore has forgotten is (null)", async () => {
    served.machine.domains = [fakeDomain(5, undefined, { dying: true })];
    expect((await xl("list")).stdout.split("\n")[1]).toMatch(/^\(null\) {34} +5 /);
  });
});

describe("create", () => {
  const config = (name: string, text: string): string => {
    const path = join(served.state, name);
    writeFileSync(path, text);
    return path;
  };

  it("hands the host the same config that it showed", async () => {
    const path = config("a.cfg", 'name="a"\nkernel="k"\nmemory=64\n');
    served.machine.domains = [fakeDom0(1)];
    served.machine.log = ["libxl: info: something"];
    const answer = await xl("create", "-d", "-p", path, "memory=32");
    served.machine.log = [];
    expect(answer).toMatchObject({ status: 0, stdout: "" });
    expect(answer.stderr).toMatch(
      new RegExp(`^Parsing config from ${path}\n\\{\n.*\n\\}\nlibxl: info: something\n$`, "s"),
    );
    const made = served.machine.created.at(-1);
    expect(made?.config).toMatchObject({ name: "a", kernel: "k", memory: { targetKib: 32 * 1024 } });
    expect(made?.paused).toBe(true);
    const shown = /"uuid": "(.*)"/.exec(answer.stderr)?.[1]?.replaceAll("-", "");
    expect(Buffer.from(made?.config.uuid ?? []).toString("hex")).toBe(shown);
    // A kernel that is not there is found out by the host, once creation has begun.
    expect(made?.files.kernel).toEqual({ path: "k", unreadable: "No such file or directory" });
  });

  it.each([
    ["-e", "none"],
    ["-q", undefined],
  ])("with %s the monitor is %s", async (option, monitor) => {
    served.machine.domains = [fakeDom0(1)];
    await xl("create", option, config("e.cfg", 'name="e"\nkernel="k"\n'));
    expect(served.machine.created.at(-1)?.monitor).toBe(monitor);
  });

  it("xl's lines come first, ours last", async () => {
    const { XlError } = await import("../../src/toolstack/error.ts");
    served.machine.createFails = new XlError(
      3,
      ["libxl: error: one", "libxl: error: two"],
      "because of three",
    );
    const path = config("f.cfg", 'name="f"\nkernel="k"\n');
    const answer = await xl("create", "-q", path);
    served.machine.createFails = undefined;
    expect(answer).toMatchObject({
      status: 3,
      stdout: "",
      stderr: "libxl: error: one\nlibxl: error: two\nxlab: because of three\n",
    });
  });

  it("a config on the command line alone", async () => {
    served.machine.domains = [fakeDom0(1)];
    const answer = await xl("create", "/dev/null", 'name="z"', 'kernel="k"');
    expect(answer).toMatchObject({ status: 0, stderr: "Parsing config from /dev/null\n" });
  });
});

describe("domain 0", () => {
  it("is not destroyed for the asking", async () => {
    expect(await xl("destroy", "0")).toMatchObject({
      status: 1,
      stderr:
        "Not destroying domain 0; use -f to force.\nThis can only be done when using a disaggregated hardware domain and toolstack.\n\n",
    });
  });

  it("is what an empty name means", async () => {
    served.machine.domains = [fakeDom0(1)];
    expect((await xl("list", "")).stdout).toMatch(/^Name.*\nDomain-0 /);
  });
});

describe("a command that is xl's and not modelled", () => {
  it("is answered in xl's words, and in ours", async () => {
    expect(await xl("remus", "a", "b")).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "command not implemented\nxlab: `remus' is a command of xl's that xlab does not model yet\n",
    });
  });
});

describe("xm", () => {
  it("is the same, under its own name", async () => {
    served.machine.domains = [fakeDom0(1), fakeDomain(Domid(1), "g")];
    const answer = await runCommand({ state: served.state }, "xm", "list", "g");
    expect(answer.stdout.split("\n")[1]).toMatch(/^g +1 +16/);
    expect((await runCommand({ state: served.state }, "xm", "help")).stdout).toMatch(/^Usage xm /);
  });
});
