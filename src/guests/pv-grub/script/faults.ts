/** What goes wrong in a script, in GRUB 2's words. */
import type { GrubError } from "../errors.ts";

/** A command failed. The words are printed behind "error: ", with a stop. */
export class ScriptFault extends Error {
  override readonly name = "ScriptFault";
  /** One plain sentence for people. */
  readonly why: string | undefined;

  constructor(words: string, why?: string) {
    super(words);
    this.why = why;
  }
}

/** The script may not go on: it has used up what it may. Nothing in it catches this. */
export class Runaway extends Error {
  override readonly name = "Runaway";
}

/** The words GRUB 2 has for what went wrong with `path`. */
export function faultOf(error: GrubError, path: string): ScriptFault {
  const device = /^\(([^)]*)\)/.exec(path)?.[1] ?? path;
  const file = path.replace(/^\([^)]*\)(?=.)/, "");
  return new ScriptFault(wordsOf(error, device, file), error.why);
}

function wordsOf(error: GrubError, device: string, file: string): string {
  switch (error.number) {
    case 1:
      return `invalid file name \`${file}'`;
    case 2:
      return "not a regular file";
    case 11:
    case 21:
      return `disk \`${device.split(",")[0]}' not found`;
    case 13:
      return "not xen image";
    case 14:
    case 17:
      return "unknown filesystem";
    case 15:
      return `file \`${file}' not found`;
    case 22:
      return "no such partition";
    case 24:
      return "attempt to read or write outside of partition";
    case 25:
      return `failure reading from \`${device}'`;
    case 26:
      return "too deep nesting of symlinks";
    case 28:
      return "out of memory";
    case 29:
      return `failure writing to \`${device}'`;
    default:
      return error.message.replace(/^Error \d+: (.)/, (_, first: string) => first.toLowerCase());
  }
}
