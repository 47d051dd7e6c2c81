/** The command line: what is typed is run, line by line. */
import type { Thread } from "../../minios/threads.ts";
import type { Completion } from "./line.ts";
import { printError, runLines } from "./run.ts";
import { BACK, type Left, leaves, type Ui } from "./ui.ts";
import { cut, widthOf } from "./width.ts";

/** Lines that the arrows reach. */
const HISTORY_MAX = 100;
/** Candidates that TAB shows. */
const SHOWN_MAX = 200;

/** `mayLeave`: there is a menu to go back to. */
export function* commandLine(ui: Ui, mayLeave: boolean): Thread<Left> {
  const { screen, shell, history } = ui;
  if (mayLeave) screen.clear();
  screen.print(introduction(shell.look, mayLeave ? "  ESC at any time exits." : ""));
  for (;;) {
    const typed = yield* screen.ask({
      prompt: shell.prompt,
      history,
      complete: (before) => completion(ui, before),
    });
    if (typed === undefined) {
      if (mayLeave) return BACK;
      continue;
    }
    if (typed.trim() === "") continue;
    if (history.at(-1) !== typed) history.push(typed);
    if (history.length > HISTORY_MAX) history.shift();
    const end = yield* runLines(ui, [typed]);
    const left = leaves(end);
    if (left !== undefined) return left;
    printError(ui, end);
    screen.print("\n");
  }
}

export function introduction(look: "legacy" | "grub2", more: string): string {
  if (look === "legacy")
    return (
      "\n [ Minimal BASH-like line editing is supported.  For the first word, TAB\n" +
      "   lists possible command completions.  Anywhere else TAB lists the possible\n" +
      `   completions of a device/filename.${more} ]\n\n`
    );
  return (
    "\n                             GNU GRUB  version 2.06\n\n" +
    "   Minimal BASH-like line editing is supported. For the first word, TAB\n" +
    "   lists possible command completions. Anywhere else TAB lists possible\n" +
    `   device or file completions.${more}\n\n`
  );
}

/** What TAB makes of the text before the cursor. */
export function* completion(ui: Ui, before: string): Thread<Completion> {
  const found = yield* ui.shell.complete(before);
  const word = wordOf(before, found);
  const first = found[0];
  if (word === undefined || first === undefined) return { insert: "", show: undefined };
  const common = found.reduce(commonStart, first);
  const insert = common.slice(word.length);
  if (found.length === 1) return { insert: /[/)(,=]$/.test(common) ? insert : `${insert} `, show: undefined };
  return { insert, show: insert === "" ? shown(found, before.trimStart() === word) : undefined };
}

/** The end of `before` that all candidates begin with; undefined: there is none. */
function wordOf(before: string, found: readonly string[]): string | undefined {
  const words = [/\S*$/, /[^\s=]*$/].map((pattern) => pattern.exec(before)?.[0] ?? "");
  return words.find((word) => found.every((one) => one.startsWith(word)));
}

function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}

function shown(found: readonly string[], isCommand: boolean): string {
  const kind = isCommand ? "commands" : found.every((one) => /^\([^)]*\)?$/.test(one)) ? "devices" : "files";
  const lines: string[] = [];
  let line = "";
  for (const one of found.slice(0, SHOWN_MAX)) {
    const name = cut(one.replace(/^.*\/(?=.)/s, ""), 76);
    if (widthOf(line) + widthOf(name) + 2 > 78) {
      lines.push(line);
      line = "";
    }
    line += ` ${name}`;
  }
  lines.push(line);
  if (found.length > SHOWN_MAX) lines.push(` and ${found.length - SHOWN_MAX} more`);
  return ` Possible ${kind} are:\n\n${lines.join("\n")}\n`;
}
