/** A Debian kernel's lives from the command line: ballooned, rebooted, crashed with a core file, shut down. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

const directory = guestsDirectory ?? "";
const UP = /busybox on Linux/g;

describe.skipIf(guestsDirectory === undefined)(`Debian's cloud kernel (${noGuests})`, () => {
  const m = machine();
  afterAll(() => m.close());
  // Debian allows no crash by SysRq unless asked; the memory is said aloud, for us to read.
  const script =
    "echo 1 > /proc/sys/kernel/sysrq; (while sleep 1; do grep MemTotal /proc/meminfo > /dev/console; done) &";
  const config = join(m.state, "life.cfg");
  writeFileSync(
    config,
    [
      'name = "life"',
      'type = "pv"',
      `kernel = "${directory}/vmlinuz-cloud"`,
      `ramdisk = "${directory}/initrd.img"`,
      `extra = "console=hvc0 cryptomgr.notests run=${Buffer.from(script).toString("base64")}"`,
      "memory = 256",
      'on_crash = "coredump-restart"',
      "",
    ].join("\n"),
  );
  const said = (name: string): string => {
    const path = join(m.state, "log/console", `guest-${name}.log`);
    return existsSync(path) ? readFileSync(path, "latin1") : "";
  };
  const log = (): string => readFileSync(join(m.state, "log/xl-life.log"), "utf8");
  const until = async (true_: () => boolean): Promise<void> => {
    while (!true_()) await new Promise((resolve) => setTimeout(resolve, 100));
  };
  const boots = (name: string): number => said(name).match(UP)?.length ?? 0;
  const xl = (...args: string[]) => m.run("xl", ...args);
  const totals = (name: string): number[] =>
    [...said(name).matchAll(/MemTotal: +(\d+) kB/g)].map(([, kib]) => Number(kib));

  it("balloons, answers SysRq, is renamed and rebooted, crashes into a core file, and shuts down", {
    timeout: 400_000,
  }, async () => {
    expect(await xl("create", "-q", config)).toMatchObject({ status: 0, stdout: "", stderr: "" });
    await until(() => boots("life") === 1 && totals("life").length > 0);

    const before = totals("life").at(-1) ?? 0;
    expect(await xl("mem-set", "life", "200")).toMatchObject({ status: 0, stdout: "", stderr: "" });
    await until(() => (totals("life").at(-1) ?? before) < before);
    expect(before - (totals("life").at(-1) ?? 0)).toBe(56 * 1024);
    expect((await xl("list", "life")).stdout).toMatch(/^life +1 +200 +1 +[-rb]+ /m);

    expect(await xl("sysrq", "life", "h")).toMatchObject({ status: 0, stderr: "" });
    await until(() => said("life").includes("sysrq: HELP"));

    await xl("rename", "life", "lively");
    expect(await xl("reboot", "lively")).toMatchObject({ status: 0, stderr: "Rebooting domain 1\n" });
    await until(() => boots("lively") === 1);
    expect(said("life")).toContain("reboot: Restarting system");
    expect((await xl("list", "lively")).stdout).toMatch(/^lively +2 +200 /m);

    mkdirSync(join(m.state, "dump"));
    await xl("sysrq", "lively", "c");
    await until(() => boots("lively") === 2);
    expect(said("lively")).toContain("Kernel panic - not syncing: sysrq triggered crash");
    expect(
      log()
        .split("\n")
        .map((line) => line.replace(/pid \d+/, "pid N")),
    ).toEqual([
      "Waiting for domain life (domid 1) to die [pid N]",
      "Domain 1 has shut down, reason code 1 0x1",
      "Action for shutdown reason code 1 is restart",
      "Domain 1 needs to be cleaned up: destroying the domain",
      "Done. Rebooting now",
      "Waiting for domain lively (domid 2) to die [pid N]",
      "Domain 2 has shut down, reason code 3 0x3",
      "Action for shutdown reason code 3 is coredump-restart",
      "dumping core to /var/lib/xen/dump/lively",
      "Domain 2 needs to be cleaned up: destroying the domain",
      "Done. Rebooting now",
      "Waiting for domain lively (domid 3) to die [pid N]",
      "",
    ]);
    const core = readFileSync(join(m.state, "dump/lively"));
    expect(core.length).toBeGreaterThan(200 << 20);
    expect(core.includes("Kernel panic - not syncing")).toBe(true);
    const readelf = spawnSync("readelf", ["-SW", join(m.state, "dump/lively")], { encoding: "utf8" });
    if (readelf.error === undefined) {
      expect(readelf.stdout).toMatch(/\.xen_pages +PROGBITS +0+ \S+ c800000 1000/);
      expect(readelf.stdout).toMatch(/\.xen_p2m +PROGBITS +0+ \S+ 0c8000 10/);
    }

    const gone = await xl("shutdown", "-w", "lively");
    expect(gone).toMatchObject({
      status: 0,
      stderr: "Shutting down domain 3\nWaiting for 1 domains\nDomain 3 has been shut down, reason code 0\n",
    });
    await until(() => log().endsWith("Done. Exiting now\n"));
    expect((await xl("list")).stdout.trimEnd().split("\n")).toHaveLength(2);
  });
});
