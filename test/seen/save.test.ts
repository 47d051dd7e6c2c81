/** Save, restore and migration of a real Debian kernel, as a user does them. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

const directory = guestsDirectory ?? "";
/** A chaotic map: after some hundred steps every bit of every step has mattered. */
const MAP =
  "BEGIN { x = 0.3; for (i = 1; i <= N; i++) { x = 3.9 * x * (1 - x); if (i % 500 == 0) { SHOW } } }";
const awk = (steps: number, show: string): string => MAP.replace("N;", `${steps};`).replace("SHOW", show);

describe.skipIf(guestsDirectory === undefined)(`a saved Linux (${noGuests})`, () => {
  const here = machine();
  const there = machine();
  afterAll(async () => {
    await here.close();
    await there.close();
  });
  const script = [
    `awk '${awk(1_000_000, 'print "map", i, sprintf("%.15f", x); fflush(); system("sleep 0.1")')}' &`,
    '(i=0; while :; do i=$((i+1)); echo "count $i on $(nproc)"; sleep 0.2; done) &',
  ].join("\n");
  const config = join(here.state, "linux.cfg");
  writeFileSync(
    config,
    [
      'name = "linux"',
      'type = "pv"',
      `kernel = "${directory}/vmlinuz-cloud"`,
      `ramdisk = "${directory}/initrd.img"`,
      `extra = "console=hvc0 cryptomgr.notests run=${Buffer.from(script).toString("base64")}"`,
      "memory = 96",
      "vcpus = 2",
      "",
    ].join("\n"),
  );
  const file = join(here.state, "linux.save");

  const log = (state: string, name = "linux"): string => {
    try {
      return readFileSync(join(state, "log", "console", `guest-${name}.log`), "utf8");
    } catch {
      return "";
    }
  };
  const lastCount = (text: string): number =>
    Number(
      text
        .match(/count (\d+) on 2/g)
        ?.at(-1)
        ?.split(" ")[1] ?? 0,
    );
  async function until(what: () => boolean): Promise<void> {
    for (let i = 0; i < 600 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 200));
    expect(what()).toBe(true);
  }
  /** Every line of the map that the guest printed is what this machine's awk computes. */
  function checkMap(text: string): void {
    const lines = [...text.matchAll(/map (\d+) (\d\.\d+)/g)];
    const last = Number(lines.at(-1)?.[1] ?? 0);
    expect(last).toBeGreaterThan(0);
    const { stdout } = spawnSync("awk", [awk(last, 'printf "%d %.15f\\n", i, x')], { encoding: "utf8" });
    const right = new Set(stdout.split("\n"));
    for (const [, i, x] of lines) expect(right).toContain(`${i} ${x}`);
  }

  it("goes on in another host where it was, in time, memory and floating point", {
    timeout: 300_000,
  }, async () => {
    expect((await here.run("xl", "create", config)).status).toBe(0);
    await until(() => lastCount(log(here.state)) >= 3);
    const saved = await here.run("xl", "save", "linux", file);
    expect(saved.status).toBe(0);
    expect(saved.stderr).toMatch(
      /^Saving to \S+ new xl format \(info 0x3\/0x0\/\d+\)\nxc: info: Saving domain 1, type x86 PV\n/,
    );
    expect(saved.stderr).toMatch(
      /xc: progress: Frames: 24576\/24576 {2}100%\nxc: progress: End of stream: 0\/0 {4}0%\n$/,
    );
    expect((await here.run("xl", "list", "linux")).status).toBe(1);
    const before = lastCount(log(here.state));

    const restored = await there.run("xl", "restore", file);
    expect(restored.status).toBe(0);
    expect(restored.stderr).toMatch(
      /^Loading new save file \S+ \(new xl fmt info 0x3\/0x0\/\d+\)\n Savefile contains xl domain config in JSON format\nParsing config from <saved>\nxc: info: Found x86 PV domain from Xen 4\.17\nxc: info: Restoring domain\nxc: info: Restore successful\nxc: info: XenStore: mfn 0x[0-9a-f]+, dom 0, evt 1\nxc: info: Console: mfn 0x[0-9a-f]+, dom 0, evt 2\n$/,
    );
    await until(() => lastCount(log(there.state)) >= before + 5);
    expect(log(there.state)).toContain("Restarting tasks ... done.");
    expect(Number(/count (\d+)/.exec(log(there.state))?.[1])).toBeLessThanOrEqual(before + 2);
    checkMap(log(here.state));
    checkMap(log(there.state));
  });

  it("saved with -c it goes on at once, with -p once it is unpaused", { timeout: 120_000 }, async () => {
    expect((await there.run("xl", "save", "-c", "linux", file)).status).toBe(0);
    const before = lastCount(log(there.state));
    await until(() => lastCount(log(there.state)) >= before + 3);
    expect((await there.run("xl", "save", "-p", "linux", file)).status).toBe(0);
    expect((await there.run("xl", "list", "linux")).stdout).toMatch(/ --p--- /);
    const paused = lastCount(log(there.state));
    expect((await there.run("xl", "unpause", "linux")).status).toBe(0);
    await until(() => lastCount(log(there.state)) >= paused + 3);
  });

  it("a name that is taken, and a file cut short, are refused in xl's words", {
    timeout: 120_000,
  }, async () => {
    const taken = await there.run("xl", "restore", file);
    expect(taken.status).toBe(1);
    expect(taken.stderr).toContain('Domain with name "linux" already exists.');
    const cut = join(here.state, "cut.save");
    writeFileSync(cut, readFileSync(file).subarray(0, 100_000));
    const broken = await here.run("xl", "restore", cut);
    expect(broken.status).toBe(1);
    expect(broken.stderr).toContain(
      "xc: error: Failed to read 4202504 bytes of data for record (0x00000001, Page data) (0 = Success): Internal error\nxc: error: Restore failed (0 = Success): Internal error\nlibxl: error: libxl_stream_read.c:850:libxl__xc_domain_restore_done: restoring domain: Success\n",
    );
    expect((await here.run("xl", "list")).stdout.trim().split("\n")).toHaveLength(2);
  });

  it("migrates to another host, and is gone from the first", { timeout: 120_000 }, async () => {
    const receiver = `XLAB_STATE=${here.state} ${join(import.meta.dirname, "..", "..", "bin", "xl")} migrate-receive`;
    const before = lastCount(log(there.state));
    const moved = await there.run("xl", "migrate", "-s", "", "linux", receiver);
    expect(moved.stderr).toContain("migration target: Domain started successsfully.\n");
    expect(
      moved.stderr.endsWith("migration sender: Target reports successful startup.\nMigration successful.\n"),
    ).toBe(true);
    expect(moved.status).toBe(0);
    expect((await there.run("xl", "list", "linux")).status).toBe(1);
    await until(() => lastCount(log(here.state, "linux--incoming")) >= before + 3);
    checkMap(log(here.state, "linux--incoming"));
    expect((await here.run("xl", "list", "linux")).status).toBe(0);
  });
});
