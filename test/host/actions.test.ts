/** What becomes of a guest that ends, for every on_* action: beside the real machine's logs (shared/golden/actions). */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SHUTDOWN } from "../../src/abi/hypercall.ts";
import type { Host } from "../../src/host/host.ts";
import type { CreateRequest } from "../../src/host/types.ts";
import { parseDomainConfig } from "../../src/toolstack/config/parse.ts";
import { goldenExists, noGolden } from "../cli/golden.ts";
import { haveHello, helloRequest, withHost } from "./guest.ts";

let state = "";
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "xlab-actions-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const GOLDEN = new URL("../../../shared/golden/actions/", import.meta.url);
const transcripts = goldenExists ? readdirSync(GOLDEN).filter((name) => name.endsWith(".txt")) : [];

/** `extra = "p2"` of the rig's guest: how it ends. */
const REASONS: Readonly<Record<string, number>> = {
  p: SHUTDOWN.poweroff,
  r: SHUTDOWN.reboot,
  c: SHUTDOWN.crash,
  s: SHUTDOWN.soft_reset,
};

/** A config's text as a request for our own guest, which ends with `reason` after a tick. */
function request(text: string, reason: number, more: string[] = []): CreateRequest {
  const overrides = [`extra="ticks=1 ms=10 end=${reason}"`, ...more];
  const uuid = Uint8Array.from({ length: 16 }, (_, n) => n + 1);
  const { config, libxl } = parseDomainConfig({ text, source: "golden", overrides, uuid });
  return { ...helloRequest(), config, libxl };
}

/** Starts it, and waits until its monitor has written `count` lines or has nothing left to do. Ours, for people, do not count. */
async function monitored(host: Host, wanted: CreateRequest, count: number): Promise<string[]> {
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    host
      .create({
        ...wanted,
        monitorLog: (line) => {
          if (line.startsWith("xlab: ")) return;
          lines.push(line);
          if (lines.length === count) resolve();
        },
        monitorDone: resolve,
      })
      .catch(reject);
  });
  return lines.slice(0, count);
}

/** Domids by the order in which they come up; pids and minutes are of their day. */
function comparable(lines: readonly string[]): string[] {
  const known = new Map<string, number>();
  const order = (domid: string): number => {
    const n = known.get(domid) ?? known.size + 1;
    known.set(domid, n);
    return n;
  };
  return lines.map((line) =>
    line
      .replace(/\b([Dd]omain |domid )(\d+)/g, (_, word: string, domid: string) => `${word}${order(domid)}`)
      .replace(/pid \d+/, "pid N")
      .replace(/\d{8}T\d{4}Z/g, "MINUTE"),
  );
}

interface Golden {
  readonly text: string;
  readonly reason: number;
  readonly log: readonly string[];
  /** Name, state and reason of what `xl list -v` showed at the end. */
  readonly left: readonly string[];
}

function golden(name: string): Golden {
  const steps = readFileSync(new URL(name, GOLDEN), "utf8").split(/^\$ /m);
  const output = (command: RegExp): string =>
    steps
      .find((step) => command.test(step))
      ?.replace(/^.*\n/, "")
      .split("--- stderr")[0] ?? "";
  const text = output(/^cat \/guests/);
  const own = /name = "(.*)"/.exec(text)?.[1] ?? "";
  const rows = output(/^xl list -v/)
    .split("\n")
    .map((row) => row.split(/\s+/))
    .filter(([shown = ""]) => shown === own || shown.startsWith(`${own}-2`));
  return {
    text,
    reason: REASONS[/extra = "(.)/.exec(text)?.[1] ?? ""] ?? -1,
    log: output(/^cat \/var\/log/)
      .split("\n")
      .filter((line) => line !== ""),
    left: rows.map(([shown, , , , how, , , code]) => `${shown} ${how} ${code}`),
  };
}

const left = (host: Host, name: string): string[] =>
  host
    .list()
    .filter((row) => row.name?.startsWith(name))
    .map((row) => {
      const letter = "-rscwS"[row.shutdownCode] ?? "?";
      return `${row.name} ${row.shutdown ? `---s${letter}-` : "running"} ${row.shutdown ? row.shutdownCode : "-"}`;
    });

describe.skipIf(!haveHello || !goldenExists)(`beside the real machine (${noGolden})`, () => {
  it.each(transcripts)("%s", async (name) => {
    const { text, reason, log, left: remaining } = golden(name);
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const lines = await monitored(host, request(text, reason), log.length);
      expect(comparable(lines)).toEqual(comparable(log));
      // Where the monitor has ended the listing stays; elsewhere it is a matter of the moment.
      if (remaining.length > 0 && !/^Waiting|Rebooting/.test(log.at(-1) ?? "")) {
        const own = /name = "(.*)"/.exec(text)?.[1] ?? "";
        expect(comparable(left(host, own))).toEqual(comparable(remaining));
      }
    });
  });
});

