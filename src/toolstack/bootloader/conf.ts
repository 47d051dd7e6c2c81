/**
 * What PyGRUB makes of a boot menu. It reads menus of GRUB and extlinux line by line, by rules far simpler than theirs: no
 * variables, no conditions, submenus flattened, the last of two settings wins (tools/pygrub, GrubConf.py).
 */

/** What PyGRUB cannot read ends in a Python exception, and the partition counts as having no menu. */
export class PythonError extends Error {
  override readonly name = "PythonError";
}

export interface MenuImage {
  readonly title: string;
  /** "d0p1"; undefined: none was named. */
  readonly root: string | undefined;
  /** Path within the file system. */
  readonly kernel: string | undefined;
  readonly args: string | undefined;
  readonly initrd: string | undefined;
  /** The lines that it was made of. */
  readonly lines: readonly string[];
}

export interface Menu {
  readonly images: readonly MenuImage[];
  /** As written: whole seconds are expected. -1: it waits for ever. */
  readonly timeout: string;
  /** Of `images`; may lie beyond them. */
  readonly selected: number;
  /** A menu that a command line's `boot` adds to. */
  readonly image: (title: string, lines: readonly string[]) => MenuImage;
}

export interface MenuFormat {
  /** As PyGRUB's Python names the parser. */
  readonly parser: string;
  readonly parse: (text: string) => Menu;
}

/** A command and the rest: parted by "=" if that comes before any blank, else by blanks. */
export function splitCommand(line: string): [string, string] {
  const [command = "", rest = ""] = grubSplit(line, 2);
  return [command, rest];
}

/** At most `parts` pieces. */
export function grubSplit(text: string, parts: number): string[] {
  const equals = text.indexOf("=");
  const blank = text.search(/[ \t]/);
  const byEquals = equals >= 0 && (blank < 0 || equals < blank);
  const out: string[] = [];
  let rest = byEquals ? text : text.trimStart();
  while (out.length < parts - 1) {
    const at = byEquals ? rest.indexOf("=") : rest.search(/\s/);
    if (at < 0) break;
    out.push(rest.slice(0, at));
    rest = byEquals ? rest.slice(at + 1) : rest.slice(at).trimStart();
  }
  if (byEquals || rest !== "") out.push(rest);
  return out;
}

/** The lines that count: neither blank nor a comment. */
export const meaningfulLines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** A path without the device in front of it, whose file system is the one that is being read. */
export function pathOf(text: string): string {
  if (!text.startsWith("(")) return text;
  const close = text.indexOf(")");
  if (close < 0) throw new PythonError("ValueError: Unable to find matching ')'");
  diskPart(text.slice(0, close));
  return text.slice(close + 1);
}

/** "(hd0,msdos1)" as PyGRUB prints it: "d0p1". */
export function diskPart(text: string): string {
  const [disk = "", part, ...more] = text.replace(/[()]/g, "").split(",");
  if (more.length > 0) throw new PythonError("ValueError: too many values to unpack (expected 2)");
  const number = disk.startsWith("/dev/xvd")
    ? (disk.codePointAt("/dev/xvd".length) ?? fail("IndexError: string index out of range")) - 97
    : wholeNumber(disk.slice(2));
  return part === undefined
    ? `d${number}`
    : `d${number}p${wholeNumber(part.replace(/^msdos/, "").replace(/^gpt/, ""))}`;
}

/** Python's int(). */
export function wholeNumber(text: string): number {
  const value = /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value)
    ? value
    : fail(`ValueError: invalid literal for int() with base 10: '${text}'`);
}

/** A kernel line: path and arguments. */
export function kernelLine(value: string): { readonly kernel: string; readonly args: string | undefined } {
  if (!value.includes(" ")) return { kernel: pathOf(value), args: undefined };
  const [kernel = "", args = ""] = splitAtBlanks(value);
  return { kernel: pathOf(kernel), args };
}

const splitAtBlanks = (text: string): string[] => {
  const at = text.search(/\s/);
  return [text.slice(0, at), text.slice(at).trimStart()];
};

export function fail(what: string): never {
  throw new PythonError(what);
}
