/** menu.lst of GRUB 0.97 and grub.cfg of GRUB 2, as PyGRUB reads them (GrubConf.py). */
import {
  diskPart,
  fail,
  grubSplit,
  kernelLine,
  type Menu,
  type MenuImage,
  meaningfulLines,
  pathOf,
  splitCommand,
  wholeNumber,
} from "./conf.ts";

type ImageKey = "root" | "kernel" | "initrd";

const LEGACY_IMAGE: ReadonlyMap<string, ImageKey> = new Map([
  ["root", "root"],
  ["rootnoverify", "root"],
  ["kernel", "kernel"],
  ["initrd", "initrd"],
]);
const GRUB2_IMAGE: ReadonlyMap<string, ImageKey> = new Map([
  ["set:root", "root"],
  ["linux", "kernel"],
  ["linux16", "kernel"],
  ["initrd", "initrd"],
  ["initrd16", "initrd"],
]);

type Splitter = (line: string) => [string, string];

/** `set NAME=VALUE` becomes the command `set:NAME`; one pair of quotes around the value goes. */
const splitGrub2: Splitter = (line) => {
  const [command, rest] = splitCommand(line);
  if (command !== "set") return [command, rest];
  const parts = grubSplit(rest, 3);
  if (parts.length > 2) fail("ValueError: too many values to unpack (expected 2)");
  const [name = "", value] = parts;
  if (value === undefined) fail(`ValueError: not enough values to unpack (expected 2, got ${parts.length})`);
  return [`set:${name}`, /^(["'])(.*)\1/s.exec(value)?.[2] ?? value];
};

function imageOf(
  title: string,
  lines: readonly string[],
  keys: ReadonlyMap<string, ImageKey>,
  split: Splitter,
): MenuImage {
  let root: string | undefined;
  let initrd: string | undefined;
  let kernel: string | undefined;
  let args: string | undefined;
  for (const line of lines) {
    const [command, rest] = split(line);
    const value = rest.trim();
    switch (keys.get(command)) {
      case "root":
        root = diskPart(value);
        break;
      case "kernel":
        ({ kernel, args } = kernelLine(value));
        break;
      case "initrd":
        initrd = pathOf(value);
        break;
      case undefined:
        break;
    }
  }
  return { title: title.trim(), root, kernel, args, initrd, lines };
}

/** Settings of the whole menu, `default` and `timeout` by the names that the format gives them. */
class Settings {
  timeout = "-1";
  selected = 0;

  set(command: string, rest: string): void {
    const value = rest.trim();
    if (command === "timeout") this.timeout = value;
    if (command !== "default") return;
    this.selected = value === "saved" || !/^[+-]?\d+$/.test(value) ? 0 : wholeNumber(value);
    if (this.selected < 0) fail("ValueError: default must be non-negative number");
  }
}

export function parseLegacy(text: string): Menu {
  const settings = new Settings();
  const images: MenuImage[] = [];
  const image = (title: string, lines: readonly string[]): MenuImage =>
    imageOf(title, lines, LEGACY_IMAGE, splitCommand);
  let open: { readonly title: string; readonly lines: string[] } | undefined;
  for (const line of meaningfulLines(text)) {
    if (line.startsWith("title")) {
      if (open !== undefined) images.push(image(open.title, open.lines));
      open = { title: line.slice("title ".length), lines: [] };
    } else if (open !== undefined) open.lines.push(line);
    else settings.set(...splitCommand(line));
  }
  if (open !== undefined && open.lines.length > 0) images.push(image(open.title, open.lines));
  return { images, timeout: settings.timeout, selected: settings.selected, image };
}

export function parseGrub2(text: string): Menu {
  const settings = new Settings();
  const images: MenuImage[] = [];
  const image = (title: string, lines: readonly string[]): MenuImage =>
    imageOf(title, lines, GRUB2_IMAGE, splitGrub2);
  let open: { readonly title: string; readonly lines: string[] } | undefined;
  let inFunction = false;
  let submenus = 0;
  for (const line of meaningfulLines(text)) {
    if (line.startsWith("function")) {
      inFunction = true;
      continue;
    }
    if (inFunction) {
      if (line.startsWith("}")) inFunction = false;
      continue;
    }
    const title = titleOf(line);
    if (title !== undefined) {
      if (open !== undefined) fail("RuntimeError: syntax error: cannot nest menuentry");
      open = { title, lines: [] };
    } else if (line.startsWith("submenu")) {
      submenus++;
    } else if (line.startsWith("}")) {
      if (open !== undefined) {
        images.push(image(open.title, open.lines));
        open = undefined;
      } else if (submenus === 0) fail("RuntimeError: syntax error: closing brace without menuentry");
      else submenus--;
    } else if (open !== undefined) {
      open.lines.push(line);
    } else {
      const [command, rest] = splitGrub2(line);
      if (command.startsWith("set:")) settings.set(command.slice("set:".length), savedAsZero(rest));
    }
  }
  if (open !== undefined) fail("RuntimeError: syntax error: end of file with open menuentry");
  return { images, timeout: settings.timeout, selected: settings.selected, image };
}

/**
 * The title in `menuentry 'Title' … {`: up to the first quote, of either kind, that a blank follows. Sought by hand: a regular
 * expression would try all pairs of quotes and braces in a line that a guest made for it.
 */
function titleOf(line: string): string | undefined {
  if (!/^menuentry ["']/.test(line)) return undefined;
  const begins = "menuentry '".length;
  const ends = [`" `, "' "].map((quote) => line.indexOf(quote, begins)).filter((at) => at >= 0);
  const end = Math.min(...ends);
  return ends.length > 0 && line.lastIndexOf("{") >= end + 2 ? line.slice(begins, end) : undefined;
}

/** What GRUB remembers between boots PyGRUB does not. */
const savedAsZero = (value: string): string =>
  /^\$\{(saved|next)_entry\}$/.test(value.trim()) ? "0" : value;
