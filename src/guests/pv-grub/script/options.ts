/** Options of GRUB 2's commands: "--set=root", "--set", "-s", "--file /x", "-f /x", "-sf". */
import { ScriptFault } from "./faults.ts";

interface Option {
  /** The letter behind one "-". */
  readonly short?: string;
  /** "optional" is given with "=" only. */
  readonly value?: "needed" | "optional";
}
export type Options = Readonly<Record<string, Option>>;

export interface Parsed {
  /** Every time an option was given: its value, "" where it had none. */
  readonly given: (name: string) => readonly string[];
  readonly has: (name: string) => boolean;
  readonly rest: readonly string[];
}

/** Options may stand anywhere before "--". Throws "unknown argument `--x'". */
export function parseOptions(options: Options, words: readonly string[]): Parsed {
  const found = new Map<string, string[]>();
  const rest: string[] = [];
  const note = (name: string, value: string) => found.set(name, [...(found.get(name) ?? []), value]);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      rest.push(...words.slice(i + 1));
      break;
    }
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    const take = (name: string, given: string | undefined): void => {
      if (options[name]?.value !== "needed" || given !== undefined) note(name, given ?? "");
      else if (i + 1 < words.length) note(name, words[++i] ?? "");
      else throw new ScriptFault(`missing mandatory option for \`${word}'`);
    };
    if (long !== null) {
      const name = long[1] ?? "";
      if (!Object.hasOwn(options, name)) throw new ScriptFault(`unknown argument \`${word}'`);
      take(name, long[2]);
    } else if (/^-[A-Za-z]/.test(word))
      for (const letter of word.slice(1)) {
        const name = Object.keys(options).find((one) => options[one]?.short === letter);
        if (name === undefined) throw new ScriptFault(`unknown argument \`-${letter}'`);
        take(name, undefined);
      }
    else rest.push(word);
  }
  const given = (name: string) => found.get(name) ?? [];
  return { given, has: (name) => found.has(name), rest };
}
