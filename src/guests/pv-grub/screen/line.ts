/** A line typed at a prompt: edited in place, scrolled sideways when it is longer than the screen is wide. */
import type { Thread } from "../../minios/threads.ts";
import { EditLine } from "./edit-line.ts";
import { COLUMNS } from "./grid.ts";
import { control, ENTER, ESCAPE, TAB } from "./keys.ts";
import type { Screen } from "./screen.ts";
import { cut, harmless, widthOf } from "./width.ts";

export interface LineOptions {
  readonly prompt: string;
  /** A star for each character. */
  readonly secret?: boolean;
  readonly text?: string;
  /** Earlier lines, the last one last: reached by the arrows. */
  readonly history?: readonly string[];
  /** What TAB shows of, and makes of, the text before the cursor. */
  readonly complete?: (before: string) => Thread<Completion>;
}

export interface Completion {
  /** To be inserted at the cursor. */
  readonly insert: string;
  /** Shown above the line. */
  readonly show: string | undefined;
}

/** Undefined: Escape was pressed. */
export function* readLine(screen: Screen, options: LineOptions): Thread<string | undefined> {
  const line = new EditLine(options.text ?? "");
  const history = options.history ?? [];
  let recalled = history.length;
  let typed = "";
  const recall = (to: number): void => {
    if (to < 0 || to > history.length || to === recalled) return;
    if (recalled === history.length) typed = line.text;
    recalled = to;
    line.text = history[to] ?? typed;
  };
  let shown: Shown | undefined;
  for (;;) {
    const wanted = seenOf(line, options);
    screen.send(change(shown, wanted));
    shown = wanted;
    const key = yield* screen.key();
    switch (key) {
      case undefined:
        break;
      case ENTER:
        screen.send("\r\n");
        return line.text;
      case ESCAPE:
        screen.send("\r\n");
        return undefined;
      case "up":
      case control("P"):
        recall(recalled - 1);
        break;
      case "down":
      case control("N"):
        recall(recalled + 1);
        break;
      case TAB: {
        if (options.complete === undefined) break;
        const { insert, show } = yield* options.complete(line.before);
        line.insert(insert);
        if (show === undefined) break;
        screen.print(`\n${show}\n`);
        shown = undefined;
        break;
      }
      default:
        line.press(key);
    }
  }
}

interface Shown {
  readonly text: string;
  /** Column of the cursor. */
  readonly cursor: number;
}

/** The part of the line that is seen, behind its prompt. */
function seenOf(line: EditLine, { prompt, secret }: LineOptions): Shown {
  const all = secret === true ? "*".repeat(line.length) : harmless(line.text);
  const chars = [...all];
  const room = COLUMNS - 1 - widthOf(prompt);
  let from = 0;
  // The cursor's column is always seen.
  while (widthOf(chars.slice(from, line.cursor).join("")) >= room) from += Math.ceil(room / 2);
  const seen = cut(chars.slice(from).join(""), room);
  return {
    text: `${prompt}${seen}`,
    cursor: widthOf(prompt) + widthOf(chars.slice(from, line.cursor).join("")),
  };
}

/** What makes `wanted` of the line `shown`: what was only added is only sent. */
function change(shown: Shown | undefined, wanted: Shown): string {
  const atEnd = wanted.cursor === widthOf(wanted.text);
  if (
    shown !== undefined &&
    atEnd &&
    wanted.text.startsWith(shown.text) &&
    shown.cursor === widthOf(shown.text)
  )
    return wanted.text.slice(shown.text.length);
  const back = widthOf(wanted.text) - wanted.cursor;
  // At first the line is empty.
  const text = shown === undefined ? wanted.text : shown.text === wanted.text ? "" : `\r${wanted.text}\x1b[K`;
  if (text === "") return wanted.cursor === 0 ? "\r" : `\r\x1b[${wanted.cursor}C`;
  return back === 0 ? text : `${text}\x1b[${back}D`;
}
