/**
 * What a real `xl create -p` of 4.17 asked of xenstored, and the tree it left, beside ours (shared/golden/trace/xenstore).
 * The real guest had a disk and a network card, which ours has not: their lines are left out.
 */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { XS } from "../../../src/abi/io/xs-wire.ts";
import { Domid } from "../../../src/abi/types.ts";
import { destroyDomain } from "../../../src/toolstack/plan/destroy.ts";
import { uuidText } from "../../../src/toolstack/uuid.ts";
import { stringsOf } from "../../../src/xenstore/wire.ts";
import { Bench, UUID, wish } from "./bench.ts";

const GOLDEN = new URL("../../../../shared/golden/trace/xenstore/", import.meta.url);
const REAL_UUID = "3fef3485-82e2-4d57-a539-ded5537b7682";
const DOMID = 4;

const golden = (name: string): string[] => readFileSync(new URL(name, GOLDEN), "utf8").split("\n");
/** Without them (another checkout) there is nothing to compare with: the tests say "skipped". */
const here = existsSync(GOLDEN);

const theGuest = () =>
  wish({
    name: "xpv",
    memory: { targetKib: 262_144, maxKib: 262_144 },
    ramdisk: "/guests/initrd.img",
    cmdline: "console=hvc0 cryptomgr.notests",
  });

function created() {
  const bench = new Bench();
  for (let domid = 1; domid < DOMID; domid++) {
    bench.machine.addDomain(domid);
    bench.machine.reap(domid);
  }
  bench.machine.settle();
  const seen = bench.spy();
  const outcome = bench.create(theGuest());
  expect(outcome).toEqual({ ok: true, value: DOMID });
  return { bench, seen };
}

/** The numbers and texts that differ from run to run. */
const same = (line: string): string =>
  line
    .replaceAll(REAL_UUID, "UUID")
    .replaceAll(uuidText(UUID), "UUID")
    .replace(/(ring-ref)( = "| )\d+/, "$1$2MFN")
    .replace(/(start_time)( = "| )[\d.]+/, "$1$2TIME")
    .replace(/(console\/tty = ")[^"]*/, "$1TTY");

const notOurs = (line: string): boolean =>
  /\/(vbd|vif)\b/.test(line) ||
  line.includes("/local/domain/0/control") ||
  /^\/local\/domain\/0\/(name|domid)/.test(line);

test.skipIf(!here)("the tree after create is the real one's, permissions too", () => {
  const { bench } = created();
  const wanted = golden("10-pv-1.xenstore-ls-fp.txt").filter((line) => line !== "" && !notOurs(line));
  const ours = bench.listing().filter((line) => !notOurs(line));
  expect(ours.map(same)).toEqual(wanted.map(same));
});

const WRITES = [
  "WRITE",
  "MKDIR",
  "RM",
  "SET_PERMS",
  "TRANSACTION_START",
  "TRANSACTION_END",
  "INTRODUCE",
] as const;
type WriteName = (typeof WRITES)[number];
const NAMES = new Map<number, WriteName>(WRITES.map((name) => [XS[name], name]));

test.skipIf(!here)("create writes what the real xl writes, in its order", () => {
  const { seen } = created();
  const ours = seen.flatMap((packet) => {
    const name = NAMES.get(packet.type);
    if (name === undefined || name === "TRANSACTION_START") return name === undefined ? [] : [name];
    const value = name === "WRITE" ? packet.payload.replace("\0", " ") : stringsOf(packet.payload).join(" ");
    return [`${name} ${value}`.trim()];
  });
  const wanted = golden("10-pv-1-create-paused.txt").flatMap((line) => {
    const found = /^ *\d+ [\d:]+ c4 +(\w+) +(.*) -> /.exec(line);
    const name = WRITES.find((known) => known === found?.[1]);
    return name === undefined ? [] : [`${name} ${name === "TRANSACTION_START" ? "" : found?.[2]}`.trim()];
  });
  expect(withoutTwoDevices(ours).map(same)).toEqual(withoutTwoDevices(wanted).map(same));
});

/** Leaves out the transactions that add disk and network card. */
function withoutTwoDevices(lines: readonly string[]): string[] {
  const out: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const end = lines.indexOf("TRANSACTION_END T", at);
    const whole = lines[at] === "TRANSACTION_START" ? lines.slice(at, end + 1) : lines.slice(at, at + 1);
    if (!whole.some((line) => /device\/(vbd|vif)\//.test(line))) out.push(...whole);
    at += whole.length;
  }
  return out.map((line) => line.replace(/^INTRODUCE (\d+) \d+/, "INTRODUCE $1 MFN"));
}

test.skipIf(!here)("destroy leaves what the real one leaves", () => {
  const { bench } = created();
  expect(bench.run(destroyDomain(bench.dom0, bench.recent, Domid(DOMID))).ok).toBe(true);
  const wanted = golden("10-pv-3.xenstore-ls-fp.txt").filter((line) => line !== "" && !notOurs(line));
  expect(bench.listing().filter((line) => !notOurs(line))).toEqual(wanted);
});
