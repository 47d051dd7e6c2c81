// Builds build/core.wasm, the x86-64 engine, from src/cpu/core.
//   node scripts/build-core.mjs [--text]     --text: build/core.wat too
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
mkdirSync(join(root, "build"), { recursive: true });
const out = `build/core.${process.pid}.wasm`;
const args = [
  "node_modules/assemblyscript/bin/asc.js",
  "src/cpu/core/index.ts",
  "-o",
  out,
  "-O3",
  "--noAssert",
  "--runtime",
  "stub",
  "--importMemory",
  "--exportTable",
  "--initialMemory",
  "16",
  "--memoryBase",
  "65536",
  "--enable",
  "simd",
  "--use",
  "abort=",
  "--disableWarning",
  "201",
];
if (process.argv.includes("--text")) args.push("-t", "build/core.wat");
const started = process.hrtime.bigint();
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);
renameSync(join(root, out), join(root, "build/core.wasm"));
const kib = (statSync(join(root, "build/core.wasm")).size / 1024).toFixed(1);
console.log(`build/core.wasm: ${kib} KiB in ${Number((process.hrtime.bigint() - started) / 1_000_000n)} ms`);
