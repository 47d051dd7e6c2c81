/** The C stub domain: built by the script with the gcc at hand, and booted. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { domainConfig, printed, withHost } from "../../host/guest.ts";

const compiler = spawnSync("gcc", ["-dumpmachine"], { encoding: "utf8" });
const why =
  compiler.error !== undefined
    ? "there is no gcc here"
    : compiler.stdout.startsWith("x86_64")
      ? ""
      : `gcc makes ${compiler.stdout.trim()} code`;

describe.skipIf(why !== "")(`a stub domain in C${why === "" ? "" : ` (skipped: ${why})`}`, () => {
  test("boots, prints through its ring, and powers off", { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "xlab-c-"));
    try {
      const elf = join(directory, "hello-c.elf");
      execFileSync("scripts/build-c-hello.sh", [elf]);
      await withHost({ clock: "warp" }, async (host) => {
        const domid = await host.create({
          config: domainConfig({
            name: "hello-c",
            kernel: elf,
            cmdline: "one two",
            memory: { targetKib: 4096, maxKib: 4096 },
          }),
          files: { kernel: { path: elf, bytes: new Uint8Array(readFileSync(elf)) } },
          paused: true,
        });
        const console = printed(host, domid);
        await host.unpause(domid);
        expect(await host.waitForEnd(domid)).toEqual({ how: "shutdown", reason: 0 });
        await console.ended;
        expect(console.text()).toBe(
          "Hello from C, on xen-3.0-x86_64.\r\nI have 1024 pages, and my arguments are: one two\r\n",
        );
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
