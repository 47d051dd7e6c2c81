/** Locks on images, among processes that really run. */
import { type ChildProcess, spawn } from "node:child_process";
import { linkSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { Disks } from "../../../src/host/disks/disks.ts";
import { ImageBusy } from "../../../src/host/disks/image.ts";
import { lockImage } from "../../../src/host/disks/locks.ts";
import { openImage } from "../../../src/host/disks/open.ts";
import { Outside } from "../../../src/host/outside.ts";
import { FakeClock } from "../../support/fake-gate.ts";

const scratch = mkdtempSync(join(tmpdir(), "xlab-locks-"));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(scratch, { recursive: true }));

let made = 0;
const place = (): string => join(scratch, `${++made}`);
function image(): string {
  const path = place();
  writeFileSync(path, new Uint8Array(4096));
  return path;
}

test.each([
  ["w", "w", false],
  ["w", "r", false],
  ["r", "w", false],
  ["r", "r", true],
] as const)("one has it for %s, another wants it for %s: %s", (first, second, fine) => {
  const directory = place();
  const held = lockImage("1:2", first, "first", directory);
  expect(held.ok).toBe(true);
  const wanted = lockImage("1:2", second, "second", directory);
  expect(wanted.ok).toBe(fine);
  if (!wanted.ok) expect(wanted.holder).toEqual({ mode: first, pid: process.pid, says: "first" });
  expect(lockImage("1:20", second, "another image", directory).ok).toBe(true);
  if (held.ok) held.release();
  if (wanted.ok) wanted.release();
  expect(lockImage("1:2", "w", "later", directory).ok).toBe(true);
});

test("what a dead process left does not count, nor does its number given to another", async () => {
  const directory = place();
  lockImage("1:2", "r", "us", directory);
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
  children.push(child);
  const [ours = ""] = readdirSync(directory);
  writeFileSync(
    join(directory, ours.replace(`.${process.pid}.`, `.${child.pid}.`).replace(/r$/, "w")),
    "x\n",
  );
  writeFileSync(join(directory, `1-2.${2 ** 22 + 5}.1.1.w`), "x\n");
  expect(lockImage("1:2", "r", "again", directory).ok).toBe(true);
  expect(readdirSync(directory)).toHaveLength(2);
});

test("the same file by another path, a link or a hard link is the same image", async () => {
  const path = image();
  const [link, hard] = [place(), place()];
  symlinkSync(path, link);
  linkSync(path, hard);
  const held = await openImage(path, "raw", false, "/dev/loop0 domain 1");
  for (const other of [path, link, hard, `${scratch}/../${path}`.replace(`../${scratch}`, "")])
    await expect(openImage(other, "raw", true, "x")).rejects.toThrow(ImageBusy);
  await held.close();
  await (await openImage(hard, "raw", false, "x")).close();
});

test("a second writer is told so in the block script's words, and by whom", async () => {
  const path = image();
  const outside = new Outside({
    clock: new FakeClock(),
    mode: "real",
    hold: () => {},
    kick: () => {},
    failed: () => {},
  });
  const [one, two] = [new Disks(outside, () => {}), new Disks(outside, () => {})];
  const wish = { ask: "attach-disk", devid: 51712, path, format: "raw" } as const;
  expect(await one.answer({ ...wish, domid: 3, readonly: false })).toMatchObject({
    ok: true,
    node: "/dev/loop0",
  });
  expect(await two.answer({ ...wish, domid: 4, readonly: false })).toEqual({
    ok: false,
    pid: process.pid,
    why: `File ${path} is loopback-mounted through /dev/loop0,\nwhich is mounted in a guest domain,\nand so cannot be mounted now.`,
    hint: `${path} is written by domain 3 of the xlab host with pid ${process.pid}; one guest may write an image, or many read it`,
  });
  expect(await two.answer({ ...wish, domid: 4, readonly: true })).toMatchObject({
    why: `File ${path} is loopback-mounted through /dev/loop0,\nwhich is mounted read-write in a guest domain,\nand so cannot be mounted read-only now.`,
  });
  await one.answer({ ask: "detach-disk", domid: 3, devid: 51712 });
  expect(await two.answer({ ...wish, domid: 4, readonly: false })).toMatchObject({ ok: true });
  await two.closeAll();
});
