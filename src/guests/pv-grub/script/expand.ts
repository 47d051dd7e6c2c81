/** Words with their variables put in. */
import { Runaway } from "./faults.ts";
import type { Word } from "./syntax.ts";

const WORDS_MAX = 4096;

export interface Expanded {
  readonly text: string;
  /** With "*" or "?" outside quotes: what they may be expanded to (wildcards.ts). */
  readonly pattern: string | undefined;
}

interface Scope {
  readonly environment: { get(name: string): string | undefined };
  readonly parameters: readonly string[];
  readonly status: number;
}

/**
 * The words that a word comes to: what stands in quotes stays together, an unquoted variable is taken apart at blanks, and a
 * word that is only variables without a value is none. `allowance.expanded`: characters that may still be made.
 */
export function expand(word: Word, scope: Scope, allowance: { expanded: number }): Expanded[] {
  const words: Expanded[] = [];
  /** Undefined: nothing that makes a word has come yet. */
  let current: string | undefined;
  /** The same, with a backslash before each "*", "?" and backslash that means itself. */
  let pattern = "";
  let isPattern = false;
  const append = (text: string, isQuoted: boolean) => {
    allowance.expanded -= text.length + 1;
    if (allowance.expanded < 0 || words.length > WORDS_MAX)
      throw new Runaway("the script's words grow too long");
    current = (current ?? "") + text;
    pattern += text.replace(isQuoted ? /[\\*?]/g : /\\/g, "\\$&");
    if (!isQuoted && /[*?]/.test(text)) isPattern = true;
  };
  const next = () => {
    if (current !== undefined) words.push({ text: current, pattern: isPattern ? pattern : undefined });
    current = undefined;
    pattern = "";
    isPattern = false;
  };
  for (const part of word) {
    if (part.kind === "text") {
      append(part.text, part.quoted);
      continue;
    }
    if (part.name === "@" && part.quoted) {
      for (const [i, parameter] of scope.parameters.entries()) {
        if (i > 0) next();
        append(parameter, true);
      }
      continue;
    }
    const value = valueFor(part.name, scope);
    if (part.quoted) {
      append(value, true);
      continue;
    }
    const pieces = value.split(/[ \t\n]+/);
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) next();
      if (piece !== "") append(piece, false);
    }
  }
  next();
  return words;
}

function valueFor(name: string, { environment, parameters, status }: Scope): string {
  if (name === "?") return String(status);
  if (name === "#") return String(parameters.length);
  if (name === "@" || name === "*") return parameters.join(" ");
  if (/^[0-9]/.test(name)) return parameters[Number(name) - 1] ?? "";
  return environment.get(name) ?? "";
}
