/** The shell of a grub.cfg: its menus, what an entry does, the command line. */
import type { Thread } from "../../minios/threads.ts";
import { colourPair, type Pair } from "../colours.ts";
import { completePath } from "../completion.ts";
import { readText } from "../files.ts";
import type { Config, Menu, MenuEntry, RunEnd, Session, Shell, Surroundings } from "../menu.ts";
import { COMMANDS } from "./commands/index.ts";
import { Environment } from "./environment.ts";
import { ScriptFault } from "./faults.ts";
import { Interpreter, type Lasting } from "./interpreter.ts";
import { isPassword, parsePbkdf2 } from "./pbkdf2.ts";

/** Files that bring menus, within each other. */
const MENUS_MAX = 16;

/** What GRUB sets before it reads a file. */
const FEATURES = [
  "feature_chainloader_bpb",
  "feature_ntldr",
  "feature_platform_search_hint",
  "feature_default_font_path",
  "feature_all_video_module",
  "feature_menuentry_id",
  "feature_menuentry_options",
  "feature_200_final",
  "feature_nativedisk_cmd",
  "feature_timeout_style",
];

/** Where an entry runs. */
interface Home {
  readonly environment: Environment;
  readonly parameters: readonly string[];
}

export class ScriptShell implements Shell {
  readonly look = "grub2";
  readonly prompt = "grub> ";
  readonly #given: Surroundings;
  readonly #lasting: Lasting;
  readonly #homes = new WeakMap<MenuEntry, Home>();
  /** The context of the menu that was made last: the command line's. */
  #environment = new Environment();
  #menus = 0;
  /** The submenus that a context is behind, "a>b"; GRUB keeps them in $chosen. */
  readonly #above = new WeakMap<Environment, string>();

