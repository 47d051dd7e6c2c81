/** The screen of GRUB 2 (grub-core/normal/menu_text.c), placed as the real one does on a Xen console. */
import { COLUMNS, Grid, type Style } from "./grid.ts";
import { type Box, coloursOf, drawBox, type ListPicture, putLines } from "./picture.ts";
import { padded, widthOf } from "./width.ts";

const BOX: Box = { top: 3, left: 1, width: 78, lines: 11 };
const HELP_ROW = BOX.top + BOX.lines + 3;
const COUNTDOWN_ROW = 21;
/** Column of the marks that tell of lines above and below. */
const MARKS = 79;
const TITLE = "GNU GRUB  version 2.06";

/** The frame of every screen of GRUB 2's: title and an empty box. */
function drawFrame(grid: Grid, style: Style): void {
  grid.put(1, Math.floor((COLUMNS - widthOf(TITLE)) / 2), TITLE);
  drawBox(grid, BOX, style);
}

export function drawGrub2(picture: ListPicture): Grid {
  const { lines, list, what, seconds } = picture;
  const grid = new Grid();
  const { normal, highlight } = coloursOf(picture);
  drawFrame(grid, normal);
  for (let i = 0; i < BOX.lines; i++) {
    const index = list.first + i;
    const chosen = index === list.chosen && lines.length > 0;
    const text = `${chosen ? "*" : " "}${lines[index] ?? ""}`;
    grid.put(BOX.top + 1 + i, BOX.left + 1, padded(text, BOX.width - 2), chosen ? highlight : normal);
  }
  if (list.hasAbove) grid.put(BOX.top + 1, MARKS, "^");
  if (list.hasBelow) grid.put(BOX.top + BOX.lines, MARKS, "v");
  putLines(grid, HELP_ROW, [
    "      Use the ^ and v keys to select which entry is highlighted.",
    "      Press enter to boot the selected OS, `e' to edit the commands",
    what === "nested"
      ? "      before booting or `c' for a command-line. ESC to return"
      : "      before booting or `c' for a command-line.",
    ...(what === "nested" ? ["      previous menu."] : []),
  ]);
  if (seconds !== undefined)
    grid.put(COUNTDOWN_ROW, 3, `The highlighted entry will be executed automatically in ${seconds}s.`);
  grid.cursor = { row: BOX.top + 1 + list.chosen - list.first, column: 77 };
  return grid;
}

/** Columns of text in the editor's box; a longer line goes on below, marked by a backslash. */
export const EDITOR_COLUMNS = BOX.width - 4;
export const EDITOR_LINES = BOX.lines;

export interface EditorPicture {
  /** The box's lines, cut to its width already. */
  readonly rows: readonly string[];
  readonly cursor: { readonly row: number; readonly column: number };
  readonly hasAbove: boolean;
  readonly hasBelow: boolean;
  /** What TAB found, in place of the help. */
  readonly message: readonly string[] | undefined;
}

export function drawEditor({ rows, cursor, hasAbove, hasBelow, message }: EditorPicture): Grid {
  const grid = new Grid();
  drawFrame(grid, coloursOf({ colours: undefined }).normal);
  for (const [i, row] of rows.entries()) grid.put(BOX.top + 1 + i, BOX.left + 2, row);
  if (hasAbove) grid.put(BOX.top + 1, MARKS, "^");
  if (hasBelow) grid.put(BOX.top + BOX.lines, MARKS, "v");
  putLines(
    grid,
    HELP_ROW,
    message ?? [
      "      Minimum Emacs-like screen editing is supported. TAB lists",
      "      completions. Press Ctrl-x or F10 to boot, Ctrl-c or F2 for",
      "      a command-line or ESC to discard edits and return to the GRUB menu.",
    ],
  );
  grid.cursor = { row: BOX.top + 1 + cursor.row, column: BOX.left + 2 + cursor.column };
  return grid;
}
