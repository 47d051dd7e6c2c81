/**
 * The options of the xenstore programs, read as glibc's getopt_long reads them: options and operands in any order. What
 * it does not know it complains of and passes over; the programs go on, as Xen's do.
 */

export type Letter = "h" | "f" | "s" | "p" | "t" | "u" | "r" | "n" | "R";

/** All programs share one table; `s` (through the socket) is always so. */
const LETTERS = "hfspturnR";
const TAKES_VALUE = "n";
const LONG: readonly (readonly [name: string, letter: Letter])[] = [
  ["help", "h"],
  ["flat", "f"],
  ["prefix", "p"],
  ["tidy", "t"],
  ["upto", "u"],
  ["recurse", "r"],
  ["number", "n"],
  ["raw", "R"],
];

export interface Given {
  readonly options: readonly { readonly letter: Letter; readonly value: string | undefined }[];
  readonly operands: readonly string[];
  /** What getopt says of it, without the program's name. */
  readonly complaints: readonly string[];
}

export function readOptions(argv: readonly string[]): Given {
  const options: { letter: Letter; value: string | undefined }[] = [];
  const operands: string[] = [];
  const complaints: string[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      operands.push(...words);
      break;
    }
    if (word === "-" || !word.startsWith("-")) operands.push(word);
    else if (word.startsWith("--")) long(word.slice(2));
    else short(word.slice(1));
  }
  return { options, operands, complaints };

  function short(cluster: string): void {
    for (let at = 0; at < cluster.length; at++) {
      const letter = cluster.charAt(at);
      if (!LETTERS.includes(letter)) {
        complaints.push(`invalid option -- '${letter}'`);
        continue;
      }
      if (letter !== TAKES_VALUE) {
        options.push({ letter: letter as Letter, value: undefined });
        continue;
      }
      const value = at + 1 < cluster.length ? cluster.slice(at + 1) : words.shift();
      if (value === undefined) complaints.push(`option requires an argument -- '${letter}'`);
      else options.push({ letter, value });
      return;
    }
  }

  function long(said: string): void {
    const [name = "", ...rest] = said.split("=");
    let value = rest.length === 0 ? undefined : rest.join("=");
    const exact = LONG.filter(([known]) => known === name);
    const candidates = exact.length > 0 ? exact : LONG.filter(([known]) => known.startsWith(name));
    const [found, ...others] = candidates;
    if (found === undefined) {
      complaints.push(`unrecognized option '--${said}'`);
    } else if (others.length > 0) {
      const possible = candidates.map(([known]) => ` '--${known}'`).join("");
      complaints.push(`option '--${said}' is ambiguous; possibilities:${possible}`);
    } else if (found[1] === TAKES_VALUE) {
      value ??= words.shift();
      if (value === undefined) complaints.push(`option '--${found[0]}' requires an argument`);
      else options.push({ letter: found[1], value });
    } else if (value !== undefined) {
      complaints.push(`option '--${found[0]}' doesn't allow an argument`);
    } else {
      options.push({ letter: found[1], value: undefined });
    }
  }
}
