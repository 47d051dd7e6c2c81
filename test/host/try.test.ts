import { test, expect } from "vitest";
import { helloRequest, printed, withHost } from "/work/main/test/host/guest.ts";
test("hello in warp", async () => {
  await withHost({ clock: "warp", stateDirectory: "/tmp/dom0-state" }, async (host) => {
    const t0 = performance.now();
    const domid = await host.create(helloRequest());
    console.log("created", domid, performance.now() - t0);
    const out = printed(host, domid);
    const end = await host.waitForEnd(domid);
    console.log(end, performance.now() - t0);
    await out.ended;
    console.log(out.text());
    console.log(host.list(), host.status());
    console.log(host.dmesg(false));
  });
}, 60000);
