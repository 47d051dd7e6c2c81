/** A whole machine in this process: our own small guest, and kernels made to fail. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Domid } from "../../src/abi/types.ts";
import { Host } from "../../src/host/host.ts";
import type { CreateRequest } from "../../src/host/types.ts";
import { XlError } from "../../src/toolstack/error.ts";
import { linuxNotes, makeElf, VIRT_BASE } from "../image/make-elf.ts";
import { domainConfig, haveHello, helloRequest, printed, withHost } from "./guest.ts";

let state = "";
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "xlab-host-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const logged = (name: string): string => readFileSync(join(state, "log", name), "utf8");

/** A kernel whose first instructions are these. */
function kernelOf(code: readonly number[], more: Parameters<typeof domainConfig>[0] = {}): CreateRequest {
  const entry = VIRT_BASE + 0x100000n;
  const bytes = Uint8Array.from([...code, ...new Array<number>(64).fill(0x90)]);
  const elf = makeElf({ notes: linuxNotes(entry), segments: [{ paddr: 0x100000n, vaddr: entry, bytes }] });
  return {
    config: domainConfig({ name: "raw", kernel: "raw.elf", ...more }),
    files: { kernel: { path: "raw.elf", bytes: elf } },
    paused: false,
  };
}
const UD2 = [0x0f, 0x0b];
/** jmp . */
const SPIN = [0xeb, 0xfe];

