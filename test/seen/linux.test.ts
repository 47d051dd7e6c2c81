/** A real Debian kernel, as a user boots it: bin/ is run, its bytes are read. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

const directory = guestsDirectory ?? "";

/** The same file that scripts/make-initramfs.sh puts at /etc/known. */
function knownFile(): string {
  let text = "xlab\n";
  for (let i = 1; i <= 2000; i++) text += `line ${i} of a file whose md5sum is known\n`;
  return text;
}

describe.skipIf(guestsDirectory === undefined)(`Debian's cloud kernel (${noGuests})`, () => {
  const m = machine();
  afterAll(() => m.close());
  const config = join(m.state, "linux.cfg");
  writeFileSync(
    config,
    [
      'name = "linux"',
      'type = "pv"',
      `kernel = "${directory}/vmlinuz-cloud"`,
      `ramdisk = "${directory}/initrd.img"`,
      'extra = "console=hvc0 cryptomgr.notests"',
      "memory = 256",
      "",
    ].join("\n"),
  );

  it("boots to a shell that computes rightly, and powers off", { timeout: 240_000 }, async () => {
    const commands =
      "uname -a; grep -m1 'model name' /proc/cpuinfo; md5sum /etc/known; awk 'BEGIN { printf \"%.12f %.0f\\n\", 22/7*1e10/3.3, 2147483648+7 }'; poweroff -f";
    const ran = await m.runWith(
      { timeoutMs: 200_000 },
      "xlab",
      "run",
      config,
      `extra="console=hvc0 cryptomgr.notests run=${Buffer.from(commands).toString("base64")}"`,
      "--clock",
      "warp",
    );
    expect(ran.stderr).not.toMatch(/crash/i);
    expect(ran.stdout).toMatch(/Linux version 6\./);
    expect(ran.stdout).toMatch(/^Linux xlab 6\.\S+ #1 SMP .* x86_64 GNU\/Linux\r?$/m);
    expect(ran.stdout).toContain(`${createHash("md5").update(knownFile()).digest("hex")}  /etc/known`);
    expect(ran.stdout).toContain("9523809523.809524536133 2147483655");
    expect(ran.stdout).toMatch(/reboot: (Power down|System halted)/);
    expect(ran.status).toBe(0);
  });

  it("four vCPUs come up and run", { timeout: 240_000 }, async () => {
    const script = "nproc; taskset -p $$ 2>/dev/null; grep timer /proc/interrupts; poweroff -f";
    const ran = await m.runWith(
      { timeoutMs: 200_000 },
      "xlab",
      "run",
      config,
      `extra="console=hvc0 cryptomgr.notests run=${Buffer.from(script).toString("base64")}"`,
      "vcpus=4",
      "--clock",
      "warp",
    );
    expect(ran.stdout).toMatch(/smp: Brought up 1 node, 4 CPUs/);
    expect(ran.stdout).toMatch(/^4\r?$/m);
    expect(ran.status).toBe(0);
  });

  it("twice the same warp run prints the same bytes", { timeout: 240_000 }, async () => {
    const boot = () =>
      m.runWith(
        { timeoutMs: 110_000 },
        "xlab",
        "run",
        config,
        "--clock",
        "warp",
        "--seed",
        "1",
        "--expect",
        "ends the domain",
        "--timeout",
        "100",
      );
    const first = await boot();
    const second = await boot();
    expect(first.status).toBe(0);
    expect(first.stdout.length).toBeGreaterThan(10_000);
    expect(second.stdout).toBe(first.stdout);
  });

  it("`xl create` and `xl console`: typed commands are answered, `xl list` answers meanwhile", {
    timeout: 240_000,
  }, async () => {
    const created = await m.run("xl", "create", config);
    expect(created).toMatchObject({ status: 0, stdout: "", stderr: `Parsing config from ${config}\n` });
    const log = join(m.state, "log/console/guest-linux.log");
    const printed = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "");
    for (let i = 0; i < 600 && !printed().includes("ends the domain"); i++) {
      if (i % 20 === 0) {
        const listed = await m.run("xl", "list");
        expect(listed.stdout).toMatch(
          /^Name +ID +Mem VCPUs\tState\tTime\(s\)\nDomain-0 .*\nlinux +\d+ +256 +1 +[rb-]{2}---- +\d+\.\d\n$/,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const session = await m.runWith(
      { input: "echo $((6 * 7))-typed\npoweroff\n", timeoutMs: 60_000 },
      "xl",
      "console",
      "linux",
    );
    expect(session.stdout).toContain("Linux version");
    expect(session.stdout).toContain("42-typed");
    expect(session.status).toBe(0);
    const gone = await m.run("xl", "list", "linux");
    expect(gone).toMatchObject({ status: 1, stderr: "linux is an invalid domain identifier (rc=-6)\n" });
  });

  it("the engine's shell agrees with the machine's own awk", () => {
    const { stdout } = spawnSync("awk", ['BEGIN { printf "%.12f %.0f\\n", 22/7*1e10/3.3, 2147483648+7 }'], {
      encoding: "utf8",
    });
    expect(stdout).toBe("9523809523.809524536133 2147483655\n");
  });
});
