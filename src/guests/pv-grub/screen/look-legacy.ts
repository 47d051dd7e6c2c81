/** The screen of GRUB 0.97 (stage2/stage2.c: run_menu, print_border, print_entries). */
import { Grid } from "./grid.ts";
import { type Box, coloursOf, drawBox, type ListPicture, putLines } from "./picture.ts";
import { cut, padded } from "./width.ts";

const BOX: Box = { top: 3, left: 1, width: 75, lines: 12 };
/** Column of the marks that tell of lines above and below. */
const MARKS = 77;
const HELP_ROW = BOX.top + BOX.lines + 2;
const COUNTDOWN_ROW = 22;
const TITLE_COLUMNS = 71;

export function drawLegacy(picture: ListPicture): Grid {
  const { lines, list, memory, seconds } = picture;
  const grid = new Grid();
  const { normal, highlight } = coloursOf(picture);
  grid.put(1, 0, `    GNU GRUB  version 0.97  (${memory.lower}K lower / ${memory.upper}K upper memory)`);
  drawBox(grid, BOX, normal);
  for (let i = 0; i < BOX.lines; i++) {
    const index = list.first + i;
    const style = index === list.chosen && lines.length > 0 ? highlight : normal;
    const text = cut(lines[index] ?? "", TITLE_COLUMNS);
    grid.put(BOX.top + 1 + i, BOX.left + 1, padded(` ${text}`, BOX.width - 2), style);
  }
  if (list.hasAbove) grid.put(BOX.top + 1, MARKS, "^");
  if (list.hasBelow) grid.put(BOX.top + BOX.lines, MARKS, "v");
  putLines(grid, HELP_ROW, help(picture));
  if (seconds !== undefined)
    grid.put(COUNTDOWN_ROW, 3, `The highlighted entry will be booted automatically in ${seconds} seconds.`);
  grid.cursor = { row: BOX.top + 1 + list.chosen - list.first, column: 74 };
  return grid;
}

function help({ what, locked }: ListPicture): readonly string[] {
  const keys = "      Use the ^ and v keys to select which entry is highlighted.";
  if (what === "lines")
    return [
      keys,
      "      Press 'b' to boot, 'e' to edit the selected command in the",
      "      boot sequence, 'c' for a command-line, 'o' to open a new line",
      "      after ('O' for before) the selected line, 'd' to remove the",
      "      selected line, or escape to go back to the main menu.",
    ];
  if (locked)
    return [
      keys,
      "      Press enter to boot the selected OS or 'p' to enter a",
      "      password to unlock the next set of features.",
    ];
  return [
    keys,
    "      Press enter to boot the selected OS, 'e' to edit the",
    "      commands before booting, or 'c' for a command-line.",
    ...(what === "nested" ? ["      ESC to return to the previous menu."] : []),
  ];
}
