/** regexp: the only way in a grub.cfg to take a text apart. */
import { matchEre } from "../ere.ts";
import { ScriptFault } from "../faults.ts";
import { parseOptions } from "../options.ts";
import { atOnce, type ScriptCommand } from "./command.ts";

export const REGEXP = {
  /** [--set [NUMBER:]VARIABLE] PATTERN TEXT */
  regexp: atOnce((script, words) => {
    const options = parseOptions({ set: { short: "s", value: "needed" } }, words);
    const [pattern, text] = options.rest;
    if (pattern === undefined || text === undefined) throw new ScriptFault("two arguments expected");
    const found = matchEre(pattern, text);
    if (!found.ok) throw new ScriptFault("invalid regular expression", found.why);
    if (found.groups === undefined) return false;
    for (const wanted of options.given("set")) {
      const [, number, name = ""] = /^(?:(\d{1,3}):)?(.*)$/s.exec(wanted) ?? [];
      script.set(name, found.groups[Number(number ?? 1)] ?? "");
    }
    return true;
  }),
} satisfies Readonly<Record<string, ScriptCommand>>;
