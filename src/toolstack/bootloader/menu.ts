/**
 * PyGRUB's menu, on a vt100 of 80 columns and 24 lines: what Python's curses sends for it, byte for byte while nothing is
 * typed. Keys: arrows, Enter, `a` (the kernel's arguments), `e` (an entry's lines), `c` (a command line).
 */
import { fail, type Menu, type MenuImage } from "./conf.ts";
import { decodeKeys, type Key } from "./keys.ts";
import { editLine } from "./line-editor.ts";
import type { Chosen } from "./pygrub.ts";
import type { Pygrub } from "./steps.ts";

const ROWS = 8;
const WIDTH = 72;
const TITLE_WIDTH = 70;
const HELP = [
  "Use the ^ and v keys to select which entry is highlighted.",
  "Press enter to boot the selected OS, 'e' to edit the",
  "commands before booting, 'a' to modify the kernel arguments",
  "before booting, or 'c' for a command line.",
];
/** Where lines of the screen lie, from 0. */
const HELP_ROW = 12;
const HELP_COLUMN = 5;
const MESSAGE_ROW = 20;
/** One past the last column of a title, where curses leaves the cursor. */
const REST_COLUMN = 73;

const ESC = "\x1b";
const KEYPAD = `${ESC}[?1h${ESC}=`;
const START = `${ESC}(B${ESC})0${ESC}[1;24r${ESC}[m\x0f${ESC}[?7h${KEYPAD}`;
const CLEAR = `${ESC}[H${ESC}[J`;
const END = `${ESC}[?1l${ESC}>${ESC}[24;1H\r${ESC}[?1l${ESC}>`;
const lines = (character: string): string => `${ESC}[0m\x0e${character}\x0f`;
const down = (n: number): string => `${ESC}[${n}B`;
const up = (n: number): string => `${ESC}[${n}A`;
const right = (n: number): string => `${ESC}[${n}C`;
const left = (n: number): string => `${ESC}[${n}D`;

/** What was chosen, the entries with the changes that were made to them. `timeout`: seconds, -1: none. */
export function* runMenu(menu: Menu, timeout: number, out: (text: string) => void): Pygrub<Chosen> {
  const images = [...menu.images];
  if (images.length === 0) fail("IndexError: list index out of range");
  let selected = Math.min(menu.selected, images.length - 1);
  let first = 0;
  let left = timeout;
  let isFresh = true;
  const keys: Key[] = [];
  out(START);
  try {
    for (;;) {
      if (left === 0) return { images, selected };
      if (selected >= first + ROWS || selected < first) {
        first = selected;
        isFresh = true;
      }
      if (isFresh) out(picture(images.slice(first, first + ROWS), selected - first));
      isFresh = false;
      const cursor = 2 + Math.min(images.length - first, ROWS);
      if (left > 0) out(message(`Will boot selected entry in ${String(left).padStart(2)} seconds`, cursor));
      if (keys.length === 0) {
        const typed = yield { need: "keys", seconds: left > 0 ? 1 : undefined };
        if (typed.length === 0) {
          left--;
          if (left > 0) out(`${KEYPAD}\r${ESC}[J${up(MESSAGE_ROW - cursor)}${right(REST_COLUMN)}`);
          continue;
        }
        keys.push(...decodeKeys(typed));
      }
      left = -1;
      isFresh = true;
      const key = keys.shift();
      if (key === "up") selected = Math.max(0, selected - 1);
      else if (key === "down") selected = Math.min(images.length - 1, selected + 1);
      else if (key === "enter") return { images, selected };
      else if (key === "a") {
        const changed = yield* editArguments(menu, images[selected], keys, out);
        if (changed !== undefined) {
          images[selected] = changed;
          return { images, selected };
        }
      } else if (key === "e") {
        const changed = yield* editEntry(menu, images[selected], keys, out);
        if (changed !== undefined) {
          images[selected] = changed;
          return { images, selected };
        }
      } else if (key === "c") {
        const entered = yield* commandLine(keys, out);
        if (entered !== undefined) {
          images.push(menu.image("entered", entered));
          return { images, selected: images.length - 1 };
        }
      }
    }
  } finally {
    out(END);
  }
}

/** The whole screen, from an empty one. */
function picture(shown: readonly MenuImage[], selected: number): string {
  const rows = Array.from({ length: ROWS }, (_, row) => rowText(shown[row]?.title, row === selected));
  const box = [
    `${lines(`l${"q".repeat(WIDTH)}k`)}`,
    ...rows.map((row) => `${lines("x")}${row}${lines("x")}`),
    `${lines(`m${"q".repeat(WIDTH)}j`)}`,
  ];
  const top = `${CLEAR}${KEYPAD}${down(1)}    pyGRUB  version 0.7\r${down(1)} `;
  const cursor = 2 + shown.length;
  const helpWidth = HELP.at(-1)?.length ?? 0;
  return [
    top,
    box.join(`\r${down(1)} `),
    `${down(1)}${left(1 + WIDTH + 2 - HELP_COLUMN)}${ESC}[0m\x0e\x0f`,
    HELP.map((line, i) => (i + 1 < HELP.length ? `${line}${down(1)}${left(line.length)}` : line)).join(""),
    up(HELP_ROW + HELP.length - 1 - cursor),
    right(REST_COLUMN - HELP_COLUMN - helpWidth),
  ].join("");
}