describe.skipIf(!haveHello)("a guest from create to its end", () => {
  test("prints, ticks, powers off and is gone; everything is in the logs", async () => {
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const domid = await host.create(helloRequest({}, true));
      expect(host.info(domid)).toMatchObject({ name: "hello", paused: true, totPages: 4096, maxPages: 4352 });
      expect(host.domidOf("hello")).toBe(domid);
      const console = printed(host, domid);
      await host.unpause(domid);
      expect(await host.waitForEnd(domid)).toEqual({ how: "shutdown", reason: 0 });
      await console.ended;
      expect(console.text()).toMatch(/Hello! I am "hello".*domain {4}1\r?\n.*tick 5 at/s);
      await host.create(helloRequest({ name: "later" }, true));
      expect(host.info(domid)).toBeUndefined();
      expect(host.attachConsole(domid, { data() {}, end() {} }, false)).toBeUndefined();
      expect(await host.waitForEnd(domid)).toEqual({ how: "shutdown", reason: 0 });
      await host.stop();
      expect(logged("console/guest-hello.log")).toBe(console.text());
      expect(logged("hypervisor.log")).toContain("(XEN) Xen version 4.17");
      expect(logged("xl-hello.log").replace(/pid \d+/, "pid N")).toBe(
        [
          "Waiting for domain hello (domid 1) to die [pid N]",
          "Domain 1 has shut down, reason code 0 0x0",
          "Action for shutdown reason code 0 is destroy",
          "Domain 1 needs to be cleaned up: destroying the domain",
          "Done. Exiting now",
          "",
        ].join("\n"),
      );
    });
  });

  test("who attaches late sees all of it, and a slow reader misses nothing", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const request = helloRequest({ on: { ...domainConfig().on, poweroff: "preserve" } });
      const domid = await host.create(request);
      const quick = printed(host, domid);
      let slow = "";
      host.attachConsole(
        domid,
        {
          data: async (bytes) => {
            await new Promise((resolve) => setTimeout(resolve, 2));
            slow += Buffer.from(bytes).toString("latin1");
          },
          end() {},
        },
        false,
      );
      await host.waitForEnd(domid);
      expect(host.info(domid)).toMatchObject({ shutdown: true, name: "hello" });
      const late = printed(host, domid);
      await host.destroy(domid);
      await Promise.all([quick.ended, late.ended]);
      expect(late.text()).toBe(quick.text());
      expect(slow).toBe(quick.text());
    });
  });

  test("the same seed and inputs give the same run, to the byte and the nanosecond, whoever reads how fast", async () => {
    const runs: unknown[] = [];
    for (const pace of [0, 3]) {
      await withHost({ clock: "warp", seed: 7 }, async (host) => {
        let text = "";
        let closed: () => void = () => {};
        const console = new Promise<void>((resolve) => {
          closed = resolve;
        });
        const domid = await host.create(helloRequest({ cmdline: "stay" }, true));
        const attachment = host.attachConsole(
          domid,
          {
            data: async (bytes) => {
              if (pace > 0) await new Promise((resolve) => setTimeout(resolve, pace));
              text += Buffer.from(bytes).toString("latin1");
              if (/tick 2 at [\d.]+ s\r?\n$/.test(text)) attachment?.write(Buffer.from("early\r"));
              if (text.endsWith("> ")) attachment?.write(Buffer.from("exit\r"));
            },
            end: () => closed(),
          },
          false,
        );
        await host.unpause(domid);
        const end = await host.waitForEnd(domid);
        await console;
        runs.push({ text, end, instructions: host.status().instructions });
      });
    }
    expect(runs[0]).toMatchObject({ end: { how: "shutdown", reason: 0 } });
    expect(runs[1]).toEqual(runs[0]);
  });

  test("restarts get a new domid, the same log file, and go on in the monitor's log", async () => {
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const lines: string[] = [];
      const again = new Promise<void>((resolve) => {
        const monitorLog = (line: string): void => {
          lines.push(line.replace(/pid \d+/, "pid N"));
          if (line.startsWith("Waiting") && lines.length > 1) resolve();
        };
        const on = { ...domainConfig().on, poweroff: "restart" } as const;
        void host.create({ ...helloRequest({ on }), monitorLog });
      });
      await again;
      expect(lines).toEqual([
        "Waiting for domain hello (domid 1) to die [pid N]",
        "Domain 1 has shut down, reason code 0 0x0",
        "Action for shutdown reason code 0 is restart",
        "Domain 1 needs to be cleaned up: destroying the domain",
        "Done. Rebooting now",
        "Waiting for domain hello (domid 2) to die [pid N]",
      ]);
      await host.waitForEnd(Domid(2));
      await host.stop();
      expect(logged("console/guest-hello.log").match(/Hello!/g)).toHaveLength(2);
    });
  });

  test("in real time virtual time does not run ahead of the wall", async () => {
    const started = process.hrtime.bigint();
    await withHost({ clock: "real" }, async (host) => {
      const domid = await host.create(helloRequest());
      await host.waitForEnd(domid);
      const wall = Number(process.hrtime.bigint() - started);
      const virtual = host.status().virtualNanos;
      expect(virtual).toBeGreaterThan(1e9);
      expect(virtual).toBeLessThanOrEqual(wall);
    });
  });

  test("somebody at the console is told of in xenstore, so that the guest stays", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const domid = await host.create(helloRequest({}, true));
      const console = printed(host, domid, true);
      await host.unpause(domid);
      while (!console.text().includes("> ")) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(host.info(domid)?.shutdown).toBe(false);
      console.attachment?.write(Buffer.from("exit\r"));
      expect(await host.waitForEnd(domid)).toEqual({ how: "shutdown", reason: 0 });
    });
  });
});

