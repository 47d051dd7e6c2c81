/** Bad input of every kind: a clear error, the right status, nothing left behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

const hello = resolve("build/hello.elf");

describe("bad input", () => {
  const m = machine();
  afterAll(() => m.close());
  let count = 0;
  const config = (...lines: string[]): string => {
    const path = join(m.state, `bad-${count++}.cfg`);
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };
  const file = (name: string, bytes: Uint8Array | string): string => {
    const path = join(m.state, name);
    writeFileSync(path, bytes);
    return path;
  };
  const nothingLeft = async () => {
    const { stdout } = await m.run("xl", "list");
    expect(
      stdout
        .split("\n")
        .slice(1)
        .filter((line) => line && !line.startsWith("Domain-0")),
    ).toEqual([]);
  };

  it.each([
    ["a truncated kernel", () => file("short.elf", readFileSync(hello).subarray(0, 200))],
    ["a kernel that is no kernel", () => file("text", "this is not a kernel\n".repeat(100))],
    ["an empty kernel", () => file("empty", "")],
    ["a truncated gzip", () => file("cut.gz", gzipSync(readFileSync(hello)).subarray(0, 100))],
    [
      "a directory as kernel",
      () => {
        mkdirSync(join(m.state, "directory"), { recursive: true });
        return join(m.state, "directory");
      },
    ],
    ["no kernel", () => join(m.state, "does-not-exist")],
  ])("%s: status 3, libxl's lines and one of ours", async (_what, kernel) => {
    const ran = await m.run("xl", "create", config('name="bad"', `kernel="${kernel()}"`, "memory=32"));
    expect(ran.status).toBe(3);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/libxl: error: /);
    expect(ran.stderr.trimEnd().split("\n").at(-1)).not.toMatch(/^(libxl|xc):/);
    await nothingLeft();
  });

  it("hostile ELF headers: refused, quickly", { timeout: 60_000 }, async () => {
    const good = readFileSync(hello);
    for (const [offset, value] of [
      [32, 0xff],
      [54, 0xff],
      [56, 0xff],
      [64 + 8, 0xf0],
      [64 + 32, 0xff],
      [64 + 40, 0xff],
      [24, 0xff],
    ] as const) {
      const bad = Buffer.from(good);
      bad.fill(value, offset, offset + 8);
      const ran = await m.run(
        "xl",
        "create",
        "-p",
        config('name="bad"', `kernel="${file("hostile", bad)}"`, "memory=32"),
      );
      expect([0, 3]).toContain(ran.status);
      expect(ran.millis).toBeLessThan(10_000);
      if (ran.status === 0) await m.run("xl", "destroy", "bad");
    }
    await nothingLeft();
  });

  it.skipIf(guestsDirectory === undefined)(
    `a truncated Debian kernel, an empty initrd, memory=1 (${noGuests})`,
    { timeout: 60_000 },
    async () => {
      const kernel = join(guestsDirectory ?? "", "vmlinuz-cloud");
      const cut = await m.run(
        "xl",
        "create",
        config(
          'name="cut"',
          `kernel="${file("cut-vmlinuz", readFileSync(kernel).subarray(0, 9_000_000))}"`,
          "memory=256",
        ),
      );
      expect(cut.status).toBe(3);
      const tiny = await m.run("xl", "create", config('name="tiny"', `kernel="${kernel}"`, "memory=1"));
      expect(tiny.status).toBe(3);
      const empty = await m.run(
        "xl",
        "create",
        config('name="empty"', `kernel="${kernel}"`, `ramdisk="${file("empty-initrd", "")}"`, "memory=256"),
      );
      expect([0, 3]).toContain(empty.status);
      if (empty.status === 0) await m.run("xl", "destroy", "empty");
      await nothingLeft();
    },
  );

  it("an unreadable config and the same name twice", async () => {
    const missing = await m.run("xl", "create", join(m.state, "nowhere.cfg"));
    expect(missing).toMatchObject({ status: 3, stdout: "" });
    expect(missing.stderr).toContain("nowhere.cfg: No such file or directory");
    const path = config('name="twin"', `kernel="${hello}"`, "memory=32");
    expect((await m.run("xl", "create", "-p", path)).status).toBe(0);
    const twice = await m.run("xl", "create", "-p", path);
    expect(twice.status).toBe(3);
    expect(twice.stderr).toMatch(/Domain with name "twin" already exists/);
    expect((await m.run("xl", "destroy", "twin")).status).toBe(0);
    await nothingLeft();
  });

  it("a host killed by SIGKILL is replaced by the next command", async () => {
    expect(
      (await m.run("xl", "create", "-p", config('name="victim"', `kernel="${hello}"`, "memory=32"))).status,
    ).toBe(0);
    const status = await m.run("xlab", "host", "status");
    const pid = Number(/pid\D+(\d+)/.exec(status.stdout)?.[1]);
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, "SIGKILL");
    const listed = await m.run("xl", "list");
    expect(listed.status).toBe(0);
    expect(listed.stdout).not.toContain("victim");
    await nothingLeft();
    const sockets = readdirSync(m.state).filter((name) => /sock/.test(name));
    expect(sockets.length).toBeLessThanOrEqual(1);
    expect(existsSync(join(m.state, "log"))).toBe(true);
  });
});
