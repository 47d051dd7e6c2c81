/** vitest globalSetup: brings dist/ up to date, for tests that run bin/ as a user would. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

function newest(directory: string): number {
  let latest = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return latest;
}

export default function buildDist(): void {
  if (
    existsSync("dist/.built") &&
    statSync("dist/.built").mtimeMs >= Math.max(newest("src"), newest("scripts"))
  )
    return;
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs", "--quiet"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error("the build failed: `npm run build` shows why");
}
