/** The menu: shown, counted down, moved about in; its entries booted, edited, and tried one after the other. */
import { Nanos } from "../../../lib/brand.ts";
import type { Thread } from "../../minios/threads.ts";
import type { Menu, MenuEntry, RunEnd } from "../menu.ts";
import { commandLine } from "./command-line.ts";
import { editGrub2 } from "./edit-grub2.ts";
import { editLegacy } from "./edit-legacy.ts";
import type { Edited } from "./edited.ts";
import { ENTER, ESCAPE } from "./keys.ts";
import { List } from "./list.ts";
import { BOX_LINES, drawList } from "./pictures.ts";
import { pressAnyKey, printError, runLines } from "./run.ts";
import { BACK, type Left, leaves, type Ui } from "./ui.ts";

const SECOND = 1e9;
/** Menus within menus. */
const DEPTH_MAX = 32;

/** Comes back only when the machine is to stop, another menu takes this one's place, or (nested) Escape was pressed. */
export function* runMenu(ui: Ui, menu: Menu, depth = 0): Thread<Left> {
  if (menu.entries.length === 0) return yield* commandLine(ui, depth > 0);
  return yield* new RunningMenu(ui, menu, depth).run();
}

class RunningMenu {
  readonly #ui: Ui;
  readonly #menu: Menu;
  readonly #depth: number;
  readonly #list: List;
  #unlocked: boolean;

  constructor(ui: Ui, menu: Menu, depth: number) {
    this.#ui = ui;
    this.#menu = menu;
    this.#depth = depth;
    this.#list = new List(menu.entries.length, Math.max(0, menu.defaultEntry), BOX_LINES[menu.look]);
    this.#unlocked = menu.password === undefined;
  }

  *run(): Thread<Left> {
    const { timeout, defaultEntry, style } = this.#menu;
    let seconds = defaultEntry < 0 ? undefined : timeout;
    if (seconds !== undefined && (style !== "menu" || seconds === 0)) {
      if (!(yield* this.#hidden(seconds, style))) {
        const left = yield* this.#autoboot();
        if (left !== undefined) return left;
      }
      seconds = undefined;
    }
    for (;;) {
      const key = yield* this.#choose(seconds);
      seconds = undefined;
      const left = key === undefined ? yield* this.#autoboot() : yield* this.#act(key);
      if (left !== undefined) return left;
    }
  }

  /** The menu is not shown, and the seconds pass. True: Escape was pressed, and it is to be shown. */
  *#hidden(seconds: number, style: Menu["style"]): Thread<boolean> {
    const { screen } = this.#ui;
    const legacy = this.#menu.look === "legacy";
    // What was typed before counts, even when there is no time.
    for (let left = seconds; left >= 0; left--) {
      if (seconds > 0 && legacy) screen.send(`\rPress \`ESC' to enter the menu... ${left}   `);
      else if (seconds > 0 && style === "countdown") screen.send(`\r${left}    `);
      const until = Nanos(screen.now() + (left === 0 ? 0 : SECOND));
      for (let key = yield* screen.key(until); key !== undefined; key = yield* screen.key(until))
        if (key === ESCAPE || key === "f4") return true;
    }
    return false;
  }

