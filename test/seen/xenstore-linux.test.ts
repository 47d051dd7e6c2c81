/** The tree of a Linux guest that runs, beside the real one's (shared/golden/trace/xenstore), permissions too. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

const GOLDEN = new URL("../../../shared/golden/trace/xenstore/10-pv-2.xenstore-ls-fp.txt", import.meta.url);
const REAL_DOMID = 4;
const without = existsSync(GOLDEN) ? noGuests : "no transcripts of a real Xen here (shared/golden)";

/** The real guest had a disk and a network card besides; dom0's cpu/ appears there with the first `xl vcpu-set 0`. */
const notOurs = (line: string): boolean =>
  line === "" || /\/(vbd|vif)\b/.test(line) || line.startsWith("/local/domain/0/cpu");

/** What differs from run to run, and the paths of the rig. */
function same(line: string, domid: number): string {
  return line
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replace(new RegExp(`(/(?:domain|console|libxl)/)${domid}(?=[/" ])`, "g"), "$1N")
    .replace(new RegExp(`/(domid|frontend-id) = "${domid}"`), '/$1 = "N"')
    .replace(new RegExp(`([nrwb])${domid}(?=[,)])`, "g"), "$1N")
    .replace(/(ring-ref|start_time|tty|image\/kernel|image\/ramdisk) = "[^"]+"/, '$1 = "…"');
}

describe.skipIf(guestsDirectory === undefined || !existsSync(GOLDEN))(`a running Linux (${without})`, () => {
  const m = machine();
  afterAll(() => m.close());

  it("has the real guest's tree, the nodes that it writes itself among them", {
    timeout: 240_000,
  }, async () => {
    const config = join(m.state, "xpv.cfg");
    writeFileSync(
      config,
      [
        'name = "xpv"',
        'type = "pv"',
        `kernel = "${guestsDirectory}/vmlinuz-cloud"`,
        `ramdisk = "${guestsDirectory}/initrd.img"`,
        'extra = "console=hvc0 cryptomgr.notests"',
        "memory = 256",
        "",
      ].join("\n"),
    );
    expect(await m.run("xl", "create", "-q", config)).toMatchObject({ status: 0 });
    const domid = Number((await m.run("xl", "domid", "xpv")).stdout);
    const feature = `/local/domain/${domid}/control/feature-suspend`;
    for (let n = 0; n < 400; n++) {
      if ((await m.runWith({}, "xenstore-read", feature)).stdout === "1\n") break;
      await sleep(250);
    }
    const listed = await m.runWith({}, "xenstore-ls", "-fp");
    const wanted = readFileSync(GOLDEN, "utf8").split("\n");
    expect(
      listed.stdout
        .split("\n")
        .filter((line) => !notOurs(line))
        .map((line) => same(line, domid)),
    ).toEqual(wanted.filter((line) => !notOurs(line)).map((line) => same(line, REAL_DOMID)));
  });
});
