/** What there is to draw. */
import type { Menu } from "../menu.ts";
import { type Grid, INVERSE, STANDARD, type Style } from "./grid.ts";
import type { List } from "./list.ts";

/** KiB, as GRUB tells them in its title line. */
export interface MemorySize {
  readonly lower: number;
  readonly upper: number;
}

export interface ListPicture {
  readonly lines: readonly string[];
  readonly list: List;
  readonly colours: Menu["colours"];
  readonly memory: MemorySize;
  /** An entry's lines, or the menu; `nested`: a menu that was entered from another. */
  readonly what: "menu" | "nested" | "lines";
  /** A password stands before editing and the command line. */
  readonly locked: boolean;
  /** Seconds until the highlighted entry is booted. */
  readonly seconds: number | undefined;
}

export interface Colours {
  readonly normal: Style;
  readonly highlight: Style;
}

export function coloursOf({ colours }: Pick<ListPicture, "colours">): Colours {
  if (colours === undefined) return { normal: STANDARD, highlight: INVERSE };
  const style = ([foreground, background]: readonly [number, number]): Style => ({
    foreground,
    background,
  });
  return { normal: style(colours.normal), highlight: style(colours.highlight) };
}

export interface Box {
  readonly top: number;
  readonly left: number;
  /** Both borders included. */
  readonly width: number;
  readonly lines: number;
}

export function drawBox(grid: Grid, { top, left, width, lines }: Box, style: Style): void {
  const border = `+${"-".repeat(width - 2)}+`;
  grid.put(top, left, border, style);
  for (let line = 1; line <= lines; line++) grid.put(top + line, left, `|${" ".repeat(width - 2)}|`, style);
  grid.put(top + lines + 1, left, border, style);
}

export function putLines(grid: Grid, row: number, lines: readonly string[]): void {
  for (const [i, line] of lines.entries()) grid.put(row + i, 0, line);
}
