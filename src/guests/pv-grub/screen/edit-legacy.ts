/** An entry's lines as GRUB 0.97 has them edited: a list, of which one line at a time is changed. */
import type { Thread } from "../../minios/threads.ts";
import type { Menu, MenuEntry } from "../menu.ts";
import { commandLine, completion, introduction } from "./command-line.ts";
import type { Edited } from "./edited.ts";
import { ENTER, ESCAPE } from "./keys.ts";
import { List } from "./list.ts";
import { BOX_LINES, drawList } from "./pictures.ts";
import type { Ui } from "./ui.ts";

export function* editLegacy(ui: Ui, menu: Menu, entry: MenuEntry): Thread<Edited> {
  const { screen } = ui;
  const lines = [...entry.source];
  const list = new List(lines.length, 0, BOX_LINES.legacy);
  for (;;) {
    list.size = lines.length;
    list.choose(list.chosen);
    screen.show(
      drawList("legacy", {
        lines,
        list,
        colours: menu.colours,
        memory: ui.memory,
        what: "lines",
        locked: false,
        seconds: undefined,
      }),
    );
    const key = yield* screen.key();
    if (key === undefined || list.press(key)) continue;
    switch (key) {
      case "b":
        return { edited: "boot", lines };
      case ESCAPE:
        return { edited: "discard" };
      case "c": {
        const left = yield* commandLine(ui, true);
        if (left.left !== "back") return { edited: "left", left };
        break;
      }
      case "d":
        lines.splice(list.chosen, 1);
        break;
      case "o":
        lines.splice(lines.length === 0 ? 0 : ++list.chosen, 0, "");
        break;
      case "O":
        lines.splice(list.chosen, 0, "");
        break;
      case "e":
      case ENTER: {
        const line = lines[list.chosen];
        if (line === undefined) break;
        screen.clear();
        screen.print(
          introduction("legacy", "  ESC at any time cancels.\n   ENTER at any time accepts your changes."),
        );
        const changed = yield* screen.ask({
          prompt: "grub edit> ",
          text: line,
          complete: (before) => completion(ui, before),
        });
        if (changed !== undefined) lines[list.chosen] = changed;
        break;
      }
      default:
    }
  }
}
