/** Mini-OS domains on a whole host: to the toolstack they are PV domains like any other. */
import { expect, test } from "vitest";
import type { Domid } from "../../../src/abi/types.ts";
import type { Host } from "../../../src/host/host.ts";
import type { ProgramName } from "../../../src/host/programs.ts";
import type { CreateRequest } from "../../../src/host/types.ts";
import { domainConfig, printed, withHost } from "../../host/guest.ts";

const NOT_REPEATED = { ...domainConfig().on, reboot: "destroy", crash: "destroy" } as const;

const request = (
  program: ProgramName,
  more: Parameters<typeof domainConfig>[0] = {},
  memMib = 4,
  paused = false,
): CreateRequest => ({
  config: domainConfig({
    name: program,
    kernel: `${program}.gz`,
    memory: { targetKib: memMib * 1024, maxKib: memMib * 1024 },
    on: NOT_REPEATED,
    ...more,
  }),
  files: { kernel: { path: `${program}.gz`, program } },
  paused,
});

/** Until it holds, in a warp host that has something to do. */
async function until(holds: () => boolean): Promise<void> {
  const last = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > last) throw new Error("it did not come to pass");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function whole(host: Host, domid: Domid) {
  const console = printed(host, domid);
  const end = await host.waitForEnd(domid);
  await console.ended;
  return { end, lines: console.text().split("\r\n") };
}

test("the hello greets and ends; nothing of it is left", async () => {
  await withHost({ clock: "warp" }, async (host) => {
    const before = host.physinfo().freePages;
    const domid = await host.create(request("mini-os-hello", { cmdline: "one two" }, 4, true));
    expect(host.info(domid)).toMatchObject({
      name: "mini-os-hello",
      type: "pv",
      totPages: 1024,
      paused: true,
    });
    const ending = whole(host, domid);
    await host.unpause(domid);
    const { end, lines } = await ending;
    expect(lines).toEqual([
      "Hello, world!",
      "I am mini-os-hello, with 1024 pages, and my arguments are: one two",
      "main returned 0",
      "",
    ]);
    expect(end).toEqual({ how: "shutdown", reason: 0 });
    await until(() => host.info(domid) === undefined);
    expect(host.physinfo().freePages).toBe(before);
  });
});

test("an array of 1 GiB in 32 MiB: the sample's counts, its fault, and why it died", {
  timeout: 60_000,
}, async () => {
  await withHost({ clock: "warp" }, async (host) => {
    const domid = await host.create(request("mini-os-memory", {}, 32));
    const { end, lines } = await whole(host, domid);
    expect(lines.slice(0, 8)).toEqual([
      "8192 pages of memory, 8188 free",
      "an array of 1024 MiB at 0x8000000000: 262144 pages, 0 frames; 8187 free",
      "every 1000th page written: 263 frames; 7924 free",
      `all 262144 pages read: their sum is ${(262 * 263 * 1000) / 2}; 263 frames`,
      "page 7932: no frame is left for the page at 0x8001efc000; 0 free",
      "the array is gone: 8187 free",
      'a read-only page at 0x8040001000 says "read-only"; writing to it',
      "Page fault at linear address 0x8040001000, code 3",
    ]);
    expect(lines.at(-2)).toBe("Do_exit called!");
    expect(end).toMatchObject({
      how: "shutdown",
      reason: 3,
      lastWords: "Page fault at linear address 0x8040001000, code 3",
    });
  });
});

test("it is paused and goes on, uses CPU time, and is destroyed", async () => {
  await withHost({ clock: "warp" }, async (host) => {
    const domid = await host.create(request("mini-os", {}, 32));
    const console = printed(host, domid);
    const ticks = (): number => console.text().match(/T\(s=/g)?.length ?? 0;
    await until(() => ticks() > 3);
    const used = host.info(domid)?.cpuTime ?? 0;
    expect(used).toBeGreaterThan(0);
    await host.pause(domid);
    expect(host.info(domid)).toMatchObject({ paused: true });
    const then = ticks();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ticks()).toBe(then);
    await host.unpause(domid);
    await until(() => ticks() > then + 3);
    expect(host.info(domid)?.cpuTime).toBeGreaterThan(used);
    await host.destroy(domid);
    await console.ended;
    expect(host.info(domid)).toBeUndefined();
  });
});
