/** What prints, asks and waits. */
import { Nanos } from "../../../../lib/brand.ts";
import { sleep } from "../../../minios/threads.ts";
import { readText } from "../../files.ts";
import { ScriptFault } from "../faults.ts";
import { parseOptions } from "../options.ts";
import { evaluateTest } from "../test-command.ts";
import { atOnce, first, type ScriptCommand, wholePath, withPath } from "./command.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  a: "\u0007",
  c: "",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const test: ScriptCommand = {
  *run(script, words, _blocks, name) {
    const inner = name === "[" && words.at(-1) === "]" ? words.slice(0, -1) : words;
    return yield* evaluateTest(inner, function* (path) {
      try {
        return yield* script.given.files.exists(wholePath(script, path));
      } catch (error) {
        if (error instanceof ScriptFault) return undefined;
        throw error;
      }
    });
  },
};

export const TALK = {
  "[": test,
  test,
  echo: atOnce((script, words) => {
    let rest = words;
    let ends = true;
    let escapes = false;
    for (; /^-[ne]+$/.test(rest[0] ?? ""); rest = rest.slice(1)) {
      if (rest[0]?.includes("n") === true) ends = false;
      if (rest[0]?.includes("e") === true) escapes = true;
    }
    const text = rest.join(" ");
    const shown = escapes ? text.replace(/\\(.)/gs, (whole, char: string) => ESCAPES[char] ?? whole) : text;
    script.print(shown + (ends ? "\n" : ""));
    return undefined;
  }),
  cat: {
    *run(script, words) {
      const path = first(parseOptions({ dos: {} }, words).rest, "filename expected");
      script.print(yield* withPath(path, readText(script.given.files, wholePath(script, path))));
      return true;
    },
  },
  clear: atOnce((script) => {
    script.print("");
    script.given.terminal.clear();
    return undefined;
  }),
  read: {
    *run(script, words) {
      script.print("");
      const line = yield* script.given.terminal.line("", false);
      if (words[0] !== undefined) script.set(words[0], line ?? "");
      return true;
    },
  },
  sleep: {
    *run(script, words) {
      const options = parseOptions({ verbose: { short: "v" }, interruptible: { short: "i" } }, words);
      const seconds = Number(first(options.rest, "missing operand"));
      if (!(seconds >= 0)) throw new ScriptFault("unrecognized number");
      script.print("");
      const { given } = script;
      if (!options.has("interruptible")) yield* sleep(given, seconds * 1e9);
      else {
        const until = Nanos(given.now() + seconds * 1e9);
        while (given.now() < until) if ((yield* given.terminal.key(until)) === "\u001b") return false;
      }
      return true;
    },
  },
} satisfies Readonly<Record<string, ScriptCommand>>;
