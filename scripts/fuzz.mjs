// npm run fuzz [-- CALLS [SEED [AUDIT_EVERY]]]: random hypercalls against the model (test/fuzz/), 5 million by default.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "build/fuzz.mjs");

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run(["scripts/build.mjs"]);
buildSync({
  entryPoints: [join(root, "test/fuzz/main.ts")],
  bundle: true,
  platform: "node",
  format: "esm",
  sourcemap: "inline",
  outfile: out,
});
run(["--enable-source-maps", out, ...process.argv.slice(2)]);
