/**
 * What getopt_long does with a command's arguments, as far as xl shows it: options and arguments in any order, `-ab` for
 * `-a -b`, `-fFILE`, long names cut short as long as they are unique, `--` ends the options. The result is the same
 * arguments in one plain form, which {@link ./arguments.ts} hands to commander.
 */
import type { OptionSpec } from "./command.ts";

export type Scanned =
  | { readonly ok: true; readonly options: readonly ScannedOption[]; readonly operands: readonly string[] }
  /** `-h` or `--help` came before anything wrong. */
  | { readonly ok: false; readonly why: "help" }
  /** The letter that xl names; a NUL for a long option that it does not know. */
  | { readonly ok: false; readonly why: "unsupported"; readonly letter: string };

export interface ScannedOption {
  readonly spec: OptionSpec;
  readonly value: string | undefined;
}

const HELP: OptionSpec = { short: "h", long: "help" };

/** A command may have a line about `-h` in its table; it means the same. */
const isHelp = ({ short }: OptionSpec): boolean => short === HELP.short;

/** How getopt_long tells of a long option that it cannot place. */
const NO_LETTER = "\0";

const unsupported = (letter: string): Scanned => ({ ok: false, why: "unsupported", letter });

export function scan(argv: readonly string[], specs: readonly OptionSpec[]): Scanned {
  const known = [...specs, HELP];
  const options: ScannedOption[] = [];
  const operands: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      operands.push(word);
      continue;
    }

    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
      const spec = findLong(name, known);
      if (spec === undefined) return unsupported(NO_LETTER);
      if (isHelp(spec)) return { ok: false, why: "help" };
      let value = equals < 0 ? undefined : word.slice(equals + 1);
      if (spec.value === undefined && value !== undefined) return unsupported(spec.short ?? NO_LETTER);
      if (spec.value !== undefined && value === undefined) {
        i++;
        value = argv[i];
        if (value === undefined) return unsupported(spec.short ?? NO_LETTER);
      }
      options.push({ spec, value });
      continue;
    }

    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      const spec = known.find(({ short }) => short === letter);
      if (spec === undefined) return unsupported(letter);
      if (isHelp(spec)) return { ok: false, why: "help" };
      if (spec.value === undefined) {
        options.push({ spec, value: undefined });
        continue;
      }
      let value: string | undefined = word.slice(at + 1);
      if (value === "") {
        i++;
        value = argv[i];
      }
      if (value === undefined) return unsupported(letter);
      options.push({ spec, value });
      break;
    }
  }
  return { ok: true, options, operands };
}

/** The option of that name, or the only one whose name begins so. */
function findLong(name: string, specs: readonly OptionSpec[]): OptionSpec | undefined {
  const exact = specs.find(({ long }) => long === name);
  if (exact !== undefined) return exact;
  const candidates = specs.filter(({ long }) => long?.startsWith(name));
  return candidates.length === 1 ? candidates[0] : undefined;
}