describe.skipIf(!haveHello)("an end", () => {
  const config = (more: string): string => `name="g"\nkernel="k"\nmemory=16\n${more}`;

  it("by Xen's watchdog is on_watchdog's affair", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const wanted = request(config('on_watchdog="preserve"'), 0, ['extra="stay ticks=0 watchdog=2"']);
      expect(comparable(await monitored(host, wanted, 9))).toEqual([
        "Waiting for domain 1 (domid 1) to die [pid N]".replace("domain 1", "domain g"),
        "Domain 1 has shut down, reason code 4 0x4",
        "Action for shutdown reason code 4 is preserve",
        "Done. Exiting now",
      ]);
      expect(left(host, "g")).toEqual(["g ---sw- 4"]);
      expect(host.dmesg(false)).toContain("(XEN) Watchdog timer fired for domain 1");
    });
  });

  it("with rename-restart leaves two domains of one handle, each with a /vm entry of its own", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      await monitored(host, request(config('on_poweroff="rename-restart"'), 0), 6);
      const [old, fresh] = host.list().filter((row) => row.name?.startsWith("g"));
      expect(old?.name).toMatch(/^g-\d{8}T\d{4}Z$/);
      expect(fresh?.name).toBe("g");
      expect(old?.handle).toEqual(fresh?.handle);
    });
  });

  it("pauses two seconds of the model's time before the next life", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const at: number[] = [];
      await new Promise<void>((resolve, reject) => {
        const wanted = request(config('on_poweroff="restart"'), 0);
        const monitorLog = (line: string): void => {
          if (/^Done|^Waiting/.test(line)) at.push(host.status().virtualNanos);
          if (at.length === 3) resolve();
        };
        host.create({ ...wanted, monitorLog }).catch(reject);
      });
      const pause = ((at[2] ?? 0) - (at[1] ?? 0)) / 1e9;
      expect(pause).toBeGreaterThan(2);
      expect(pause).toBeLessThan(2.5);
    });
  });

  it("that asks for a core file has one where the dump directory is; the guest must have said where its frames are", async () => {
    mkdirSync(join(state, "dump"));
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const lines = await monitored(host, request(config('on_crash="coredump-destroy"'), 3), 20);
      expect(lines.slice(3, 6)).toEqual([
        "dumping core to /var/lib/xen/dump/g",
        "xc: error: p2m_size < nr_pages -1 (1 < fff: Internal error",
        "libxl: error: libxl_domain.c:603:libxl_domain_core_dump: Domain 1:Core dumping domain to /var/lib/xen/dump/g: Success",
      ]);
      expect(readFileSync(join(state, "dump/g"))).toHaveLength(0);
    });
  });

  it("after xl rename and mem-set: the next life has the new name and the new size", async () => {
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const wanted = request(config('on_poweroff="restart"'), 0, ['extra="ticks=1 ms=5000 end=0"']);
      const lines: string[] = [];
      const domid = await host.create({ ...wanted, monitorLog: (line) => lines.push(line) });
      host.life.rename(domid, "g", "h");
      host.life.memSet(domid, 12 * 1024);
      expect(host.life.configs(domid)[0]?.json).toContain('"target_memkb": 12288');
      await host.waitForEnd(domid);
      while (lines.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(lines[5]).toMatch(/^Waiting for domain h \(domid 2\) to die/);
      expect(host.list().find((row) => row.name === "h")?.totPages).toBe(3072);
    });
  });

  it("after xl config-update: the next life is built from the text that was left", async () => {
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const wanted = request(config('on_poweroff="restart"'), 0, ['extra="ticks=1 ms=5000 end=0"']);
      const lines: string[] = [];
      const domid = await host.create({ ...wanted, monitorLog: (line) => lines.push(line) });
      const text = 'name="g"\nkernel="k"\nmemory=20\nextra="stay"\n';
      host.life.updateConfig(domid, text, "new.cfg");
      expect(() => host.life.updateConfig(domid, "name=", "new.cfg")).toThrow("config parsing error");
      await host.waitForEnd(domid);
      while (lines.length < 8) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(lines).toContain('"xl" configuration found, using it');
      expect(host.list().find((row) => row.name === "g")?.totPages).toBe(5120);
      await host.stop();
      expect(readdirSync(state).filter((name) => name.startsWith("userdata-d."))).toEqual([
        "userdata-d.2.01020304-0506-0708-090a-0b0c0d0e0f10.libxl-json",
      ]);
    });
  });
});
