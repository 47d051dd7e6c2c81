/** Debian's own grub-x86_64-xen.bin as a domain's kernel: it finds grub.cfg by its own blkfront and hands over to Linux. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { talk } from "../support/dialogue.ts";
import { genericKernel, guestsDirectory } from "../support/guests.ts";

const GOLDEN = new URL("../../../shared/golden/boot/pvgrub-create-c-pty.txt", import.meta.url);
const grub = [process.env["XLAB_GRUB_XEN"], "/usr/lib/grub-xen/grub-x86_64-xen.bin"].find(
  (path) => path !== undefined && existsSync(path),
);
const here = grub !== undefined && genericKernel !== undefined && existsSync("/sbin/mkfs.ext4");

const MENU = `set default=0
set timeout=5
menuentry "Golden Linux" {
  linux /boot/vmlinuz root=/dev/xvda1 ro console=hvc0
  initrd /boot/initrd.img
}
menuentry "Golden Linux (single)" {
  linux /boot/vmlinuz root=/dev/xvda1 ro console=hvc0 single
  initrd /boot/initrd.img
}
`;

/** An MBR with one ext4 partition, /boot in it. */
function makeDisk(work: string): string {
  const boot = join(work, "root", "boot");
  mkdirSync(join(boot, "grub"), { recursive: true });
  copyFileSync(genericKernel ?? "", join(boot, "vmlinuz"));
  copyFileSync(join(guestsDirectory ?? "", "initrd.img"), join(boot, "initrd.img"));
  writeFileSync(join(boot, "grub", "grub.cfg"), MENU);
  const partition = join(work, "partition");
  writeFileSync(partition, "");
  spawnSync("truncate", ["-s", "63M", partition]);
  const made = spawnSync("/sbin/mkfs.ext4", ["-q", "-d", join(work, "root"), partition], {
    encoding: "utf8",
  });
  expect(made.stderr).toBe("");
  const bytes = readFileSync(partition);
  const disk = Buffer.alloc(bytes.length + (1 << 20));
  const row = [0x80, 0x20, 0x21, 0, 0x83, 0xfe, 0xff, 0xff];
  disk.set(row, 446);
  disk.writeUInt32LE(2048, 454);
  disk.writeUInt32LE(bytes.length / 512, 458);
  disk.set([0x55, 0xaa], 510);
  disk.set(bytes, 1 << 20);
  const image = join(work, "disk.img");
  writeFileSync(image, disk);
  return image;
}

/** Without what depends on the speed of the machine: progress, and seconds that were counted down. */
const steady = (text: string): string =>
  text
    .replace(/\x1b\[\d+;\d+H {6}\[ [^\]]*\]\x1b\[\d+;\d+H/g, "")
    .replace(
      /\x1b\[5;78H\x1b\[22;1H {3}The highlighted entry will be executed automatically in \d+s\. */g,
      "",
    )
    .replace(/\r\n/g, "\n");

describe.skipIf(!here)(
  "the real GRUB (needs grub-x86_64-xen.bin of Debian's grub-xen-bin, and its generic kernel)",
  () => {
    const work = mkdtempSync(join(tmpdir(), "xlab-grub-"));
    afterAll(() => rmSync(work, { recursive: true, force: true }));

    it("draws the menu of the golden run and boots what is chosen there", { timeout: 600_000 }, async () => {
      const config = join(work, "pvgrub.cfg");
      writeFileSync(
        config,
        [
          'name = "pvgrub"',
          'type = "pv"',
          `kernel = "${grub}"`,
          'extra = "(hd0,1)/boot/grub/grub.cfg"',
          "memory = 256",
          `disk = [ "${makeDisk(work)},raw,xvda,w" ]`,
          "",
        ].join("\n"),
      );
      const { output, status, stderr } = await talk(
        [config, "--clock", "warp", "--timeout", "540"],
        [
          { after: /executed automatically in 5s/, type: "\r" },
          { after: /ends the domain[\s\S]*# /, type: "cat /proc/cmdline; ls /dev/xvda*; poweroff -f\n" },
        ],
        { timeoutMs: 560_000, env: { XLAB_STATE: join(work, "state") } },
      );
      expect(stderr).toBe("");
      const golden = steady(readFileSync(GOLDEN, "latin1"));
      // Of the golden run what GRUB drew, from its greeting to the cleared screen before the kernel is loaded.
      const from = golden.indexOf("\x1b[30m\x1b[47mWelcome to GRUB!");
      const to = golden.indexOf("\x1b[?25h\x1b[H\x1b[J\x1b[1;1H\x1b[H\x1b[J\x1b[1;1H", from);
      expect(from).toBeGreaterThan(0);
      expect(to).toBeGreaterThan(from);
      expect(steady(output).startsWith(golden.slice(from, to))).toBe(true);
      expect(output).toContain("Command line: root=/dev/xvda1 ro console=hvc0\r\n");
      expect(output).toMatch(/\/dev\/xvda1/);
      expect(status).toBe(0);
    });
  },
);
