/** An entry's lines as GRUB 2 has them edited: a text. */
import type { Thread } from "../../minios/threads.ts";
import type { MenuEntry } from "../menu.ts";
import { commandLine, completion } from "./command-line.ts";
import type { Edited } from "./edited.ts";
import { control, ESCAPE, TAB } from "./keys.ts";
import { drawEditor, EDITOR_COLUMNS, EDITOR_LINES } from "./look-grub2.ts";
import { EditText } from "./text.ts";
import type { Ui } from "./ui.ts";

/** Lines of what TAB found that have room below the box. */
const MESSAGE_LINES = 6;

export function* editGrub2(ui: Ui, entry: MenuEntry): Thread<Edited> {
  const { screen } = ui;
  const text = new EditText([`setparams ${quoted(entry.title)}`, "", ...entry.source]);
  let first = 0;
  let message: readonly string[] | undefined;
  for (;;) {
    const rows = text.rows(EDITOR_COLUMNS - 1);
    const at = text.place(rows);
    if (at.row < first) first = at.row;
    if (at.row >= first + EDITOR_LINES) first = at.row - EDITOR_LINES + 1;
    screen.show(
      drawEditor({
        rows: rows.slice(first, first + EDITOR_LINES).map((row) => row.text),
        cursor: { row: at.row - first, column: at.column },
        hasAbove: first > 0,
        hasBelow: first + EDITOR_LINES < rows.length,
        message,
      }),
    );
    const key = yield* screen.key();
    message = undefined;
    switch (key) {
      case undefined:
        break;
      case control("X"):
      case "f10":
        return { edited: "boot", lines: text.lines };
      case ESCAPE:
        return { edited: "discard" };
      case control("C"):
      case "f2": {
        const left = yield* commandLine(ui, true);
        if (left.left !== "back") return { edited: "left", left };
        break;
      }
      case TAB: {
        const { insert, show } = yield* completion(ui, text.before);
        text.insert(insert);
        message = show?.split("\n").slice(0, MESSAGE_LINES);
        break;
      }
      default:
        text.press(key);
    }
  }
}

const quoted = (title: string): string => `'${title.replaceAll("'", "'\\''")}'`;