describe("guests that fail", () => {
  test("one that dies at birth leaves words: registers in the log, a line for people", async () => {
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const domid = await host.create(kernelOf(UD2));
      const end = await host.waitForEnd(domid);
      expect(end).toMatchObject({ how: "shutdown", reason: 3 });
      expect(end.how === "shutdown" ? end.lastWords : "").toMatch(/e033:\[<ffffffff80100000>\]/);
      expect(host.dmesg(false)).toMatch(/RIP: +e033:\[<ffffffff80100000>\]/);
      expect(host.lastWords(domid)).not.toContain("\n");
    });
  });

  test("a create that fails throws xl's lines and leaves nothing", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const request = kernelOf(SPIN);
      const bad = {
        ...request,
        files: { kernel: { path: "/no/such", unreadable: "No such file or directory" } },
      };
      const error = await host.create(bad).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(XlError);
      expect((error as XlError).lines[0]).toContain(
        "failed to open file '/no/such': No such file or directory",
      );
      expect(host.list().map((row) => row.domid)).toEqual([0]);
      expect(await host.create(request)).toBe(2);
      const taken = await host.create(request).catch((reason: unknown) => reason);
      expect((taken as XlError).lines[0]).toContain('Domain 3:Domain with name "raw" already exists.');
      expect(host.list().map((row) => row.domid)).toEqual([0, 2]);
    });
  });

  test("memory comes back, frames and slots, over many lives", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const used = (): number[] => [host.physinfo().freePages, host.status().slotsUsed];
      await host.create(kernelOf(UD2)).then((domid) => host.waitForEnd(domid));
      await host.create(kernelOf(SPIN)).then((domid) => host.destroy(domid));
      const before = used();
      for (let life = 0; life < 10; life++) {
        const domid = await host.create(kernelOf(life % 2 === 0 ? UD2 : SPIN, { name: `life${life}` }));
        if (life % 2 === 0) await host.waitForEnd(domid);
        else await host.destroy(domid);
      }
      await host.create(kernelOf(SPIN, { name: "last" })).then((domid) => host.destroy(domid));
      expect(used()).toEqual(before);
    });
  });
});

describe("the machine itself", () => {
  test("answers within 100 ms while a guest computes", async () => {
    await withHost({ clock: "real" }, async (host) => {
      const domid = await host.create(kernelOf(SPIN));
      let slowest = 0;
      for (let n = 0; n < 20; n++) {
        const asked = performance.now();
        await new Promise((resolve) => setImmediate(resolve));
        expect(host.list()).toHaveLength(2);
        slowest = Math.max(slowest, performance.now() - asked);
      }
      expect(slowest).toBeLessThan(100);
      expect(host.info(domid)?.cpuTime).toBeGreaterThan(0);
      await host.destroy(domid);
    });
  });

  test("pauses nest, and what is not there is refused in libxl's words", async () => {
    await withHost({ clock: "warp" }, async (host) => {
      const domid = await host.create({ ...kernelOf(SPIN), paused: true });
      await host.pause(domid);
      await host.unpause(domid);
      expect(host.info(domid)?.paused).toBe(true);
      await expect(host.destroy(Domid(99))).rejects.toMatchObject({ exitCode: 1 });
      await expect(host.destroy(Domid(0))).rejects.toMatchObject({ exitCode: 1 });
      await expect(host.unpause(Domid(99))).rejects.toMatchObject({ exitCode: 0 });
    });
  });

  test("stop ends what is under way and writes out the logs", async () => {
    const host = await Host.start({ clock: "real", stateDirectory: state });
    const lines: string[] = [];
    const domid = await host.create({ ...kernelOf(SPIN), monitorLog: (line) => lines.push(line) });
    const waiting = host.waitForEnd(domid).catch((error: unknown) => error);
    const console = printed(host, domid);
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await host.stop();
    expect(await waiting).toBeInstanceOf(Error);
    await console.ended;
    await expect(host.create(kernelOf(SPIN))).rejects.toThrow("stopped");
    expect(logged("xl-raw.log")).toContain("Waiting for domain raw");
  });

  test("a name cannot lead a log out of its directory", async () => {
    await withHost({ clock: "warp", stateDirectory: state }, async (host) => {
      const domid = await host.create(kernelOf(SPIN, { name: "../../up" }));
      await host.destroy(domid);
      await host.stop();
      expect(readdirSync(join(state, "log")).sort()).toEqual(["hypervisor.log", "xl-.._.._up.log"]);
    });
  });

  test("two machines in one process do not know of each other", async () => {
    await withHost({ clock: "warp" }, async (one) => {
      await withHost({ clock: "warp" }, async (two) => {
        await one.create(kernelOf(SPIN, {}));
        expect(two.list()).toHaveLength(1);
        expect(await two.create({ ...kernelOf(SPIN), paused: true })).toBe(1);
      });
    });
  });
});
