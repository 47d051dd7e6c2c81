/** `pygrub IMAGE`, as one types it in dom0: the menu on this terminal, the kernel copied out of the image. */

import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  PYGRUB_PATH,
  type PygrubOptions,
  parsePygrubArguments,
} from "../../toolstack/bootloader/arguments.ts";
import { formatResult } from "../../toolstack/bootloader/output.ts";
import { type BootFile, pygrub } from "../../toolstack/bootloader/pygrub.ts";
import { out, warn } from "../output.ts";
import { hint, report } from "../report.ts";
import { strerror } from "../strerror.ts";
import { openKeyboard } from "./keyboard.ts";

/** Runs a command line and answers its exit status; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const parsed = parsePygrubArguments(argv);
  if (!parsed.ok) {
    out(parsed.out);
    process.stderr.write(parsed.err);
    return parsed.status;
  }
  try {
    return await run(parsed.options);
  } catch (error) {
    return report(error);
  }
}

async function run(options: PygrubOptions): Promise<number> {
  let file: number;
  try {
    if (statSync(options.image).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
    file = openSync(options.image, "r");
  } catch (error) {
    await hint(`${options.image}: ${strerror(error)}`);
    return 1;
  }
  const keyboard = openKeyboard();
  try {
    const io = {
      size: statSync(options.image).size,
      out,
      err: (text: string) => void process.stderr.write(text),
    };
    const steps = pygrub(options, io);
    let step = steps.next();
    while (step.done !== true) {
      const wanted = step.value;
      const answer =
        wanted.need === "disk"
          ? readAt(file, wanted.read.offset, wanted.read.length)
          : await keyboard.read(wanted.seconds);
      step = steps.next(answer);
    }
    const { status, boot } = step.value;
    if (boot === undefined) return status;
    return await writeResult(options, {
      kernel: keep(options, "kernel", boot.kernel),
      ramdisk: keep(options, "ramdisk", boot.ramdisk),
      args: boot.args,
    });
  } finally {
    keyboard.close();
    closeSync(file);
  }
}

/** Bytes beyond the end of a file that has become shorter are zeros. */
function readAt(file: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(file, bytes, done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return bytes;
}

/** The copy's path. */
function keep(
  { outputDirectory }: PygrubOptions,
  type: string,
  file: BootFile | undefined,
): string | undefined {
  if (file === undefined) return undefined;
  mkdirSync(outputDirectory, { recursive: true, mode: 0o700 });
  const path = join(outputDirectory, `boot_${type}.${randomBytes(6).toString("base64url")}`);
  writeFileSync(path, file.bytes, { mode: 0o600, flag: "wx" });
  return path;
}

async function writeResult(
  options: PygrubOptions,
  paths: Parameters<typeof formatResult>[1],
): Promise<number> {
  const text = formatResult(options.outputFormat, paths);
  if (text === undefined) {
    warn(`${PYGRUB_PATH}: RuntimeError: simple format cannot represent delimiter-containing value`);
    return 1;
  }
  if (options.output === undefined) out(text);
  else writeFileSync(options.output, text);
  return 0;
}
