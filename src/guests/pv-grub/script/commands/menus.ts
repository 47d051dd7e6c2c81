/** menuentry, submenu, and files that bring more of them. */
import type { Thread } from "../../../minios/threads.ts";
import { blsEntries } from "../../bls.ts";
import { readText } from "../../files.ts";
import type { MenuEntry } from "../../menu.ts";
import { ScriptFault } from "../faults.ts";
import type { Interpreter } from "../interpreter.ts";
import { parseOptions } from "../options.ts";
import { parsePbkdf2 } from "../pbkdf2.ts";
import { atOnce, first, type ScriptCommand, wholePath, withPath } from "./command.ts";

const OPTIONS = {
  class: { value: "needed" },
  users: { value: "needed" },
  hotkey: { value: "needed" },
  source: { value: "needed" },
  id: { value: "needed" },
  unrestricted: {},
} as const;

/** A block's lines as the editor shows them. */
export const sourceLines = (source: string): readonly string[] =>
  source
    .replace(/\r/g, "")
    .replace(/^[ \t]*\n/, "")
    .trimEnd()
    .split("\n");

const menuentry: ScriptCommand = {
  // biome-ignore lint/correctness/useYield: it only notes the entry
  *run(script, words, blocks, name) {
    const options = parseOptions(OPTIONS, words);
    const title = first(options.rest, "missing arguments");
    const source = options.given("source").at(-1) ?? blocks.at(-1)?.source;
    if (source === undefined) throw new ScriptFault("no menuentry definition");
    const id = options.given("id").at(-1);
    const users = script.environment.get("superusers") ?? "";
    const isLocked = users !== "" && !options.has("unrestricted");
    const { environment, lasting } = script;
    const submenu =
      name === "submenu"
        ? lasting.submenu({ environment, id: id ?? title, source, parameters: options.rest })
        : undefined;
    const entry: MenuEntry = { title, id, source: sourceLines(source), submenu, locked: isLocked };
    script.add({ entry, parameters: options.rest });
    return true;
  },
};

function* textOf(script: Interpreter, words: readonly string[]): Thread<{ text: string; path: string }> {
  const shown = first(words, "filename expected");
  const path = wholePath(script, shown);
  return { text: yield* withPath(shown, readText(script.given.files, path)), path };
}

const source: ScriptCommand = {
  *run(script, words) {
    return yield* script.nested((yield* textOf(script, words)).text);
  },
};

const configfile: ScriptCommand = {
  *run(script, words, _blocks, name) {
    const given =
      words.length === 0 && name === "normal" ? [`${script.environment.get("prefix")}/grub.cfg`] : words;
    const { path } = yield* textOf(script, given);
    const end = yield* script.lasting.newMenu(path);
    if (end !== undefined) script.stop({ kind: "end", end });
    return true;
  },
};

const extract: ScriptCommand = {
  *run(script, words) {
    for (const entry of yield* script.extract((yield* textOf(script, words)).text)) script.add(entry);
    return true;
  },
};

const blscfg: ScriptCommand = {
  *run(script, words) {
    const folders = words.length > 0 ? words : ["/loader/entries", "/boot/loader/entries"];
    for (const folder of folders) {
      const found = yield* blsEntries(script.given.files, wholePath(script, folder));
      for (const { title, id, source: lines } of found) {
        const users = script.environment.get("superusers") ?? "";
        const entry = { title, id, source: lines, submenu: undefined, locked: users !== "" };
        script.add({ entry, parameters: [title] });
      }
      if (found.length > 0) return true;
    }
    return undefined;
  },
};

export const MENUS = {
  menuentry,
  submenu: menuentry,
  /** SUSE's: reached by its key alone, and shown nowhere. */
  hiddenentry: atOnce(() => true),
  source,
  ".": source,
  configfile,
  normal: configfile,
  extract_entries_source: extract,
  extract_entries_configfile: extract,
  blscfg,
  password: atOnce((script, words) => {
    const [user, text] = words;
    if (user === undefined || text === undefined) throw new ScriptFault("two arguments expected");
    script.lasting.passwords.set(user, text);
    return true;
  }),
  password_pbkdf2: atOnce((script, words) => {
    const [user, text] = words;
    if (user === undefined || text === undefined) throw new ScriptFault("two arguments expected");
    if (parsePbkdf2(text) === undefined) throw new ScriptFault("invalid PBKDF2 password");
    script.lasting.passwords.set(user, text);
    return true;
  }),
} satisfies Readonly<Record<string, ScriptCommand>>;
