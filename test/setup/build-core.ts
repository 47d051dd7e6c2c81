/** vitest globalSetup: builds build/core.wasm when it is older than its sources. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export default function buildCore(): void {
  if (!existsSync("scripts/build-core.mjs")) return;
  spawnSync(process.execPath, ["scripts/build-core.mjs", "--if-stale"], { stdio: ["ignore", "inherit", "inherit"] });
}
