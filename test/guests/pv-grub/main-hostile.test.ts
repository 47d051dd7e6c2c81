/** What a hostile disk can do to PV-GRUB is done to its own domain; and nobody else reads that disk's content. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { demoDisk } from "../../../src/guests/pv-grub/demo-disk.ts";
import { GrubFiles } from "../../../src/guests/pv-grub/files.ts";
import type { CreateRequest } from "../../../src/host/types.ts";
import { parseDomainConfig } from "../../../src/toolstack/config/parse.ts";
import { haveHello, helloRequest, printed, withHost } from "../../host/guest.ts";

/** Where readers of disks were stepped from: filled by the mocks below. */
const steps = vi.hoisted(() => ({ inside: 0, outside: [] as string[] }));

const watched = vi.hoisted(() => {
  /** The same reader; each step's stack is looked at. */
  return <A extends unknown[], T>(reader: (...args: A) => Generator<unknown, T, unknown>) =>
    function* (...args: A): Generator<unknown, T, unknown> {
      const inner = reader(...args);
      let sent: unknown;
      for (;;) {
        const limit = Error.stackTraceLimit;
        Error.stackTraceLimit = 100;
        const stack = new Error("here").stack ?? "";
        Error.stackTraceLimit = limit;
        if (stack.includes("guests/minios/kernel.ts")) steps.inside++;
        else steps.outside.push(stack);
        const step = inner.next(sent);
        if (step.done === true) return step.value;
        sent = yield step.value;
      }
    };
});

vi.mock("../../../src/image/fs/probe.ts", async (original) => {
  const real = await original<typeof import("../../../src/image/fs/probe.ts")>();
  return { ...real, probe: watched(real.probe as never) };
});
vi.mock("../../../src/image/partitions/partitions.ts", async (original) => {
  const real = await original<typeof import("../../../src/image/partitions/partitions.ts")>();
  return { ...real, readPartitions: watched(real.readPartitions as never) };
});

const scratch = mkdtempSync(join(tmpdir(), "xlab-hostile-"));
afterAll(() => rmSync(scratch, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const HELLO = new URL("../../../build/hello.elf", import.meta.url);
let made = 0;
function request(disk: Uint8Array): CreateRequest {
  const path = join(scratch, `${++made}.img`);
  writeFileSync(path, disk);
  const { config } = parseDomainConfig({
    text: `name="grub${made}"\nkernel="pv-grub-x86_64.gz"\nmemory=16\non_crash="destroy"\ndisk=["${path},raw,xvda,w"]\n`,
    source: "grub.cfg",
    overrides: [],
    uuid: new Uint8Array(16).fill(made),
  });
  return { config, files: { kernel: { path: "pv-grub-x86_64.gz", program: "pv-grub" } }, paused: true };
}

describe.skipIf(!haveHello)("a hostile disk", () => {
  const disk = haveHello ? demoDisk(new Uint8Array(readFileSync(HELLO))) : new Uint8Array(4096);

  it("is read by nobody outside the guest's own domain", async () => {
    steps.inside = 0;
    steps.outside.length = 0;
    await withHost({ clock: "warp" }, async (host) => {
      const domid = await host.create(request(disk));
      const console = printed(host, domid);
      await host.unpause(domid);
      await host.waitForEnd(domid);
      await console.ended;
      expect(console.text()).toContain("tick 5");
    });
    expect(steps.outside).toEqual([]);
    expect(steps.inside).toBeGreaterThan(4);
  });

  it("that finds a mistake of ours ends one domain, with a message on its console", async () => {
    vi.spyOn(GrubFiles.prototype, "devices").mockImplementation(() => {
      throw new TypeError("planted");
    });
    await withHost({ clock: "warp" }, async (host) => {
      const other = await host.create(helloRequest({ cmdline: "stay" }));
      const otherConsole = printed(host, other, true);
      const domid = await host.create(request(disk));
      const console = printed(host, domid);
      await host.unpause(domid);
      expect(await host.waitForEnd(domid)).toEqual({ how: "shutdown", reason: 3 });
      await console.ended;
      expect(console.text()).toMatch(/planted[\s\S]*Do_exit called!/);
      otherConsole.attachment?.write(new TextEncoder().encode("exit\r"));
      expect(await host.waitForEnd(other)).toEqual({ how: "shutdown", reason: 0 });
    });
  });

  it("however damaged, leaves the machine running, and a person in charge or the domain at its end", {
    timeout: 120_000,
  }, async () => {
    const damage = fc.array(
      fc.tuple(
        // Where something stands: superblock, tables, directories, the menu, the kernel.
        fc.oneof(
          fc.integer({ min: 1024, max: 26 * 1024 - 1 }),
          fc.integer({ min: 5 * 1024, max: 13 * 1024 }),
        ),
        fc.integer({ min: 0, max: 255 }),
      ),
      { minLength: 1, maxLength: 40 },
    );
    await withHost({ clock: "warp" }, async (host) => {
      await fc.assert(
        fc.asyncProperty(damage, async (changes) => {
          const bytes = disk.slice();
          for (const [at, value] of changes) bytes[at] = value;
          const wanted = request(bytes);
          const domid = await host.create(wanted);
          const console = printed(host, domid);
          await host.unpause(domid);
          const ended = host.waitForEnd(domid).then(
            () => true,
            () => true,
          );
          const asked = vi.waitFor(
            () => {
              if (!/grubdom> |Press any key|GNU GRUB|go!/.test(console.text()))
                throw new Error(console.text());
            },
            { timeout: 10_000, interval: 2 },
          );
          await Promise.race([ended, asked]);
          if (host.info(domid) !== undefined) await host.destroy(domid);
          await ended;
        }),
        { numRuns: 30 },
      );
    });
  });
});
