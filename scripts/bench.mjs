// npm run bench [-- NAME…]: bundles bench/ and runs it.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
buildSync({
  entryPoints: [join(root, "bench/index.ts")],
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  outfile: join(root, "build/bench.mjs"),
});
const { status } = spawnSync(process.execPath, [join(root, "build/bench.mjs"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
