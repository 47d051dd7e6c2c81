/** load_env, save_env, list_env: variables that outlive a boot. */
import type { Thread } from "../../../minios/threads.ts";
import { ScriptFault } from "../faults.ts";
import { GRUBENV_MAX, readGrubenv, type Variables, writeGrubenv } from "../grubenv.ts";
import type { Interpreter } from "../interpreter.ts";
import { parseOptions } from "../options.ts";
import { type ScriptCommand, wholePath, withPath } from "./command.ts";

const OPTIONS = { file: { short: "f", value: "needed" }, "skip-sig": { short: "s" } } as const;

interface Stored {
  readonly shown: string;
  readonly path: string;
  readonly size: number;
  readonly variables: Variables;
}

/** The block of `--file`, or $prefix/grubenv. */
function* stored(script: Interpreter, file: string | undefined): Thread<Stored> {
  const prefix = script.environment.get("prefix");
  if (file === undefined && prefix === undefined) throw new ScriptFault("variable `prefix' isn't set");
  const shown = file ?? `${prefix}/grubenv`;
  const path = wholePath(script, shown);
  const bytes = yield* withPath(shown, script.given.files.read(path, GRUBENV_MAX));
  const variables = readGrubenv(bytes);
  if (variables === undefined) throw new ScriptFault("invalid environment block");
  return { shown, path, size: bytes.length, variables };
}

export const ENVIRONMENT_BLOCK = {
  load_env: {
    *run(script, words) {
      const options = parseOptions(OPTIONS, words);
      const { variables } = yield* stored(script, options.given("file").at(-1));
      for (const [name, value] of variables)
        if (options.rest.length === 0 || options.rest.includes(name)) script.set(name, value);
      return true;
    },
  },
  list_env: {
    *run(script, words) {
      const { variables } = yield* stored(script, parseOptions(OPTIONS, words).given("file").at(-1));
      for (const [name, value] of variables) script.print(`${name}=${value}\n`);
      return true;
    },
  },
  save_env: {
    *run(script, words) {
      const options = parseOptions(OPTIONS, words);
      if (options.rest.length === 0) throw new ScriptFault("no variable is specified");
      const { shown, path, size, variables } = yield* stored(script, options.given("file").at(-1));
      const now = new Map(variables);
      for (const name of options.rest) {
        const value = script.environment.get(name);
        if (value === undefined) now.delete(name);
        else now.set(name, value);
      }
      const block = writeGrubenv([...now], size);
      if (block === undefined) throw new ScriptFault("environment block too small");
      yield* withPath(shown, script.given.files.write(path, block));
      return true;
    },
  },
} satisfies Readonly<Record<string, ScriptCommand>>;
