/**
 * Typed reading of parsed settings, with xl's warnings: a key of the wrong shape is warned about and then treated as
 * absent. A key that nobody asks for is silently ignored, as xl does.
 */
import type { CfgSetting, CfgValue } from "./grammar.ts";
import type { Settings } from "./parser.ts";

/** xl keeps numbers in a C `long`. */
const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

export type NumberOutcome =
  | { readonly ok: true; readonly value: bigint }
  | { readonly ok: false; readonly why: "absent" | "malformed" | "out of range" };

export class SettingsReader {
  /** The name that messages carry. */
  readonly source: string;
  readonly settings: Settings;
  /** Takes each warning, a line without its newline. */
  readonly #warn: (line: string) => void;
  readonly #asked = new Set<string>();

  constructor(source: string, settings: Settings, warn: (line: string) => void) {
    this.source = source;
    this.settings = settings;
    this.#warn = warn;
  }

  has(name: string): boolean {
    return this.settings.has(name);
  }

  /** The settings that no accessor has asked for. */
  unread(): Map<string, CfgSetting> {
    return new Map([...this.settings].filter(([name]) => !this.#asked.has(name)));
  }

  /** A single value; undefined when absent or, after a warning, a list. `quiet`: no warning. */
  string(name: string, quiet = false): string | undefined {
    const setting = this.#find(name);
    if (setting === undefined) return undefined;
    if (setting.value.kind === "string") return setting.value.text;
    if (!quiet) this.#complain(setting, `parameter \`${name}' is a list but should be a single value`);
    return undefined;
  }

  /** A number as C's strtol reads it with base 0: decimal, 0x hexadecimal, 0 octal. */
  long(name: string, quiet = false): bigint | undefined {
    const outcome = this.boundedLong(name, undefined, quiet);
    return outcome.ok ? outcome.value : undefined;
  }

  /** A number within `bounds`, both ends included. */
  boundedLong(
    name: string,
    bounds: { readonly min: bigint; readonly max: bigint } | undefined,
    quiet = false,
  ): NumberOutcome {
    const text = this.string(name, quiet);
    const setting = this.settings.get(name);
    if (setting === undefined) return { ok: false, why: "absent" };
    if (text === undefined) return { ok: false, why: "malformed" };
    const complain = (what: string): void => {
      if (!quiet) this.#complain(setting, what);
    };
    if (setting.op === "+=") {
      complain(`can't use += with numbers for parameter \`${name}'`);
      return { ok: false, why: "malformed" };
    }
    const { value, rest } = strtol(text);
    if (value > LONG_MAX || value < LONG_MIN) {
      complain(`parameter \`${name}' could not be parsed as a number: Numerical result out of range`);
      return { ok: false, why: "out of range" };
    }
    if (rest !== "" || text === "") {
      complain(`parameter \`${name}' is not a valid number`);
      return { ok: false, why: "malformed" };
    }
    if (bounds !== undefined && value < bounds.min) {
      complain(`value \`${value}' is smaller than minimum bound '${bounds.min}'`);
      return { ok: false, why: "malformed" };
    }
    if (bounds !== undefined && value > bounds.max) {
      complain(`value \`${value}' is greater than maximum bound '${bounds.max}'`);
      return { ok: false, why: "malformed" };
    }
    return { ok: true, value };
  }

  /** A number of which anything but zero is true. */
  bool(name: string, quiet = false): boolean | undefined {
    const value = this.long(name, quiet);
    return value === undefined ? undefined : value !== 0n;
  }

  /** A list's items; undefined when absent or, after a warning, a single value. */
  list(name: string, quiet = false): readonly CfgValue[] | undefined {
    const setting = this.#find(name);
    if (setting === undefined) return undefined;
    if (setting.value.kind === "list") return setting.value.items;
    if (!quiet) this.#complain(setting, `parameter \`${name}' is a single value but should be a list`);
    return undefined;
  }

  /** A list's items up to the first that is a list itself: there a C array of strings ends. */
  strings(name: string, quiet = false): readonly string[] | undefined {
    const items = this.list(name, quiet);
    if (items === undefined) return undefined;
    const strings: string[] = [];
    for (const item of items) {
      if (item.kind === "list") break;
      strings.push(item.text);
    }
    return strings;
  }

  #find(name: string): CfgSetting | undefined {
    this.#asked.add(name);
    return this.settings.get(name);
  }

  #complain(setting: CfgSetting, what: string): void {
    this.#warn(`${this.source}:${setting.at.line}: warning: ${what}`);
  }
}

/** More digits than any number of 64 bits has: such a text is out of range, and not worth reading whole. */
const MANY_DIGITS = 80;

/** C's strtol with base 0, of unlimited width: the number that `text` begins with, and what stands behind it. */
export function strtol(text: string): { readonly value: bigint; readonly rest: string } {
  const match = /^[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))/.exec(text);
  if (match === null) return { value: 0n, rest: text };
  const [all, sign, hex, octal, decimal] = match;
  const rest = text.slice(all.length);
  if (all.length > MANY_DIGITS) return { value: sign === "-" ? LONG_MIN - 1n : LONG_MAX + 1n, rest };
  const magnitude = BigInt(
    hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o0${octal}` : (decimal ?? "0"),
  );
  return { value: sign === "-" ? -magnitude : magnitude, rest };
}
