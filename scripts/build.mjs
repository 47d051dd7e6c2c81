// Builds what is older than its sources: dist/ (TypeScript), build/core.wasm (the engine), build/hello.elf (our guest).
//   node scripts/build.mjs [--quiet]
import { spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const quiet = process.argv.includes("--quiet");

/** Latest change below a folder, or of a file; 0 where there is none. */
function changed(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(join(root, path)).map((name) => changed(join(path, name))));
}

const isStale = (output, inputs) => changed(output) <= Math.max(...inputs.map(changed));

function step(name, args) {
  const started = process.hrtime.bigint();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", quiet ? "ignore" : "inherit", "inherit"],
    });
    child.on("close", (status, signal) => {
      if (status !== 0) {
        console.error(`build: ${name} failed (${signal ?? `status ${status}`})`);
        process.exit(status ?? 1);
      }
      if (!quiet)
        console.log(`build: ${name} ${Number((process.hrtime.bigint() - started) / 1_000_000n)} ms`);
      resolve();
    });
  });
}

async function typescript() {
  if (!isStale("dist/.built", ["src", "tsconfig.json", "scripts/build.mjs", "scripts/bundle-cli.mjs"]))
    return;
  const began = new Date();
  await step("TypeScript", ["node_modules/typescript/bin/tsc", "-p", ".", "--noCheck"]);
  await step("hello", ["dist/guests/hello/build.js"]);
  await step("command line", ["scripts/bundle-cli.mjs"]);
  writeFileSync(join(root, "dist/.built"), `${began.toISOString()}\n`);
}

async function engine() {
  if (!isStale("build/core.wasm", ["src/cpu/core", "src/cpu/layout.ts", "scripts/build-core.mjs"])) return;
  await step("engine", ["scripts/build-core.mjs"]);
}

await Promise.all([typescript(), engine()]);
