/** A full Debian 12 with systemd, from the image that scripts/make-debian-image.sh makes. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { talk } from "../support/dialogue.ts";

const directory = [process.env["XLAB_GUESTS"], "guests-cache", "/tmp/guests"].find(
  (path) => path !== undefined && existsSync(join(path, "debian.img")),
);
const LOGIN = [
  { after: /login: $/, type: "root\n" },
  { after: /Password: $/, type: "xlab\n" },
  {
    after: /root@xlab:~# $/,
    type: "echo written by a guest > /root/witness; sync; md5sum /root/witness; systemctl is-system-running; poweroff\n",
  },
];

describe.skipIf(directory === undefined)(
  "Debian 12 (no image here: run scripts/make-debian-image.sh)",
  () => {
    const work = mkdtempSync(join(tmpdir(), "xlab-debian-"));
    afterAll(() => rmSync(work, { recursive: true, force: true }));

    function configFor(name: string, ...boot: string[]): { config: string; image: string } {
      const image = join(work, `${name}.img`);
      copyFileSync(join(directory ?? "", "debian.img"), image, constants.COPYFILE_FICLONE);
      const config = join(work, `${name}.cfg`);
      const lines = [
        `name = "${name}"`,
        'type = "pv"',
        ...boot,
        "memory = 512",
        `disk = [ "${image},raw,xvda,w" ]`,
      ];
      writeFileSync(config, `${lines.join("\n")}\n`);
      return { config, image };
    }

    function onDisk(image: string): string {
      const partition = `${image}.partition`;
      spawnSync("dd", [`if=${image}`, `of=${partition}`, "bs=1M", "skip=1", "conv=sparse"]);
      const checked = spawnSync("e2fsck", ["-fn", partition], { encoding: "utf8" });
      expect(checked.stdout + checked.stderr).not.toMatch(/error|corrupt|Fix\?/i);
      expect(checked.status).toBe(0);
      return spawnSync("debugfs", ["-R", "cat /root/witness", partition], { encoding: "utf8" }).stdout;
    }

    async function loginAndPowerOff(config: string): Promise<void> {
      const { output, answered, status, stderr } = await talk(
        [config, "--clock", "warp", "--timeout", "840"],
        LOGIN,
        { timeoutMs: 860_000, env: { XLAB_STATE: join(work, "state") } },
      );
      expect({ answered, stderr }).toEqual({ answered: LOGIN.length, stderr: "" });
      expect(output).toContain(
        `${createHash("md5").update("written by a guest\n").digest("hex")}  /root/witness`,
      );
      expect(output).toMatch(/reboot: (Power down|System halted)/);
      expect(status).toBe(0);
    }

    it("boots to its login by kernel=, and what was written and synced is on the clean disk", {
      timeout: 900_000,
    }, async () => {
      const { config, image } = configFor(
        "direct",
        `kernel = "${directory}/debian-vmlinuz"`,
        `ramdisk = "${directory}/debian-initrd.img"`,
        'extra = "root=/dev/xvda1 ro console=hvc0"',
      );
      await loginAndPowerOff(config);
      expect(onDisk(image)).toBe("written by a guest\n");
    });
  },
);
