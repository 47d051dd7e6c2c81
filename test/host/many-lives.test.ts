/** Guests come and go, and nothing of them stays: frames, slots, channels, timers, userdata. XLAB_LIVES=1000 for more. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Host } from "../../src/host/host.ts";
import { haveHello, helloRequest, withHost } from "./guest.ts";

const LIVES = Number(process.env["XLAB_LIVES"] ?? 200);

/** Lines of the log that one key brings. */
function linesOf(host: Host, key: string, of: RegExp): number {
  host.dmesg(true);
  host.life.debugKeys(key);
  return host
    .dmesg(true)
    .split("\n")
    .filter((line) => of.test(line)).length;
}

const measured = (host: Host) => ({
  domains: host.list().length,
  freePages: host.physinfo().freePages,
  slots: host.status().slotsUsed,
  channels: linesOf(host, "e", /\[\d\/\d\/\d]:/),
  grants: linesOf(host, "g", /^\(XEN\) \[0x/),
});

async function live(host: Host, lives: number): Promise<void> {
  const request = helloRequest({ cmdline: "ticks=1 ms=1" });
  for (let n = 0; n < lives; n++) {
    const domid = await host.create({ ...request, ...(n % 2 === 0 ? {} : { monitor: "none" }) });
    await host.waitForEnd(domid);
    if (n % 2 === 1) await host.destroy(domid);
    while (host.info(domid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

test.skipIf(!haveHello)(
  `${LIVES} guests leave a machine as they found it`,
  { timeout: 1_200_000 },
  async () => {
    await withHost({ clock: "warp" }, async (host) => {
      await live(host, 20); // caches are filled once
      global.gc?.();
      const before = measured(host);
      const { rss, heapUsed } = process.memoryUsage();
      const started = process.hrtime.bigint();
      await live(host, LIVES);
      const millis = Number(process.hrtime.bigint() - started) / 1e6;
      global.gc?.();
      const after = measured(host);
      const now = process.memoryUsage();
      const grown = now.rss - rss;
      const timers = linesOf(host, "a", /ex=/);
      console.log(
        `${LIVES} lives, ${(millis / LIVES).toFixed(1)} ms each; before ${JSON.stringify(before)}, after ${JSON.stringify(after)}; ` +
          `timers ${timers}; RSS ${(rss / 2 ** 20).toFixed(0)} MiB, grown by ${(grown / 2 ** 20).toFixed(1)} MiB, heap by ${((now.heapUsed - heapUsed) / 2 ** 20).toFixed(1)} MiB`,
      );
      expect(after).toEqual(before);
      expect(timers).toBeLessThan(8);
      expect(grown / LIVES).toBeLessThan(200_000);
    });
  },
);

/** Where the system tells which files a process has open. */
const OPEN_FILES = "/proc/self/fd";

test.skipIf(!haveHello || !existsSync(OPEN_FILES))(
  "the files of guests that are gone are closed, and nothing but logs stays (needs /proc)",
  async () => {
    const state = mkdtempSync(join(tmpdir(), "xlab-lives-"));
    const opened = (): number => readdirSync(OPEN_FILES).length;
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      await live(host, 2);
      const before = opened();
      await live(host, 30);
      await expect.poll(opened, { timeout: 10_000 }).toBeLessThanOrEqual(before);
    });
    expect(readdirSync(state).filter((name) => name.startsWith("userdata"))).toEqual([]);
    rmSync(state, { recursive: true });
  },
);
