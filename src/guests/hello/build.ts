/**
 * A build tool, not part of the model: assembles our own guests into build/: hello.elf, redteam.elf, and
 * the disk of configs/pv-grub.cfg with hello.elf on it.
 *
 *   node dist/guests/hello/build.js [--if-stale]
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { demoDisk } from "../pv-grub/demo-disk.ts";
import { redteamSource } from "../redteam/source.ts";
import { assemble, formatErrors } from "./asm/assemble.ts";
import { elfFile } from "./asm/elf-file.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const source = join(root, "src/guests/hello/hello.asm");
const target = join(root, "build/hello.elf");

function build(name: string, text: string): number {
  const program = assemble(text);
  if (!program.ok) {
    process.stderr.write(`${formatErrors(name, program.errors)}\n`);
    return 1;
  }
  const file = elfFile(program.value);
  if (!file.ok) {
    process.stderr.write(`${name}: ${file.why}\n`);
    return 1;
  }
  mkdirSync(join(root, "build"), { recursive: true });
  writeFileSync(join(root, `build/${name}.elf`), file.value);
  process.stdout.write(`build/${name}.elf: ${file.value.length} bytes\n`);
  return 0;
}

const fresh = existsSync(target) && statSync(target).mtimeMs >= statSync(source).mtimeMs;
if (!process.argv.includes("--if-stale") || !fresh) {
  process.exitCode = build("hello", readFileSync(source, "utf8")) || build("redteam", redteamSource());
  if (process.exitCode === 0)
    writeFileSync(join(root, "build/pv-grub.img"), demoDisk(new Uint8Array(readFileSync(target))));
}
