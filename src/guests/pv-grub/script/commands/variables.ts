/** set, unset, export and the flow of a script. */
import { ScriptFault } from "../faults.ts";
import { atOnce, first, type ScriptCommand } from "./command.ts";

const level = (words: readonly string[]): number => {
  const count = words[0] === undefined ? 1 : Number(words[0]);
  if (!Number.isInteger(count) || count < 1) throw new ScriptFault("bad break");
  return count;
};

/** Fedora's counters of boots: the variable's number, one more or less; from 0 where it is none. */
const count = (by: 1 | -1): ScriptCommand =>
  atOnce((script, words) => {
    const name = first(words, "one argument expected");
    const value = Number(/^\d{1,9}/.exec(script.environment.get(name) ?? "")?.[0] ?? 0);
    script.set(name, String(Math.max(0, value + by)));
    return true;
  });

export const VARIABLES = {
  increment: count(1),
  decrement: count(-1),
  set: atOnce((script, words) => {
    if (words.length === 0)
      for (const [name, value] of script.environment.entries()) script.print(`${name}=${value}\n`);
    for (const word of words.slice(0, 1)) {
      const equals = word.indexOf("=");
      if (equals < 1) throw new ScriptFault(`no value is specified for variable \`${word}'`);
      script.set(word.slice(0, equals), word.slice(equals + 1));
    }
    return undefined;
  }),
  unset: atOnce((script, words) => {
    script.environment.unset(first(words, "one argument expected"));
    return undefined;
  }),
  export: atOnce((script, words) => {
    if (words.length === 0) throw new ScriptFault("one argument expected");
    for (const name of words) {
      script.set(name, script.environment.get(name) ?? "");
      script.environment.export(name);
    }
    return undefined;
  }),
  setparams: atOnce((script, words) => {
    script.setParameters(words);
    return undefined;
  }),
  shift: atOnce((script, words) => script.shift(words[0] === undefined ? 1 : Number(words[0]))),
  break: atOnce((script, words) => {
    if (!script.isInLoop) throw new ScriptFault("not in a loop");
    script.stop({ kind: "break", levels: level(words) });
    return undefined;
  }),
  continue: atOnce((script, words) => {
    if (!script.isInLoop) throw new ScriptFault("not in a loop");
    script.stop({ kind: "continue", levels: level(words) });
    return undefined;
  }),
  return: atOnce((script, words) => {
    script.stop({ kind: "return" });
    return words[0] === undefined ? script.status : Number(words[0]) || 0;
  }),
  true: atOnce(() => true),
  false: atOnce(() => false),
  nop: atOnce(() => true),
  eval: {
    *run(script, words) {
      return yield* script.nested(words.join(" "));
    },
  },
} satisfies Readonly<Record<string, ScriptCommand>>;
