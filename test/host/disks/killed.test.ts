/**
 * A host is killed while it writes with flushes: what was acknowledged is there, and the image is whole. 20 times; as often
 * as XLAB_KILLS says.
 */
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";
import { openImage } from "../../../src/host/disks/open.ts";

const KILLS = Number(process.env["XLAB_KILLS"] ?? 20);
const MIB = 2 ** 20;
const SIZE = 4 * MIB;
/** Pages that are written; each holds the number of its last write. */
const PAGES = SIZE / 4096;
/** Those from here on are discarded now and then. */
const KEPT = (PAGES * 3) / 4;
const scratch = mkdtempSync(join(tmpdir(), "xlab-killed-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const noQemu = spawnSync("qemu-img", ["--version"]).status !== 0;

const bundle = join(scratch, "open.mjs");
buildSync({
  entryPoints: [join(import.meta.dirname, "../../../src/host/disks/open.ts")],
  bundle: true,
  platform: "node",
  format: "esm",
  outfile: bundle,
});
const writer = join(scratch, "writer.mjs");
writeFileSync(
  writer,
  `import { openImage } from ${JSON.stringify(bundle)};
const [path, format, seed] = process.argv.slice(2);
const image = await openImage(path, format, false, "the writer");
let random = Number(seed);
const next = (below) => (random = (random * 1103515245 + 12345) % 2 ** 31) % below;
for (let number = random * 1e6; ; ) {
  const group = [];
  const taken = new Set();
  for (let i = 0; i < 8; i++, number++) {
    const page = next(${PAGES});
    if (taken.has(page)) continue;
    taken.add(page);
    if (page >= ${KEPT} && next(4) === 0) await image.discard(page * 4096, 4096);
    const bytes = new Uint8Array(4096);
    new DataView(bytes.buffer).setUint32(0, number);
    new DataView(bytes.buffer).setUint32(4092, number);
    const mine = number;
    group.push(image.write(page * 4096, bytes).then(() => [page, mine]));
  }
  const done = await Promise.all(group);
  await image.flush();
  process.stdout.write(done.map((one) => one.join(" ")).join("\\n") + "\\n");
}
`,
);

/** Writes until it is killed; answers the number last acknowledged of each page. */
function writeUntilKilled(
  path: string,
  format: string,
  seed: number,
  millis: number,
): Promise<Map<number, number>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, path, format, String(seed)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    let wrong = "";
    child.stderr.on("data", (bytes) => {
      wrong += bytes;
    });
    child.stdout.on("data", (bytes) => {
      if (said === "") setTimeout(() => child.kill("SIGKILL"), millis);
      said += bytes;
    });
    child.on("close", (_, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`the writer ended by itself: ${wrong}`));
      const acknowledged = new Map<number, number>();
      for (const line of said.slice(0, said.lastIndexOf("\n")).split("\n")) {
        const [page, number] = line.split(" ").map(Number) as [number, number];
        acknowledged.set(page, number);
      }
      resolve(acknowledged);
    });
  });
}

async function lost(path: string, format: string, acknowledged: Map<number, number>): Promise<string[]> {
  const image = await openImage(path, format, true, "the reader");
  const wrong: string[] = [];
  for (const [page, number] of acknowledged) {
    const bytes = await image.read(page * 4096, 4096);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 4096);
    const [head, tail] = [view.getUint32(0), view.getUint32(4092)];
    // A later write or discard of the page that was under way may have come through, wholly or in part.
    const dropped = page >= KEPT;
    if (head < number && !(dropped && head === 0)) wrong.push(`page ${page}: ${head} instead of ${number}`);
    if (tail < number && !(dropped && tail === 0))
      wrong.push(`page ${page}: ends with ${tail} instead of ${number}`);
  }
  await image.close();
  return wrong;
}

const FORMATS: [string, string, string[]][] = [
  ["raw", "raw", []],
  ["qcow2 in small clusters", "qcow2", ["-o", "cluster_size=512"]],
  ["qcow2 that was compressed", "qcow2", ["-c", "-o", "cluster_size=4k"]],
  ["qcow2 of version 2", "qcow2", ["-o", "compat=0.10"]],
];

describe.skipIf(noQemu)(`killed${noQemu ? " (skipped: no qemu-img here; Debian's qemu-utils)" : ""}`, () => {
  const blank = join(scratch, "blank");
  writeFileSync(blank, new Uint8Array(SIZE));
  test.each(FORMATS)(
    "%s: nothing acknowledged is lost, nothing is corrupt",
    { timeout: 600_000 },
    async (_, format, options) => {
      const fresh = join(scratch, "fresh");
      const path = join(scratch, "image");
      spawnSync("qemu-img", ["convert", "-f", "raw", "-O", format, ...options, blank, fresh]);
      copyFileSync(fresh, path);
      let acknowledged = 0;
      for (let kill = 0; kill < KILLS / FORMATS.length; kill++) {
        if (kill % 3 === 0) copyFileSync(fresh, path);
        const pages = await writeUntilKilled(path, format, kill + 1, 5 + ((kill * 37) % 120));
        acknowledged += pages.size;
        expect(await lost(path, format, pages)).toEqual([]);
        if (format === "raw") continue;
        const { status, stdout, stderr } = spawnSync("qemu-img", ["check", path], { encoding: "utf8" });
        expect([0, 3], stdout + stderr).toContain(status); // 3: leaked clusters, but no errors
      }
      expect(acknowledged).toBeGreaterThan(0);
    },
  );
});