  constructor(given: Surroundings) {
    this.#given = given;
    this.#lasting = {
      given,
      functions: new Map(),
      passwords: new Map(),
      newMenu: (path) => this.#configfile(path),
      submenu: ({ environment, id, source, parameters }) => {
        const open = (byItself?: boolean) =>
          this.#submenu(environment, id, source, parameters, byItself === true);
        return open;
      },
    };
  }

  *read(config: Config): Thread<Session> {
    const environment = new Environment();
    const exported = (name: string, value: string) => {
      environment.set(name, value);
      environment.export(name);
    };
    for (const name of FEATURES) exported(name, "y");
    exported("grub_platform", "xen");
    exported("grub_cpu", "x86_64");
    exported("color_normal", "light-gray/black");
    exported("color_highlight", "black/light-gray");
    const path = config.path ?? "(hd0)/boot/grub/grub.cfg";
    exported("root", /^\(([^)]*)\)/.exec(path)?.[1] ?? "hd0");
    exported("prefix", path.replace(/\/[^/]*$/, ""));
    return { menu: yield* this.#menuOf(environment, config.text, path), shell: this };
  }

  *run(lines: readonly string[], entry?: MenuEntry): Thread<RunEnd> {
    this.#given.files.begin();
    this.#menus = 0;
    const home = entry === undefined ? undefined : this.#homes.get(entry);
    const environment = home?.environment ?? this.#environment;
    if (entry !== undefined) this.#choose(environment, environment, entry.id ?? entry.title);
    const interpreter = new Interpreter(this.#lasting, environment, home?.parameters);
    const end = yield* interpreter.run(lines.join("\n"));
    const failure = interpreter.takeFailure();
    if (end !== undefined && end.end !== "error") return end;
    const { loader, terminal } = this.#given;
    if (failure === undefined) return end ?? { end: "done" };
    const error = `error: ${failure.message}.`;
    if (entry === undefined || !loader.loaded) return { end: "error", error, why: failure.why };
    terminal.print(`${error}\n`);
    return { end: "done" };
  }

  *complete(line: string): Thread<readonly string[]> {
    this.#given.files.begin();
    const last = /[^ \t;={}]*$/.exec(line)?.[0] ?? "";
    if (/(^|[;{])[ \t]*[^ \t]*$/.test(line) && !last.startsWith("(") && !last.startsWith("/")) {
      const names = [...Object.keys(COMMANDS), ...this.#lasting.functions.keys()];
      return [...new Set(names)].filter((name) => name.startsWith(last)).sort();
    }
    const root = this.#environment.get("root") ?? "";
    return yield* completePath(this.#given.files, last, root.startsWith("(") ? root : `(${root})`, "grub2");
  }

  *#configfile(path: string): Thread<RunEnd | undefined> {
    if (this.#menus === MENUS_MAX)
      throw new ScriptFault("out of memory", "configuration files lead to each other");
    this.#menus++;
    const outer = this.#environment;
    const text = yield* readText(this.#given.files, path);
    const menu = yield* this.#menuOf(outer.open(), text, path);
    if (menu.entries.length > 0) return { end: "menu", menu };
    this.#environment = outer;
    return undefined;
  }

  /** Runs a file, and answers its menu; or what it ends in, as a menu of one entry that is done at once. */
  *#menuOf(environment: Environment, text: string, path: string): Thread<Menu> {
    environment.set("config_file", path);
    environment.set("config_directory", path.replace(/\/[^/]*$/, ""));
    this.#environment = environment;
    const interpreter = new Interpreter(this.#lasting, environment);
    const end = yield* interpreter.run(text);
    this.#say(interpreter);
    if (end?.end === "menu") return end.menu;
    const menu = this.#menu(interpreter);
    if (end === undefined || end.end === "done" || end.end === "error") return menu;
    const entry: MenuEntry = {
      title: end.end,
      id: undefined,
      source: [end.end],
      submenu: undefined,
      locked: false,
    };
    return { ...menu, entries: [entry], defaultEntry: 0, fallback: [], timeout: 0 };
  }

  *#submenu(
    outer: Environment,
    id: string,
    source: string,
    parameters: readonly string[],
    byItself: boolean,
  ): Thread<Menu> {
    this.#given.files.begin();
    this.#menus = 0;
    const inner = outer.open();
    this.#above.set(inner, this.#choose(inner, outer, id));
    const rest = splitDefault(outer.get("default") ?? "").rest;
    if (byItself && rest !== "") inner.set("default", rest);
    if (byItself) inner.set("timeout", "0");
    this.#environment = inner;
    const interpreter = new Interpreter(this.#lasting, inner, parameters);
    const end = yield* interpreter.run(source);
    this.#say(interpreter);
    return end?.end === "menu" ? end.menu : this.#menu(interpreter);
  }

  /** What went wrong last, where nothing of the shell follows. */
  #say(interpreter: Interpreter): void {
    const failure = interpreter.takeFailure();
    if (failure === undefined) return;
    this.#given.terminal.print(`error: ${failure.message}.\n`);
    if (failure.why !== undefined) this.#given.terminal.print(`  (${failure.why})\n`);
  }

  #menu(interpreter: Interpreter): Menu {
    const { environment } = interpreter;
    const entries = interpreter.entries.map(({ entry, parameters }) => {
      this.#homes.set(entry, { environment, parameters });
      return entry;
    });
    const seconds = /^\s*(\d{1,6})/.exec(environment.get("timeout") ?? "")?.[1];
    const timeout = seconds === undefined ? undefined : Number(seconds);
    const style = environment.get("timeout_style");
    const wanted = findEntry(entries, splitDefault(environment.get("default") ?? "").first);
    return {
      entries,
      defaultEntry: wanted ?? (entries.length > 0 ? 0 : -1),
      fallback: fallbackOf(entries, environment.get("fallback") ?? ""),
      timeout,
      style: timeout !== undefined && (style === "hidden" || style === "countdown") ? style : "menu",
      colours: coloursOf(environment),
      password: this.#passwordCheck(environment),
      look: "grub2",
    };
  }

  /** Notes in `environment` which entry of the menu in `menu` was taken: "submenu>entry". */
  #choose(environment: Environment, menu: Environment, id: string): string {
    const name = id.replace(/>/g, ">>");
    const above = this.#above.get(menu);
    const chosen = above === undefined ? name : `${above}>${name}`;
    environment.set("chosen", chosen);
    environment.export("chosen");
    return chosen;
  }

  #passwordCheck(environment: Environment): Menu["password"] {
    const users = (environment.get("superusers") ?? "").split(/[ ,;|&]+/).filter((user) => user !== "");
    if (users.length === 0) return undefined;
    const { passwords } = this.#lasting;
    return function* (typed) {
      for (const user of users) {
        const text = passwords.get(user);
        if (text === undefined) continue;
        const stored = parsePbkdf2(text);
        if (stored === undefined ? text === typed : yield* isPassword(typed, stored)) return true;
      }
      return false;
    };
  }
}

/** "1>2": the first part, and the rest for the submenu. ">>" stands for a ">" of a title. */
function splitDefault(text: string): { readonly first: string; readonly rest: string } {
  const match = /^((?:[^>]|>>)*)(?:>(.*))?$/s.exec(text);
  return { first: (match?.[1] ?? "").replace(/>>/g, ">"), rest: match?.[2] ?? "" };
}

function findEntry(entries: readonly MenuEntry[], wanted: string): number | undefined {
  if (/^\d+$/.test(wanted)) return Number(wanted) < entries.length ? Number(wanted) : undefined;
  const index = entries.findIndex(({ title, id }) => id === wanted || title === wanted);
  return index < 0 ? undefined : index;
}

function fallbackOf(entries: readonly MenuEntry[], text: string): readonly number[] {
  const whole = findEntry(entries, text);
  if (whole !== undefined) return [whole];
  const found = text.split(/\s+/).map((word) => findEntry(entries, word));
  return found.filter((index): index is number => index !== undefined);
}

function coloursOf(environment: Environment): Menu["colours"] {
  const pair = (name: string): Pair | undefined => colourPair(environment.get(name) ?? "");
  const normal = pair("menu_color_normal");
  const highlight = pair("menu_color_highlight");
  if (normal === undefined && highlight === undefined) return undefined;
  return { normal: normal ?? [7, 0], highlight: highlight ?? [0, 7] };
}
