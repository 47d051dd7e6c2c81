/** VHD images made by qemu-img: read as it reads them, and whole after we wrote. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { openImage as openFor } from "../../../src/host/disks/open.ts";

const MIB = 2 ** 20;
const scratch = mkdtempSync(join(tmpdir(), "xlab-vhd-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const noQemu = spawnSync("qemu-img", ["--version"]).status !== 0;
let made = 0;
const fresh = (): string => join(scratch, `${++made}`);
const qemu = (...args: string[]): void => void execFileSync("qemu-img", args, { stdio: "pipe" });
const openImage = (path: string, readonly: boolean) => openFor(path, "vhd", readonly, "the test");

/** An image of 7 MiB with bytes in its first, third and last parts; and those bytes. */
function imageOf(options: string): { path: string; content: Buffer } {
  const content = Buffer.alloc(7 * MIB);
  content.fill("first", 0, 9000);
  content.fill("third", 5 * MIB - 700, 5 * MIB + 700);
  content.fill("last", 7 * MIB - 512);
  const raw = fresh();
  writeFileSync(raw, content);
  const path = fresh();
  qemu("convert", "-f", "raw", "-O", "vpc", "-o", options, raw, path);
  return { path, content };
}

describe.skipIf(noQemu)(
  `against qemu-img${noQemu ? " (skipped: no qemu-img here; Debian's qemu-utils)" : ""}`,
  () => {
    test.each([
      ["subformat=dynamic,force_size=on"],
      ["subformat=fixed,force_size=on"],
      ["subformat=dynamic"],
    ])("%s: read, written", async (options) => {
      const { path, content } = imageOf(options);
      const image = await openImage(path, false);
      const whole = Buffer.alloc(image.size);
      content.copy(whole);
      expect(image.size).toBeGreaterThanOrEqual(content.length);
      expect(Buffer.from(await image.read(0, image.size)).equals(whole)).toBe(true);
      await Promise.all(
        [1024, 3 * MIB, 3 * MIB + 4096, 4 * MIB - 512, 6 * MIB].map(async (offset, i) => {
          const data = Buffer.alloc(1024, i + 1);
          data.copy(whole, offset);
          await image.write(offset, data);
        }),
      );
      await image.close();
      const raw = fresh();
      qemu("convert", "-f", "vpc", "-O", "raw", path, raw);
      expect(readFileSync(raw).equals(whole)).toBe(true);
      const again = await openImage(path, true);
      expect(Buffer.from(await again.read(0, again.size)).equals(whole)).toBe(true);
      await again.close();
    });

    test("a differencing image, a damaged footer and what is no VHD are refused by name", async () => {
      const { path } = imageOf("subformat=dynamic,force_size=on");
      const bytes = readFileSync(path);
      const footer = bytes.subarray(bytes.length - 512);
      footer.writeUInt32BE(4, 60);
      footer.writeUInt32BE((footer.readUInt32BE(64) - 1) >>> 0, 64);
      writeFileSync(path, bytes);
      await expect(openImage(path, false)).rejects.toThrow(/differencing/);
      footer.writeUInt8(9, 100);
      writeFileSync(path, bytes);
      await expect(openImage(path, false)).rejects.toThrow(/footer is damaged/);
      writeFileSync(path, new Uint8Array(100));
      await expect(openImage(path, false)).rejects.toThrow(/not a VHD image/);
    });

    test("a damaged table costs bounded time, and never this process", { timeout: 60_000 }, async () => {
      const bytes = readFileSync(imageOf("subformat=dynamic,force_size=on").path);
      const path = fresh();
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 512, max: 4096 }), fc.nat(255)), { maxLength: 8 }),
          async (changes) => {
            const spoilt = Buffer.from(bytes);
            for (const [at, byte] of changes) spoilt[at] = byte;
            writeFileSync(path, spoilt);
            const image = await openImage(path, true).catch(() => undefined);
            if (image === undefined) return;
            const read = await image.read(0, Math.min(image.size, 8 * MIB)).catch(() => undefined);
            if (read !== undefined) expect(read.length).toBe(Math.min(image.size, 8 * MIB));
            await image.close();
          },
        ),
        { numRuns: 60 },
      );
    });
  },
);
