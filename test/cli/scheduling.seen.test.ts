/** xl vcpu-*, sched-*: bin/xl against a machine with two pCPUs, dom0, and a guest of ours; the words are the real xl's. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Domid } from "../../src/abi/types.ts";
import { Host } from "../../src/host/host.ts";
import { type domainConfig, haveHello, helloRequest } from "../host/guest.ts";
import { type Served, serveHost } from "./fake-machine.ts";
import { goldenExists, noGolden, readTranscript } from "./golden.ts";
import { runCommand } from "./run-command.ts";

let served: Served<Host>;
beforeAll(async () => {
  served = await serveHost(await Host.start({ pcpus: 2, clock: "warp" }));
});
afterAll(async () => {
  await served.machine.stop();
  await served.close();
});

const xl = (...args: string[]) => runCommand({ state: served.state }, "xl", ...args);
/** The second and later vCPUs have no context: a guest starts them. */
const ROWS = [
  "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)",
  "guest                                1     0    0   ---       0.0  HARD / SOFT",
  "guest                                1     1    -   --p       0.0  HARD / SOFT",
  "",
].join("\n");
const rows = (hard: string, soft: string): string => ROWS.replaceAll("HARD", hard).replaceAll("SOFT", soft);

describe.skipIf(!haveHello)("of a guest with two vCPUs, paused", () => {
  const guest = Domid(1);
  beforeAll(async () => {
    await served.machine.create(helloRequest({ name: "guest", vcpus: 1, maxVcpus: 2 }, true));
  });
  beforeEach(() => {
    const { scheduling } = served.machine;
    scheduling.pinVcpu(guest, undefined, { hard: [0, 1], soft: [0, 1] });
    scheduling.setCredit(guest, 256, 0);
    scheduling.setCreditParams({ tsliceMs: 30, ratelimitUs: 1000, migrationDelayUs: 0 });
  });

  const says = (...lines: string[]): string => lines.map((line) => `${line}\n`).join("");
  const HEADER = "Name                                ID Weight  Cap";

  it.each<[string, string, string, number]>([
    ["vcpu-list guest", rows("all", "all"), "", 0],
    ["vcpu-list 1 1", rows("all", "all") + rows("all", "all").replace(/^.*\n/, ""), "", 0],
    [
      "vcpu-list nosuch",
      `${ROWS.split("\n")[0]}\n`,
      says("nosuch is an invalid domain identifier (rc=-6)"),
      1,
    ],
    ["vcpu-pin guest 0", "", says("'xl vcpu-pin' requires at least 3 arguments.", ""), 2],
    ["vcpu-pin guest 0 foo", "", says("Invalid pcpu range: foo."), 1],
    ["vcpu-pin guest 0 1-0", "", says("Invalid pcpu range: 1-0."), 1],
    ["vcpu-pin guest 0 0,^all", "", says('Can\'t combine "^" and "all".'), 1],
    ["vcpu-pin guest x 0", "", says("Error: Invalid argument x as VCPU."), 1],
    ["vcpu-pin guest -f all 0", "", says("Error: --force and 'all' as VCPU not allowed."), 1],
    ["vcpu-pin 77 0 0", "", says("Could not get domain info"), 1],
    [
      "vcpu-pin 77 0 - 0",
      "",
      says(
        "libxl: error: libxl_sched.c:62:libxl__set_vcpuaffinity: Domain 77:Setting vcpu affinity: No such process",
        "Could not set affinity for vcpu `0'.",
      ),
      1,
    ],
    [
      "vcpu-pin guest 5 0",
      "",
      says(
        "libxl: error: libxl_sched.c:62:libxl__set_vcpuaffinity: Domain 1:Setting vcpu affinity: Invalid argument",
        "Could not set affinity for vcpu `5'.",
      ),
      1,
    ],
    ["vcpu-pin guest 0 - -", "", says("Could not set affinity for vcpu `0'."), 1],
    ["-N vcpu-pin guest 0 0 all", "cpumap: 0 all\n", "", 0],
    ["-N vcpu-pin guest all - ^0", "cpumap: - none\n", "", 0],
    ["-N vcpu-pin guest all node:0,^1", "cpumap: 0\n", "", 0],
    ["vcpu-set guest x", "", says("Error: Invalid argument."), 1],
    [
      "vcpu-set guest 0",
      "",
      says(
        "libxl: error: libxl_domain.c:1863:libxl_set_vcpuonline: Domain 1:Requested 0 VCPUs!: No such file or directory",
        "libxl_set_vcpuonline failed domid=1 max_vcpus=0, rc: -3",
      ),
      1,
    ],
    [
      "vcpu-set -i guest 3",
      "",
      says(
        "libxl: error: libxl_domain.c:1869:libxl_set_vcpuonline: Domain 1:Requested 3 VCPUs, however maxcpus is 2!: No such file or directory",
        "libxl_set_vcpuonline failed domid=1 max_vcpus=3, rc: -3",
      ),
      1,
    ],
    ["sched-credit -s", "Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us\n", "", 0],
    [
      "sched-credit",
      says(
        "Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us",
        HEADER,
        "Domain-0                             0    256    0",
        "guest                                1    256    0",
      ),
      "",
      0,
    ],
    [
      "sched-credit -p Pool-0 -s",
      "Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us\n",
      "",
      0,
    ],
    ["sched-credit -p other", "", says("unknown cpupool 'other'"), 1],
    ["sched-credit -d guest", says(HEADER, "guest                                1    256    0"), "", 0],
    ["sched-credit -w 5", "", says("Must specify a domain."), 1],
    ["sched-credit -t 5", "", says("Must specify schedparam to set schedule parameter values."), 1],
    [
      "sched-credit -s -d guest",
      "",
      says("Specifying a cpupool or schedparam is not allowed with domain options."),
      1,
    ],
    ["sched-credit -d nosuch", "", says("nosuch is an invalid domain identifier (rc=-6)"), 1],
    [
      "sched-credit -d 77",
      says(HEADER),
      says(
        "libxl: error: libxl_sched.c:905:libxl_domain_sched_params_get: Domain 77:Unknown scheduler",
        "libxl_domain_sched_params_get failed.",
      ),
      1,
    ],
    [
      "sched-credit -d guest -w 0",
      "",
      says(
        "libxl: error: libxl_sched.c:238:sched_credit_domain_set: Domain 1:Cpu weight out of range, valid values are within range from 1 to 65535",
        "libxl_domain_sched_params_set failed.",
      ),
      1,
    ],
    [
      "sched-credit -d guest -c 201",
      "",
      says(
        "libxl: error: libxl_sched.c:248:sched_credit_domain_set: Domain 1:Cpu cap out of range, valid range is from 0 to 200 for specified number of vcpus",
        "libxl_domain_sched_params_set failed.",
      ),
      1,
    ],
    [
      "sched-credit -s -t 1001",
      "",
      says(
        "libxl: error: libxl_sched.c:311:libxl_sched_credit_params_set: Time slice out of range, valid range is from 1 to 1000",
        "libxl_sched_credit_params_set failed.",
      ),
      1,
    ],
    [
      "sched-credit -s -r 99",
      "",
      says(
        "libxl: error: libxl_sched.c:270:sched_ratelimit_check: Ratelimit out of range, valid range is from 100 to 500000",
        "libxl_sched_credit_params_set failed.",
      ),
      1,
    ],
    [
      "sched-credit -s -t 1 -r 1001",
      "",
      says(
        "libxl: error: libxl_sched.c:321:libxl_sched_credit_params_set: Ratelimit cannot be greater than timeslice",
        "libxl_sched_credit_params_set failed.",
      ),
      1,
    ],
    ["sched-credit2", "", "", 0],
    [
      "sched-credit2 -d guest",
      says(HEADER),
      says("libxl_domain_sched_params_get returned credit not credit2."),
      1,
    ],
    [
      "sched-credit2 -s",
      "Cpupool Pool-0: [sched params unavailable]\n",
      says(
        "libxl: error: libxl_sched.c:362:libxl_sched_credit2_params_get: getting Credit2 scheduler parameters: Invalid argument",
        "libxl_sched_credit2_params_get failed.",
      ),
      0,
    ],
    ["sched-rtds", "", "", 0],
    ["sched-rtds -v all", "", "", 0],
    ["sched-rtds -d guest -p 1", "", says("Must specify VCPU."), 1],
    [
      "sched-rtds -d guest -v 0 -p 1 -b 2 -e 0 -v 1",
      "",
      says("Incorrect number of period, budget and extratime"),
      1,
    ],
    ["sched-rtds -d guest -v 0 -e 2", "", says("Invalid extratime."), 1],
    [
      "sched-rtds -d guest -v 0 -p 100 -b 10 -e 0",
      "",
      says(
        "libxl: error: libxl_sched.c:653:sched_rtds_vcpu_set: Domain 1:Setting vcpu sched rtds: Invalid argument",
        "libxl_vcpu_sched_params_set failed.",
      ),
      1,
    ],
  ])("xl %s", async (command, stdout, stderr, status) => {
    const answer = await xl(...command.split(" "));
    if (command === "vcpu-pin guest 0") {
      expect(answer).toMatchObject({ stderr, status }); // help is on stdout
      return;
    }
    const own = /^xlab: .*\n/gm;
    expect({ ...answer, stderr: answer.stderr.replace(own, "") }).toEqual({
      stdout,
      stderr,
      status,
      signal: null,
    });
  });

  it.each<[string, string, string]>([
    ["vcpu-pin guest 0 1 0", "1 / 0", "all / all"],
    ["vcpu-pin guest all 0 -", "0 / all", "0 / all"],
    ["vcpu-pin guest 1 - 1", "all / all", "all / 1"],
    ["vcpu-pin guest 1 all ^0", "all / all", "all / none"],
  ])("%s", async (command, first, second) => {
    expect(await xl(...command.split(" "))).toMatchObject({ status: 0, stdout: "", stderr: "" });
    const [, one = "", two = ""] = (await xl("vcpu-list", "guest")).stdout.split("\n");
    expect([one.slice(67), two.slice(67)]).toEqual([first, second]);
  });

  it("weight, cap and slice are what was set", async () => {
    expect(await xl("sched-credit", "-d", "guest", "--weight=512", "-c", "150")).toMatchObject({
      status: 0,
      stdout: "",
    });
    expect((await xl("sched-credit", "-d", "1")).stdout).toBe(
      says(HEADER, "guest                                1    512  150"),
    );
    await xl("sched-credit", "-s", "-t", "10", "-m", "5");
    expect((await xl("sched-credit", "-s")).stdout).toBe(
      "Cpupool Pool-0: tslice=10ms ratelimit=1000us migration-delay=5us\n",
    );
  });

  it("dom0's kernel takes its vCPUs down and up", async () => {
    const online = async (): Promise<string> => {
      const lines = (await xl("vcpu-list", "0")).stdout.trimEnd().split("\n").slice(1);
      return lines.map((line) => line.slice(52, 55)).join(" ");
    };
    expect(await online()).toBe("-b- r-- -b- -b-");
    expect(await xl("vcpu-set", "0", "1")).toEqual({ status: 0, stdout: "", stderr: "", signal: null });
    expect(await online()).toBe("r-- --p --p --p");
    expect((await xl("list", "0")).stdout).toMatch(/Domain-0 +0 +1024 +1 +r-----/);
    await xl("vcpu-set", "-i", "0", "4");
    expect(await online()).toBe("-b- r-- -b- -b-");
  });

  it.each([
    [{ hard: [[0]], soft: [] }, "0 / all"],
    [{ hard: [], soft: [[1]] }, "all / 1"],
  ])("a config's cpus: %j", async (affinity, shown) => {
    const domid = await served.machine.create(
      helloRequest({ name: "pinned", affinity, cpuWeight: 77, cap: 33 }, true),
    );
    const [, row = ""] = (await xl("vcpu-list", "pinned")).stdout.split("\n");
    expect(row.slice(67)).toBe(shown);
    expect((await xl("sched-credit", "-d", "pinned")).stdout).toMatch(/ 77 +33\n$/);
    await served.machine.destroy(domid);
  });

  it("a config whose pCPUs do not exist makes no domain; a weight out of range unmakes it", async () => {
    const config = (more: Parameters<typeof domainConfig>[0]) =>
      served.machine.create(helloRequest({ name: "bad", ...more }, true));
    await expect(config({ affinity: { hard: [[7]], soft: [] } })).rejects.toMatchObject({
      lines: ["vcpu hard affinity map is empty"],
      exitCode: 1,
    });
    await expect(config({ cpuWeight: 0 })).rejects.toMatchObject({
      exitCode: 3,
      lines: expect.arrayContaining([
        expect.stringMatching(/:Cpu weight out of range, valid values are within range from 1 to 65535$/),
        expect.stringMatching(/domcreate_rebuild_done: Domain \d+:cannot \(re-\)build domain: -6$/),
      ]),
    });
    expect(served.machine.domidOf("bad")).toBeUndefined();
  });

  it.skipIf(!goldenExists).each([
    ["pv/38-vcpu-set-5.txt", (text: string) => text],
    ["pv/45-vcpu-pin-junk.txt", (text: string) => text],
    ["dom0/vcpu-pin-0-0-99.txt", (text: string) => text],
    ["dom0/sched-credit2-w-nodom.txt", (text: string) => text],
    ["dom0/sched-credit2-nosuch.txt", (text: string) => text],
  ])(`%s, beside the real xl (${noGolden})`, async (path) => {
    const { command, stdout, stderr, status } = readTranscript(path);
    const answer = await xl(...command.split(" ").slice(1));
    expect({ ...answer, stderr: answer.stderr.replace(/^xlab: .*\n/gm, "") }).toEqual({
      stdout,
      stderr,
      status,
      signal: null,
    });
  });
});
