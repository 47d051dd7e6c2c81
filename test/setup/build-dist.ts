/** vitest globalSetup: brings dist/ and build/ up to date, for tests that run bin/ as a user would. */
import { spawnSync } from "node:child_process";

export default function buildDist(): void {
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs", "--quiet"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error("the build failed: `npm run build` shows why");
}
