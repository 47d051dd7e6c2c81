// npm run bench [-- NAME…]: compiles bench/ against dist/ and runs it.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "build/bench");

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run(["scripts/build.mjs"]);
mkdirSync(out, { recursive: true });
for (const name of readdirSync(join(root, "bench")).filter((file) => file.endsWith(".ts"))) {
  const { code } = transformSync(readFileSync(join(root, "bench", name), "utf8"), {
    loader: "ts",
    format: "esm",
  });
  // "../src/x.ts" is the built "../../dist/x.js"; "./x.ts" its neighbour.
  const linked = code
    .replace(/"\.\.\/src\/([^"]+)\.ts"/g, '"../../dist/$1.js"')
    .replace(/"\.\/([^"]+)\.ts"/g, '"./$1.mjs"');
  writeFileSync(join(out, name.replace(/\.ts$/, ".mjs")), linked);
}
run([join(out, "index.mjs"), ...process.argv.slice(2)]);
