/**
 * What stands on the screen, cell by cell, and what must be sent so that one picture becomes another: only cells that
 * differ, so nothing flickers, however slow the line is.
 */
import { columnsOf, harmless } from "./width.ts";

export const ROWS = 24;
export const COLUMNS = 80;

/** VGA's numbers: 0 black, 1 blue, 2 green, 3 cyan, 4 red, 5 magenta, 6 brown, 7 light grey; from 8 on the bright ones. */
export interface Style {
  readonly foreground: number;
  readonly background: number;
}
export const STANDARD: Style = { foreground: 7, background: 0 };
export const INVERSE: Style = { foreground: 0, background: 7 };

interface Cell {
  /** A character with what joins it; "" right of a wide one. */
  readonly text: string;
  readonly style: Style;
}

const BLANK: Cell = { text: " ", style: STANDARD };

const sameStyle = (a: Style, b: Style): boolean =>
  a.foreground === b.foreground && a.background === b.background;
const same = (a: Cell, b: Cell): boolean => a.text === b.text && sameStyle(a.style, b.style);

export class Grid {
  readonly #cells: Cell[] = new Array<Cell>(ROWS * COLUMNS).fill(BLANK);
  /** Where the cursor is left; undefined: it is not shown. */
  cursor: { readonly row: number; readonly column: number } | undefined;

  cell(row: number, column: number): Cell {
    return this.#cells[row * COLUMNS + column] ?? BLANK;
  }

  /** Writes from (row, column) on, both from 0; what would go beyond the right edge is left out. */
  put(row: number, column: number, text: string, style = STANDARD): void {
    let at = column;
    for (const char of harmless(text)) {
      const columns = columnsOf(char);
      const index = row * COLUMNS + at;
      if (columns === 0) {
        const before = this.#cells[index - 1];
        if (at > column && before !== undefined)
          this.#cells[index - 1] = { ...before, text: before.text + char };
        continue;
      }
      if (at + columns > COLUMNS) break;
      this.#cells[index] = { text: char, style };
      if (columns === 2) this.#cells[index + 1] = { text: "", style };
      at += columns;
    }
  }
}

/** VGA orders blue, green, red; terminals red, green, blue. */
const ANSI = [0, 4, 2, 6, 1, 5, 3, 7] as const;
const colour = (vga: number, base: 30 | 40): number =>
  (ANSI[vga & 7] ?? 7) + base + ((vga & 8) === 0 ? 0 : 60);
const sgr = ({ foreground, background }: Style): string =>
  `\x1b[${colour(foreground, 30)};${colour(background, 40)}m`;
const goTo = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;

/** What stands there already, sent again rather than passed over: words then stay whole for who reads along. */
const BRIDGE_MAX = 8;

/** The cells from `column` to `to`, when sending them again costs no more than passing over them. */
function bridge(grid: Grid, row: number, column: number, to: number, style?: Style): string | undefined {
  if (to - column > BRIDGE_MAX) return undefined;
  let text = "";
  for (let at = column; at < to; at++) {
    const cell = grid.cell(row, at);
    if (style === undefined || !sameStyle(style, cell.style)) return undefined;
    text += cell.text;
  }
  return text;
}

/** A row with more changes than these is sent whole, its blanks apart. */
const WHOLE_FROM = 8;

function changes(from: Grid, wanted: Grid, row: number): number {
  let count = 0;
  for (let column = 0; column < COLUMNS; column++)
    if (!same(from.cell(row, column), wanted.cell(row, column))) count++;
  return count;
}

/** What makes `wanted` of a terminal that shows `shown`; undefined: whatever it shows, it is cleared first. */
export function difference(shown: Grid | undefined, wanted: Grid): string {
  const from = shown ?? new Grid();
  let out = "";
  let style: Style | undefined;
  let at: { row: number; column: number } | undefined;
  for (let row = 0; row < ROWS; row++) {
    const whole = changes(from, wanted, row) > WHOLE_FROM;
    for (let column = 0; column < COLUMNS; column++) {
      // A terminal may scroll when its last place is written to.
      if (row === ROWS - 1 && column === COLUMNS - 1) break;
      const cell = wanted.cell(row, column);
      if (cell.text === "" || (same(cell, from.cell(row, column)) && (!whole || same(cell, BLANK)))) continue;
      if (at?.row !== row || at.column !== column) {
        const between = at?.row === row ? bridge(wanted, row, at.column, column, style) : undefined;
        out += between ?? goTo(row, column);
      }
      if (style === undefined || !sameStyle(style, cell.style)) out += sgr(cell.style);
      style = cell.style;
      out += cell.text;
      const columns = wanted.cell(row, column + 1).text === "" ? 2 : 1;
      // At the right edge terminals differ about where the cursor is.
      at = column + columns < COLUMNS ? { row, column: column + columns } : undefined;
    }
  }
  if (shown === undefined) out = `\x1b[0m${sgr(STANDARD)}\x1b[2J${out}`;
  const { cursor } = wanted;
  if (cursor === undefined) return from.cursor === undefined && shown !== undefined ? out : `${out}\x1b[?25l`;
  const moved = from.cursor?.row !== cursor.row || from.cursor.column !== cursor.column;
  if (out !== "" || moved) out += goTo(cursor.row, cursor.column);
  if (from.cursor === undefined || shown === undefined) out += "\x1b[?25h";
  return out;
}
