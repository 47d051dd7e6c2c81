/** PV-GRUB as a user starts it: the sample, and Debian's kernel from disks that mkfs made. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

const ENVIRONMENT = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
const haveTools = ["mkfs.ext4", "sfdisk"].every(
  (tool) => spawnSync("sh", ["-c", `command -v ${tool}`], { env: ENVIRONMENT }).status === 0,
);
const tool = (name: string, args: readonly string[], input?: string): void => {
  execFileSync(name, args, { env: ENVIRONMENT, input, stdio: ["pipe", "ignore", "pipe"] });
};

const m = machine();
afterAll(() => m.close());
const scratch = mkdtempSync(join(tmpdir(), "xlab-seen-pvgrub-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Runs `xlab run`; each text is typed when what it waits for has been printed. */
function dialogue(args: readonly string[], turns: readonly (readonly [string, string])[]): Promise<string> {
  return new Promise((settle, fail) => {
    const child = spawn(process.execPath, [resolve("bin/xlab"), "run", ...args], {
      env: { ...process.env, XLAB_STATE: m.state, NO_COLOR: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let text = "";
    let from = 0;
    const left = [...turns];
    const hear = (more: string): void => {
      text += more;
      for (let next = left[0]; next !== undefined; next = left[0]) {
        const at = text.indexOf(next[0], from);
        if (at < 0) return;
        from = at + next[0].length;
        child.stdin.write(next[1]);
        left.shift();
      }
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    const timer = setTimeout(() => child.kill("SIGKILL"), 150_000);
    child.on("error", fail);
    child.on("close", () => {
      clearTimeout(timer);
      settle(text);
    });
  });
}

it("configs/pv-grub.cfg counts down and boots, with nothing but what the build made", async () => {
  const ran = await m.runWith(
    { timeoutMs: 60_000 },
    "xlab",
    "run",
    "configs/pv-grub.cfg",
    "--clock",
    "warp",
    "--expect",
    "tick 5",
    "--timeout",
    "40",
  );
  expect(ran.stdout).toContain("vbd 51712 is hd0");
  expect(ran.stdout).toContain("GNU GRUB  version 0.97");
  expect(ran.stdout).toContain("The highlighted entry will be booted automatically in");
  expect(ran.stdout).toContain("tick 5");
  expect(ran.status).toBe(0);
});

describe.skipIf(guestsDirectory === undefined || !haveTools)(
  `Debian's kernel from a disk (${noGuests})`,
  () => {
    const directory = guestsDirectory ?? "";
    const CMDLINE = "console=hvc0 cryptomgr.notests rodata=off";
    const MENU = `default 0
fallback 1
timeout 3
title Missing
kernel /boot/nosuch ${CMDLINE}
title Debian
kernel /boot/vmlinuz ${CMDLINE}
initrd /boot/initrd.img
`;
    const SCRIPT = `set timeout=3
search --no-floppy --fs-uuid --set=root 2e6f0b0a-6f1d-4c9b-9c3e-d2f7a9a30001
menuentry 'Debian' { linux /boot/vmlinuz ${CMDLINE}
 initrd /boot/initrd.img
}
`;

    /** "whole", "dos" or "gpt"; the name of the config that boots it. */
    function makeDisk(kind: "whole" | "dos" | "gpt", files: Record<string, string>): string {
      const tree = join(scratch, `${kind}-tree`);
      mkdirSync(join(tree, "boot/grub"), { recursive: true });
      copyFileSync(join(directory, "vmlinuz-cloud"), join(tree, "boot/vmlinuz"));
      copyFileSync(join(directory, "initrd.img"), join(tree, "boot/initrd.img"));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(tree, "boot/grub", name), text);
      const image = join(scratch, `${kind}.img`);
      writeFileSync(image, "");
      truncateSync(image, 80 * 2 ** 20);
      if (kind !== "whole") tool("sfdisk", ["-q", image], `label: ${kind}\n2048,153600,L\n`);
      const offset = kind === "whole" ? [] : ["-E", "offset=1048576"];
      const uuid = "2e6f0b0a-6f1d-4c9b-9c3e-d2f7a9a30001";
      tool("mkfs.ext4", ["-q", "-U", uuid, "-d", tree, ...offset, image, kind === "whole" ? "80M" : "75M"]);
      const config = join(scratch, `${kind}.cfg`);
      writeFileSync(
        config,
        `name="${kind}"\nkernel="/usr/lib/xen/boot/pv-grub-x86_64.gz"\nmemory=256\ndisk=["${image},raw,xvda,w"]\n`,
      );
      return config;
    }

    it("whole disk, menu.lst: the fallback after a missing default, to the shell", {
      timeout: 200_000,
    }, async () => {
      const config = makeDisk("whole", { "menu.lst": MENU });
      const text = await dialogue(
        [config, "--clock", "warp"],
        [["/ # ", "cat /proc/cmdline; poweroff -f\n"]],
      );
      expect(text).toContain("Error 15: File not found");
      expect(text).toContain("Falling back to `Debian'");
      expect(text).toMatch(new RegExp(`^${CMDLINE}\\r?$`, "m"));
      expect(text).toMatch(/reboot: (Power down|System halted)/);
    });

    it("whole disk: an entry is edited, and the kernel sees it", { timeout: 200_000 }, async () => {
      const config = existsSync(join(scratch, "whole.cfg"))
        ? join(scratch, "whole.cfg")
        : makeDisk("whole", { "menu.lst": MENU });
      const text = await dialogue(
        [config, "--clock", "warp"],
        [
          ["automatically in", "\x1b[B"],
          ["Debian", "e"],
          ["Press 'b' to boot", "e"],
          ["grub edit> ", " single\r"],
          ["rodata=off single", "b"],
          ["/ # ", "cat /proc/cmdline; poweroff -f\n"],
        ],
      );
      expect(text).toMatch(new RegExp(`^${CMDLINE} single\\r?$`, "m"));
    });

    it.each(["dos", "gpt"] as const)(
      "a %s partition, grub.cfg: found by its UUID",
      { timeout: 200_000 },
      async (kind) => {
        const config = makeDisk(kind, { "grub.cfg": SCRIPT });
        const text = await dialogue([config, "--clock", "warp"], [["/ # ", "poweroff -f\n"]]);
        expect(text).toContain("GNU GRUB  version 2.06");
        expect(text).toMatch(/reboot: (Power down|System halted)/);
      },
    );
  },
);
