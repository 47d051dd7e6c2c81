/**
 * Kernels in every packing that distributions use, each in a guest of another size, all at once in one host: typed commands
 * are answered by each, and the host pays for what they touched.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { readKernel } from "../../src/dombuild/kernel.ts";
import { join as concat, makeBzImage } from "../image/make-bzimage.ts";
import { u32 } from "../image/make-elf.ts";
import { machine, type Ran } from "../support/cli.ts";
import { genericKernel, guestsDirectory, noGuests } from "../support/guests.ts";

const PAGE_KIB = 4;
const zstdAbsent = spawnSync("zstd", ["--version"]).error !== undefined;
/** A newc archive of one file. */
function cpio(name: string, content: string): Uint8Array {
  const entry = (path: string, mode: number, bytes: string): string => {
    const fields = [1, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, path.length + 1, 0];
    const head = `070701${fields.map((n) => n.toString(16).padStart(8, "0")).join("")}${path}\0`;
    return padded(head) + padded(bytes);
  };
  const padded = (text: string): string => text + "\0".repeat((4 - (text.length % 4)) % 4);
  return Buffer.from(entry(name, 0o100644, content) + entry("TRAILER!!!", 0, ""), "latin1");
}

const absent = guestsDirectory === undefined || genericKernel === undefined || zstdAbsent;

describe.skipIf(absent)(`four guests at once (${noGuests}; zstd packs one)`, () => {
  const m = machine();
  afterAll(() => m.close());
  const cloud = join(guestsDirectory ?? "", "vmlinuz-cloud");

  /** The cloud kernel's image, packed anew. */
  const repacked = (name: string, pack: (image: Uint8Array) => Uint8Array): string => {
    const read = readKernel(new Uint8Array(readFileSync(cloud)));
    if (!read.ok) throw new Error(read.why);
    const path = join(m.state, `vmlinuz-${name}`);
    writeFileSync(path, makeBzImage(pack(read.value.image)));
    return path;
  };
  const gzip = (image: Uint8Array): Uint8Array => gzipSync(image, { level: 1 });
  const zstd = (image: Uint8Array): Uint8Array => {
    const { stdout } = spawnSync("zstd", ["-q", "-3", "-c"], { input: image, maxBuffer: 1 << 27 });
    return concat([stdout, u32(image.length)]);
  };

  /** A ramdisk in another form, from the one at hand. */
  const ramdisk = (name: string, make: (plain: Uint8Array) => Uint8Array): string => {
    const path = join(m.state, `initrd-${name}`);
    writeFileSync(path, make(new Uint8Array(readFileSync(join(guestsDirectory ?? "", "initrd.img")))));
    return path;
  };
  /** How the guest of a packing gets its ramdisk: as it is, packed, or as archives one behind the other. */
  const RAMDISKS: Record<string, () => string> = {
    lz4: () => join(guestsDirectory ?? "", "initrd.img"),
    xz: () => ramdisk("two", (plain) => concat([plain, gzip(cpio("extra", "another archive\n"))])),
    gzip: () => ramdisk("gzip", gzip),
    zstd: () => ramdisk("zeros", (plain) => concat([plain, new Uint8Array(24 << 20)])),
  };

  const GUESTS: readonly (readonly [packing: string, kernel: () => string, vcpus: number, mib: number])[] = [
    ["lz4", () => cloud, 1, 80],
    ["xz", () => genericKernel ?? "", 2, 256],
    ["gzip", () => repacked("gzip", gzip), 4, 1024],
    ["zstd", () => repacked("zstd", zstd), 1, 4096],
  ];

  const boot = (packing: string, kernel: string, vcpus: number, mib: number): Promise<Ran> => {
    const config = join(m.state, `${packing}.cfg`);
    const lines = [
      `name = "${packing}"`,
      `kernel = "${kernel}"`,
      `ramdisk = "${RAMDISKS[packing]?.()}"`,
      'extra = "console=hvc0 cryptomgr.notests"',
      `vcpus = ${vcpus}`,
      `memory = ${mib}`,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    const input = "echo $((6 * 7))-typed with $(nproc); grep MemTotal /proc/meminfo; cat /extra; poweroff\n";
    return m.runWith({ input, timeoutMs: 280_000 }, "xl", "create", "-c", config);
  };

  it("boot to a shell by `xl create -c`, and power off", { timeout: 300_000 }, async () => {
    expect((await m.run("xlab", "host", "start")).status).toBe(0);
    const { stdout } = await m.run("xlab", "host", "status");
    const pid = /^pid *: (\d+)$/m.exec(stdout)?.[1];
    let over = false;
    let peak = 0;
    const watch = async (): Promise<void> => {
      while (!over) {
        const status = await m.run("xlab", "host", "status");
        peak = Math.max(peak, Number(/^frames backed *: (\d+) of/m.exec(status.stdout)?.[1] ?? 0));
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    };
    const watching = watch();
    const ran = await Promise.all(
      GUESTS.map(([packing, kernel, vcpus, mib]) => boot(packing, kernel(), vcpus, mib)),
    );
    over = true;
    await watching;

    for (const [i, [packing, , vcpus, mib]] of GUESTS.entries()) {
      const { stdout, status, stderr } = ran[i] as Ran;
      expect(stderr, packing).toMatch(/^Parsing config from \S+\n$/);
      expect(status, packing).toBe(0);
      expect(stdout, packing).toMatch(
        packing === "xz" ? /Linux version 6\.\S+-amd64 / : /Linux version 6\.\S+-cloud/,
      );
      expect(stdout, packing).toContain(`42-typed with ${vcpus}`);
      if (packing === "xz") expect(stdout).toMatch(/^another archive\r?$/m);
      const total = Number(/MemTotal: +(\d+) kB/.exec(stdout)?.[1]) / 1024;
      expect(total, packing).toBeGreaterThan(mib === 80 ? 30 : mib * 0.8);
      expect(total, packing).toBeLessThan(mib);
    }
    // 5,456 MiB given; what four kernels touch of it, page structures included, is a tenth.
    expect(peak).toBeGreaterThan(60_000);
    expect(peak).toBeLessThan(180_000);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const mostKib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
    expect(mostKib).toBeLessThan(peak * PAGE_KIB + 900 * 1024);
  });
});