  #show(seconds: number | undefined): void {
    const { entries, colours, look } = this.#menu;
    this.#ui.screen.show(
      drawList(look, {
        lines: entries.map(({ title }) => title),
        list: this.#list,
        colours,
        memory: this.#ui.memory,
        what: this.#depth > 0 ? "nested" : "menu",
        locked: !this.#unlocked,
        seconds,
      }),
    );
  }

  /** Moves about until a key that means something else; undefined: time is up. */
  *#choose(seconds: number | undefined): Thread<string | undefined> {
    const { screen } = this.#ui;
    const end = seconds === undefined ? undefined : screen.now() + seconds * SECOND;
    for (let counting = end !== undefined; ; ) {
      const left = counting && end !== undefined ? Math.max(0, end - screen.now()) : undefined;
      if (left === 0) return undefined;
      const whole = left === undefined ? undefined : Math.ceil(left / SECOND);
      this.#show(whole);
      const tick =
        left === undefined || whole === undefined
          ? undefined
          : Nanos(screen.now() + left - (whole - 1) * SECOND);
      const key = yield* screen.key(tick);
      if (key === undefined) continue;
      counting = false;
      if (this.#list.press(key)) continue;
      this.#show(undefined);
      return key;
    }
  }

  *#act(key: string): Thread<Left | undefined> {
    const entry = this.#menu.entries[this.#list.chosen];
    switch (key) {
      case ENTER:
      case "right":
      case "\u0006":
      case "b":
        return entry === undefined ? undefined : yield* this.#boot(entry);
      case "e": {
        if (entry === undefined || entry.submenu !== undefined || !(yield* this.#mayEdit())) return undefined;
        const edited: Edited =
          this.#menu.look === "legacy"
            ? yield* editLegacy(this.#ui, this.#menu, entry)
            : yield* editGrub2(this.#ui, entry);
        if (edited.edited === "left") return edited.left;
        return edited.edited === "boot" ? yield* this.#bootLines(entry, edited.lines) : undefined;
      }
      case "c": {
        if (!(yield* this.#mayEdit())) return undefined;
        const left = yield* commandLine(this.#ui, true);
        return left.left === "back" ? undefined : left;
      }
      case "p":
        if (!this.#unlocked) yield* this.#authenticate();
        return undefined;
      case ESCAPE:
        return this.#depth > 0 ? BACK : undefined;
      default:
        return undefined;
    }
  }

  /** GRUB 0.97 has `p` for the password; GRUB 2 asks when it is needed. */
  *#mayEdit(): Thread<boolean> {
    return this.#unlocked || (this.#menu.look === "grub2" && (yield* this.#authenticate()));
  }

  *#authenticate(): Thread<boolean> {
    const { password } = this.#menu;
    if (this.#unlocked || password === undefined) return true;
    const { screen } = this.#ui;
    screen.clear();
    const typed = yield* screen.line(this.#menu.look === "legacy" ? " Password: " : "Enter password: ", true);
    if (typed === undefined) return false;
    const answer = password(typed);
    this.#unlocked = typeof answer === "boolean" ? answer : yield* answer;
    if (!this.#unlocked) {
      screen.print("Failed!\n");
      yield* pressAnyKey(this.#ui, true);
    }
    return this.#unlocked;
  }

  /** Somebody chose this entry. */
  *#boot(entry: MenuEntry): Thread<Left | undefined> {
    if (entry.locked && !(yield* this.#authenticate())) return undefined;
    if (entry.submenu === undefined) return yield* this.#bootLines(entry, entry.source);
    if (this.#depth >= DEPTH_MAX) return undefined;
    const left = yield* runMenu(this.#ui, yield* entry.submenu(), this.#depth + 1);
    return left.left === "back" ? undefined : left;
  }

  *#bootLines(entry: MenuEntry, lines: readonly string[]): Thread<Left | undefined> {
    const end = yield* this.#execute(entry, lines);
    const left = leaves(end);
    if (left !== undefined || end.end !== "error") return left;
    yield* pressAnyKey(this.#ui, true);
    return undefined;
  }

  /** Nobody chose: the default, then the fallbacks. Undefined: none could be booted, and the menu is for people now. */
  *#autoboot(): Thread<Left | undefined> {
    const { entries, fallback } = this.#menu;
    const tried = [this.#list.chosen, ...fallback];
    for (const [i, index] of tried.entries()) {
      const entry = entries[index];
      if (entry === undefined) continue;
      if (i > 0) this.#ui.screen.print(`\n  Falling back to \`${entry.title}'\n\n`);
      if (entry.locked && !this.#unlocked) return undefined;
      const end: RunEnd =
        entry.submenu === undefined
          ? yield* this.#execute(entry, entry.source, i > 0)
          : { end: "menu", menu: yield* entry.submenu(true) };
      if (end.end === "menu" && entry.submenu !== undefined) {
        const left = yield* runMenu(this.#ui, end.menu, this.#depth + 1);
        return left.left === "back" ? undefined : left;
      }
      const left = leaves(end);
      if (left !== undefined) return left;
      if (end.end !== "error") return undefined;
      this.#list.choose(index);
    }
    yield* pressAnyKey(this.#ui, false);
    return undefined;
  }

  *#execute(entry: MenuEntry, lines: readonly string[], goesOn = false): Thread<RunEnd> {
    const { screen } = this.#ui;
    if (!goesOn) screen.clear();
    screen.print(
      this.#menu.look === "legacy" ? `  Booting '${entry.title}'\n\n` : `  Booting \`${entry.title}'\n\n`,
    );
    const end = yield* runLines(this.#ui, lines, entry);
    printError(this.#ui, end);
    return end;
  }
}