/** Between the two edges. */
function rowText(title: string | undefined, isSelected: boolean): string {
  if (title === undefined) return right(WIDTH);
  const text = tame(title).slice(0, TITLE_WIDTH);
  if (isSelected) return ` ${ESC}[0;7m\x0f${text.padEnd(TITLE_WIDTH)}${ESC}[m\x0f `;
  const trimmed = ` ${text}`.trimEnd();
  return `${trimmed}${right(WIDTH - trimmed.length)}`;
}

/** A title is the guest's: what would steer the terminal is not sent. */
const tame = (text: string): string => text.replace(/\t/g, "        ").replace(/[\p{Cc}\p{Cs}]/gu, "?");

/** Below the help, from the cursor's place in the list. */
const message = (text: string, cursor: number): string =>
  `${down(MESSAGE_ROW - cursor)}${left(REST_COLUMN - HELP_COLUMN)}${text}`;

const EDIT_HEAD = [
  "[ Minimal BASH-like line editing is supported.  ",
  "  ESC at any time cancels.  ENTER at any time accepts your changes. ]",
];
const COMMAND_HEAD = [
  "[ Minimal BASH-like line editing is supported.  ESC at any time ",
  "  exits.  Typing 'boot' will boot with your entered commands. ] ",
];
const at = (row: number, column: number): string => `${ESC}[${row + 1};${column + 1}H`;
const head = (text: readonly string[]): string =>
  `${CLEAR}${text.map((line, i) => `${at(i + 1, 2)}${line}`).join("")}`;

function* editArguments(
  menu: Menu,
  image: MenuImage | undefined,
  keys: Key[],
  out: (text: string) => void,
): Pygrub<MenuImage | undefined> {
  const at = image?.lines.findIndex((line) => line.startsWith("kernel") || line.startsWith("linux")) ?? -1;
  const line = image?.lines[at];
  if (image === undefined || line === undefined) return undefined;
  out(head(EDIT_HEAD));
  const changed = yield* editLine(line, 5, keys, out);
  return changed === undefined ? undefined : menu.image(image.title, image.lines.with(at, changed));
}

const EDIT_HELP = [
  "Use the ^ and v keys to select which entry is highlighted.",
  "Press 'b' to boot, 'e' to edit the selected command in the",
  "boot sequence, 'c' for a command-line, 'o' to open a new line",
  "after ('O' for before) the selected line, 'd' to remove the",
  "selected line, or escape to go back to the main menu.",
];

function* editEntry(
  menu: Menu,
  image: MenuImage | undefined,
  keys: Key[],
  out: (text: string) => void,
): Pygrub<MenuImage | undefined> {
  if (image === undefined) return undefined;
  const edited = [...image.lines];
  let current = 0;
  for (;;) {
    current = Math.max(0, Math.min(current, edited.length - 1));
    const from = Math.max(0, current - ROWS + 1);
    const shown = edited.slice(from, from + ROWS).map((line) => ({ ...image, title: line }));
    out(picture(shown, current - from));
    out(EDIT_HELP.map((line, i) => `${at(HELP_ROW + i, HELP_COLUMN)}${line}${ESC}[K`).join(""));
    while (keys.length === 0) keys.push(...decodeKeys(yield { need: "keys", seconds: undefined }));
    const key = keys.shift();
    if (key === "escape" || key === "q") return undefined;
    if (key === "up") current--;
    if (key === "down") current++;
    if (key === "b") return menu.image(image.title, edited);
    if (key === "d") edited.splice(current, 1);
    if (key === "o") edited.splice(++current, 0, "");
    if (key === "O") edited.splice(current, 0, "");
    if (key === "e") {
      out(head(EDIT_HEAD));
      const changed = yield* editLine(edited[current] ?? "", 5, keys, out);
      if (changed !== undefined) edited[current] = changed;
    }
    if (key === "c") {
      const entered = yield* commandLine(keys, out);
      if (entered !== undefined) return menu.image("entered", entered);
    }
  }
}

/** The lines before `boot`; undefined: it was left. */
function* commandLine(keys: Key[], out: (text: string) => void): Pygrub<readonly string[] | undefined> {
  out(head(COMMAND_HEAD));
  const entered: string[] = [];
  for (;;) {
    const line = yield* editLine("", 5 + (entered.length % 16), keys, out);
    if (line === undefined || line === "" || line === "quit" || line === "return") return undefined;
    if (line === "boot") return entered;
    if (entered.length < LINES_MAX) entered.push(line);
  }
}

const LINES_MAX = 1000;
