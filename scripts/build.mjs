// Builds all of it: dist/ (TypeScript), build/core.wasm (the engine), build/hello.elf (our small guest).
//   node scripts/build.mjs [--quiet]
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const quiet = process.argv.includes("--quiet");

function step(name, args) {
  const started = process.hrtime.bigint();
  const { status, error } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ["ignore", quiet ? "ignore" : "inherit", "inherit"],
  });
  if (status !== 0) {
    console.error(`build: ${name} failed${error ? `: ${error.message}` : ""}`);
    process.exit(status ?? 1);
  }
  if (!quiet) console.log(`build: ${name} ${Number((process.hrtime.bigint() - started) / 1_000_000n)} ms`);
}

step("TypeScript", ["node_modules/typescript/bin/tsc", "-p", "."]);
step("engine", ["scripts/build-core.mjs"]);
step("hello", ["dist/guests/hello/build.js"]);
writeFileSync(join(root, "dist/.built"), "");
