/** What a command of grub.cfg is, and what most of them need. */
import type { Thread } from "../../../minios/threads.ts";
import { GrubError } from "../../errors.ts";
import { faultOf, ScriptFault } from "../faults.ts";
import type { Interpreter } from "../interpreter.ts";
import type { Block } from "../syntax.ts";

export interface ScriptCommand {
  /**
   * Answers its status, true or nothing for 0, false for 1; throws ScriptFault for a failure that is said. `name`: the one
   * that it was called by.
   */
  run(
    script: Interpreter,
    words: readonly string[],
    blocks: readonly Block[],
    name: string,
  ): Thread<number | boolean | undefined>;
}

/** A command that waits for nobody. */
export const atOnce = (
  act: (script: Interpreter, words: readonly string[], name: string) => number | boolean | undefined,
): ScriptCommand => ({
  // biome-ignore lint/correctness/useYield: it waits for nobody
  *run(script, words, _blocks, name) {
    return act(script, words, name);
  },
});

/** A file's or device's name with its device, as GrubFiles has it: "/x" is on $root. */
export function wholePath(script: Interpreter, path: string): string {
  if (path.startsWith("(")) return path;
  const root = rootOf(script);
  if (path.startsWith("/") || /^\d*\+\d/.test(path)) return `${root}${path}`;
  throw new ScriptFault(
    `invalid file name \`${path}'`,
    `a path begins with "/", or with a device such as ${root}`,
  );
}

/** "(hd0,msdos1)", of $root with or without its parentheses. */
export function rootOf(script: Interpreter): string {
  const root = script.environment.get("root") ?? "";
  if (root === "") throw new ScriptFault("variable `root' isn't set");
  return root.startsWith("(") ? root : `(${root})`;
}

/** What `act` does with a path; its GrubError in GRUB 2's words. `shown`: the path as it was written. */
export function* withPath<T>(shown: string, act: Thread<T>): Thread<T> {
  try {
    return yield* act;
  } catch (error) {
    if (error instanceof GrubError) throw faultOf(error, shown);
    throw error;
  }
}

export const first = (words: readonly string[], fault: string): string => {
  const [word] = words;
  if (word === undefined) throw new ScriptFault(fault);
  return word;
};
