/** bin/pygrub, and bootloader = "pygrub", as a user types them; beside what the real ones printed. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { blank, lacking, MIB, run as tool } from "../image/disks.ts";
import { machine } from "../support/cli.ts";

const GOLDEN = new URL("../../../shared/golden/", import.meta.url);

function golden(name: string): { stdout: string; stderr: string; status: number } {
  const text = readFileSync(new URL(name, GOLDEN), "utf8").replaceAll("/guests/", "");
  const [, stdout = "", stderr = "", status = ""] =
    /^\$ .*\n([\s\S]*?)--- stderr\n([\s\S]*?)--- exit (\d+)\n/.exec(text) ?? [];
  return { stdout, stderr, status: Number(status) };
}

const why = lacking("mkfs.ext4");

describe.skipIf(why !== "")(`PyGRUB${why}`, () => {
  const m = machine();
  afterAll(() => m.close());
  const kernel = readFileSync(resolve("build/hello.elf"));
  const root = join(m.state, "root");
  mkdirSync(join(root, "boot", "grub"), { recursive: true });
  writeFileSync(join(root, "boot", "vmlinuz"), kernel);
  writeFileSync(join(root, "boot", "initrd.img"), "a ramdisk");
  const entry = (title: string, more: string): string =>
    `menuentry "${title}" {\nset root=(hd0,msdos1)\n  linux /boot/vmlinuz root=/dev/xvda1 ro console=hvc0${more}\n  initrd /boot/initrd.img\n}\n`;
  writeFileSync(
    join(root, "boot", "grub", "grub.cfg"),
    `set default=0\nset timeout=5\n${entry("Golden Linux", "")}${entry("Golden Linux (single)", " single")}`,
  );
  const partition = blank(join(m.state, "partition"), 15 * MIB);
  tool("mkfs.ext4", ["-q", "-d", root, partition]);
  const disk = Buffer.concat([Buffer.alloc(MIB), readFileSync(partition)]);
  disk.set([0x80, 0, 0, 0, 0x83], 446);
  disk.writeUInt32LE(2048, 454);
  disk.writeUInt32LE(15 * 2048, 458);
  disk.set([0x55, 0xaa], 510);
  writeFileSync(join(m.state, "disk.img"), disk);
  tool("mkfs.ext4", ["-q", blank(join(m.state, "data.img"), 4 * MIB)]);

  const pygrub = (...args: string[]) => m.runWith({ cwd: m.state }, "pygrub", ...args);
  const rows: [string, string[]][] = [
    ["boot/pygrub-help.txt", ["--help"]],
    ["boot/pygrub-l.txt", ["-l", "disk.img"]],
    ["boot/pygrub-list-n.txt", ["-n", "-q", "--offset=1048576", "disk.img"]],
    ["boot/pygrub-n-args.txt", ["-n", "-q", "--args=root=/dev/xvda1", "--output-format=simple", "disk.img"]],
    ["boot/pygrub-baddisk.txt", ["-n", "-q", "data.img"]],
  ];
  it.each(rows)("%s", async (file, args) => {
    const { stdout, stderr, status } = golden(file);
    const ran = await pygrub(...args);
    // The rig began a new line after each answer.
    const said = ran.stdout === "" || ran.stdout.endsWith("\n") ? ran.stdout : `${ran.stdout}\n`;
    expect({ stdout: said, stderr: ran.stderr, status: ran.status }).toEqual({ stdout, stderr, status });
  });

  it("copies kernel and ramdisk out of the image", async () => {
    const { stdout, status } = await pygrub("--entry=1", `--output-directory=${m.state}/out`, "disk.img");
    expect(status).toBe(0);
    const [, from = "", ramdisk = "", args] =
      /^linux \(kernel '(.*?)'\)\(ramdisk '(.*?)'\)\(args '(.*?)'\)$/.exec(stdout) ?? [];
    expect(readFileSync(from).equals(kernel)).toBe(true);
    expect(readFileSync(ramdisk, "utf8")).toBe("a ramdisk");
    expect(args).toBe("root=/dev/xvda1 ro console=hvc0 single");
  });

  it("a kernel that is not there, an image that is not", async () => {
    expect(await pygrub("-n", "-q", "--kernel=/nowhere", "disk.img")).toMatchObject({
      status: 1,
      stderr: "The requested kernel file does not exist\n",
    });
    expect(await pygrub("-q", "nowhere.img")).toMatchObject({
      status: 1,
      stderr: "xlab: nowhere.img: No such file or directory\n",
    });
  });

  const config = (name: string, ...lines: string[]): string => {
    const path = join(m.state, `${name}.cfg`);
    const rest = ['type = "pv"', 'bootloader = "pygrub"', "memory = 64", ...lines];
    writeFileSync(path, `${[`name = "${name}"`, ...rest].join("\n")}\n`);
    return path;
  };
  const failures: [string, string[]][] = [
    ["err/pygrub-nodisk-p.txt", []],
    ["err/pygrub-emptyfs-p.txt", [`disk = [ '${m.state}/data.img,raw,xvda,r' ]`]],
  ];
  it.each(failures)("%s", async (file, lines) => {
    const same = (text: string): string =>
      text
        .replace(/Parsing config from .*/, "Parsing config")
        .replace(/Domain \d+/g, "Domain N")
        .replace(/bootloader\.\d+/, "bootloader.N")
        .replace(/bootloader \[\d+\]/, "bootloader [PID]")
        .replace(/^xlab: .*\n/m, "");
    const ran = await m.run("xl", "create", config("err", ...lines));
    const real = golden(file);
    expect({ ...ran, stderr: same(ran.stderr) }).toMatchObject({
      status: real.status,
      stdout: "",
      stderr: same(real.stderr),
    });
  });

  it("a domain boots the entry that PyGRUB chose in its disk; the menu is on its console, and in a log", async () => {
    const path = config(
      "pyg",
      'bootloader_args = [ "--entry=1", "-i" ]',
      'on_poweroff = "destroy"',
      'extra = "ticks=1 ms=1"',
      `disk = [ '${m.state}/disk.img,raw,xvda,w' ]`,
    );
    const ran = await m.runWith({ input: "" }, "xl", "create", "-c", path);
    expect(ran.stderr).toMatch(/^Parsing config from/);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain("Will boot selected entry in  1 seconds");
    expect(ran.stdout).toContain("tick 1 at");
    expect(ran.stdout).not.toContain("tick 2 at"); // without `extra` it has more
    const logs = [1, 2, 3, 4].map((id) => join(m.state, "log", `bootloader.${id}.log`)).filter(existsSync);
    expect(logs.map((log) => readFileSync(log, "utf8")).join("")).toContain("pyGRUB  version 0.7");
  });
});
