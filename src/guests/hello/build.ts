/**
 * A build tool, not part of the model: assembles hello.asm beside this file's source into build/hello.elf.
 *
 *   node dist/guests/hello/build.js [--if-stale]
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble, formatErrors } from "./asm/assemble.ts";
import { elfFile } from "./asm/elf-file.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const source = join(root, "src/guests/hello/hello.asm");
const target = join(root, "build/hello.elf");

function build(): number {
  const program = assemble(readFileSync(source, "utf8"));
  if (!program.ok) {
    process.stderr.write(`${formatErrors("src/guests/hello/hello.asm", program.errors)}\n`);
    return 1;
  }
  const file = elfFile(program.value);
  if (!file.ok) {
    process.stderr.write(`src/guests/hello/hello.asm: ${file.why}\n`);
    return 1;
  }
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, file.value);
  process.stdout.write(`build/hello.elf: ${file.value.length} bytes\n`);
  return 0;
}

const fresh = existsSync(target) && statSync(target).mtimeMs >= statSync(source).mtimeMs;
process.exitCode = process.argv.includes("--if-stale") && fresh ? 0 : build();
