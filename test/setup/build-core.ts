/** vitest's globalSetup: builds build/core.wasm when a source of it is newer. */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = new URL("../../", import.meta.url).pathname;

function newest(dir: string): number {
  let latest = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}

export default function setup(): void {
  const sources = Math.max(
    newest(join(root, "src/cpu/core")),
    statSync(join(root, "src/cpu/layout.ts")).mtimeMs,
  );
  const built = statSync(join(root, "build/core.wasm"), { throwIfNoEntry: false });
  if (built && built.mtimeMs > sources) return;
  const { status } = spawnSync(process.execPath, ["scripts/build-core.mjs"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the engine's core does not build");
}
