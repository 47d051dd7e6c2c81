/** Linux's own block front end on our back end, as a user boots it: bin/ is run, images are looked at by Debian's tools. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { blockRamdisk, guestsDirectory, noGuests } from "../support/guests.ts";

const MIB = 2 ** 20;
const tools = ["qemu-img", "mkfs.ext4"].filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
const why = blockRamdisk === undefined ? noGuests : `needs qemu-img and mkfs.ext4`;

const SCRIPT = `
insmod /lib/modules/xen-blkfront.ko
until [ -b /dev/xvdb ]; do sleep 0.1; done
mkdir -p /mnt
mount -t ext4 /dev/xvda /mnt
md5sum /mnt/big.bin
cp /mnt/big.bin /mnt/copy.bin
echo "written by the guest" > /mnt/out.txt
md5sum /dev/xvdb
dd if=/dev/zero of=/dev/xvdb bs=4k count=1 2>&1 | grep -o "Operation not permitted"
umount /mnt && echo unmounted
poweroff -f
`;

describe.skipIf(blockRamdisk === undefined || tools.length > 0)(`disks of a real guest (${why})`, () => {
  const m = machine();
  afterAll(() => m.close());
  const at = (name: string): string => join(m.state, name);
  const tree = at("tree");
  mkdirSync(tree);
  const big = Buffer.from(Uint8Array.from({ length: 3 * MIB }, (_, i) => (i * 7 + (i >>> 10)) & 0xff));
  writeFileSync(join(tree, "big.bin"), big);
  const md5 = (bytes: Uint8Array): string =>
    execFileSync("md5sum", { input: bytes, encoding: "utf8" }).slice(0, 32);
  writeFileSync(at("base.img"), "");
  execFileSync("mkfs.ext4", ["-q", "-d", tree, at("base.img"), "32M"], { stdio: "pipe" });
  execFileSync("qemu-img", ["convert", "-c", "-O", "qcow2", at("base.img"), at("base.qcow2")]);
  writeFileSync(at("second.img"), big.subarray(0, MIB));
  const config = at("blk.cfg");
  const boot = (disk: string) => {
    writeFileSync(
      config,
      [
        'name = "blk"',
        'type = "pv"',
        `kernel = "${guestsDirectory}/vmlinuz-cloud"`,
        `ramdisk = "${blockRamdisk}"`,
        `extra = "console=hvc0 cryptomgr.notests run=${Buffer.from(SCRIPT).toString("base64")}"`,
        "memory = 256",
        `disk = ["${disk}", "${at("second.img")},raw,xvdb,r"]`,
        "",
      ].join("\n"),
    );
    return m.runWith({ timeoutMs: 200_000 }, "xlab", "run", config, "--clock", "warp");
  };
  const expectWhole = (raw: string): void => {
    const { status, stdout, stderr } = spawnSync("e2fsck", ["-fn", raw], { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    const dump = (name: string) =>
      execFileSync("debugfs", ["-R", `cat ${name}`, raw], { stdio: "pipe", maxBuffer: 16 * MIB });
    expect(dump("/out.txt").toString()).toBe("written by the guest\n");
    expect(md5(dump("/copy.bin"))).toBe(md5(big));
  };

  it("an ext4 in a compressed qcow2, under an overlay: read, written, whole; the base is untouched", {
    timeout: 240_000,
  }, async () => {
    execFileSync("qemu-img", [
      "create",
      "-q",
      "-f",
      "qcow2",
      "-F",
      "qcow2",
      "-b",
      "base.qcow2",
      at("top.qcow2"),
    ]);
    const base = readFileSync(at("base.qcow2"));
    const ran = await boot(`${at("top.qcow2")},qcow2,xvda,w`);
    expect(ran.stdout).toContain(`${md5(big)}  /mnt/big.bin`);
    expect(ran.stdout).toContain(`${md5(big.subarray(0, MIB))}  /dev/xvdb`);
    expect(ran.stdout).toContain("unmounted");
    expect(execFileSync("qemu-img", ["check", at("top.qcow2")], { encoding: "utf8" })).toContain("No errors");
    expect(readFileSync(at("base.qcow2")).equals(base)).toBe(true);
    expect(readFileSync(at("second.img")).equals(big.subarray(0, MIB))).toBe(true);
    execFileSync("qemu-img", ["convert", "-O", "raw", at("top.qcow2"), at("after.img")]);
    expectWhole(at("after.img"));
  });

  it("a raw image; and the same seed prints the same bytes, however the disk answers", {
    timeout: 400_000,
  }, async () => {
    const printed: string[] = [];
    for (let round = 0; round < 2; round++) {
      writeFileSync(at("raw.img"), readFileSync(at("base.img")));
      const ran = await boot(`${at("raw.img")},raw,xvda,w`);
      expect(ran.stdout).toContain("unmounted");
      expectWhole(at("raw.img"));
      printed.push(ran.stdout);
    }
    expect(printed[1]).toBe(printed[0]);
    rmSync(at("raw.img"));
  });
});
