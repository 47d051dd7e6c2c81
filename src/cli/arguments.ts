/**
 * The adapter between a command's table of options and commander: getopt's ways first ({@link ./getopt.ts}), then
 * commander parses the plain form. An invocation without options needs no commander, and does not load it: `xl list`.
 */
import type { Command, OptionSpec } from "./command.ts";
import { scan } from "./getopt.ts";

/** What a command was given. Options go by their long name, or by their letter where they have none. */
export interface Arguments {
  readonly operands: readonly string[];
  has(option: string): boolean;
  /** The last value given. */
  value(option: string): string | undefined;
}

export type ParsedArguments =
  | { readonly ok: true; readonly args: Arguments }
  | { readonly ok: false; readonly why: "help" }
  | { readonly ok: false; readonly why: "unsupported"; readonly letter: string };

/** The name that commands ask by. */
const keyOf = (spec: OptionSpec): string => spec.long ?? spec.short ?? "";

export async function parseArguments(
  command: Pick<Command, "name" | "options">,
  argv: readonly string[],
): Promise<ParsedArguments> {
  const scanned = scan(argv, command.options);
  if (!scanned.ok) return scanned;
  if (scanned.options.length === 0) return { ok: true, args: toArguments(scanned.operands, {}) };

  const { Command: Commander } = await import("commander");
  const program = new Commander(command.name).helpOption(false).argument("[operands...]").exitOverride();
  for (const spec of command.options) {
    program.option(spec.value === undefined ? `--${longOf(spec)}` : `--${longOf(spec)} <value>`);
  }
  const plain = scanned.options.map(({ spec, value }) =>
    value === undefined ? `--${longOf(spec)}` : `--${longOf(spec)}=${value}`,
  );
  program.parse([...plain, "--", ...scanned.operands], { from: "user" });
  const values: Readonly<Record<string, unknown>> = program.opts();
  const byKey = command.options.map((spec) => [keyOf(spec), values[camelCase(longOf(spec))]] as const);
  return { ok: true, args: toArguments(program.args, Object.fromEntries(byKey)) };
}

/** commander is told a long name of every option; `-f` and `-F` must not become one. */
const longOf = ({ long, short = "" }: OptionSpec): string =>
  long ?? `${short === short.toLowerCase() ? "small" : "capital"}-${short.toLowerCase()}`;

const camelCase = (name: string): string =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

function toArguments(operands: readonly string[], values: Readonly<Record<string, unknown>>): Arguments {
  return {
    operands,
    has: (option) => values[option] !== undefined,
    value: (option) => {
      const value = values[option];
      return typeof value === "string" ? value : undefined;
    },
  };
}
