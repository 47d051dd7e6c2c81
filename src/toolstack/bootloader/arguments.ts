/** PyGRUB's command line: getopt's rules, options and operands in any order. */

export interface PygrubOptions {
  readonly image: string;
  readonly interactive: boolean;
  readonly listEntries: boolean;
  readonly notReally: boolean;
  /** Where the result goes; undefined: stdout. */
  readonly output: string | undefined;
  readonly outputFormat: "sxp" | "simple" | "simple0";
  readonly outputDirectory: string;
  readonly kernel: string | undefined;
  readonly ramdisk: string | undefined;
  readonly args: string;
  readonly entry: string | undefined;
  /** Byte that the file system begins at; undefined: the partition table tells. */
  readonly offset: number | undefined;
  /** `image` is a menu's file, no disk. */
  readonly isConfig: boolean;
  readonly debug: boolean;
}

export type ParsedPygrub =
  | { readonly ok: true; readonly options: PygrubOptions }
  | { readonly ok: false; readonly status: number; readonly out: string; readonly err: string };

/** Where Debian keeps PyGRUB: its usage says so. */
export const PYGRUB_PATH = "/usr/lib/xen-4.17/bin/pygrub";
export const USAGE = `Usage: ${PYGRUB_PATH} [-q|--quiet] [-i|--interactive] [-l|--list-entries] [-n|--not-really] [--output=] [--kernel=] [--ramdisk=] [--args=] [--entry=] [--output-directory=] [--output-format=sxp|simple|simple0] [--runas=] [--offset=] <image>\n`;

const SHORT: Readonly<Record<string, string>> = {
  q: "quiet",
  i: "interactive",
  l: "list-entries",
  n: "not-really",
  h: "help",
};
const FLAGS = ["quiet", "interactive", "list-entries", "not-really", "help", "isconfig", "debug"];
const VALUED = [
  "output",
  "output-format",
  "output-directory",
  "offset",
  "runas",
  "entry",
  "kernel",
  "ramdisk",
  "args",
];

export function parsePygrubArguments(argv: readonly string[]): ParsedPygrub {
  const refused = (status: number, out = ""): ParsedPygrub => ({ ok: false, status, out, err: USAGE });
  const found = getopt(argv);
  if (found === undefined) return refused(1);
  const [image] = found.operands;
  if (image === undefined) return refused(1);
  let interactive = true;
  const values = new Map<string, string>();
  for (const [name, value] of found.options) {
    if (name === "help") return refused(0);
    if (name === "quiet" || name === "entry") interactive = false;
    if (name === "interactive") interactive = true;
    if (name === "offset" && !/^\s*[+-]?\d+\s*$/.test(value))
      return refused(1, "offset value must be an integer\n");
    if (name === "runas" && !/^\s*[+-]?\d+\s*$/.test(value))
      return refused(1, "runas value must be an integer user id\n");
    if (name === "output-format" && formatOf(value) === undefined)
      return refused(1, `unknown output format ${value}\n`);
    values.set(name, value);
  }
  if (interactive && Number(values.get("runas") ?? 0) !== 0)
    return {
      ok: false,
      status: 1,
      out: "",
      err: "In order to use --runas, you must also set --entry or -q\n",
    };
  const output = values.get("output");
  return {
    ok: true,
    options: {
      image,
      interactive,
      listEntries: values.has("list-entries"),
      notReally: values.has("not-really"),
      output: output === "-" ? undefined : output,
      outputFormat: formatOf(values.get("output-format") ?? "sxp") ?? "sxp",
      outputDirectory: values.get("output-directory") ?? "/var/run/xen/pygrub/",
      kernel: values.get("kernel"),
      ramdisk: values.get("ramdisk"),
      args: values.get("args") ?? "",
      entry: values.get("entry"),
      offset: values.has("offset") ? Number(values.get("offset")) : undefined,
      isConfig: values.has("isconfig"),
      debug: values.has("debug"),
    },
  };
}

const formatOf = (text: string): PygrubOptions["outputFormat"] | undefined =>
  (["sxp", "simple", "simple0"] as const).find((format) => format === text);

interface Found {
  readonly options: readonly (readonly [string, string])[];
  readonly operands: readonly string[];
}

/** Undefined: an option that is unknown, ambiguous, or lacks its value. A long name may be cut short. */
function getopt(argv: readonly string[]): Found | undefined {
  const options: [string, string][] = [];
  const operands: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (word.startsWith("--")) {
      const [, begun = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const names = [...FLAGS, ...VALUED];
      const close = names.includes(begun) ? [begun] : names.filter((name) => name.startsWith(begun));
      const [name] = close;
      if (name === undefined || close.length > 1) return undefined;
      if (FLAGS.includes(name)) {
        if (value !== undefined) return undefined;
        options.push([name, ""]);
        continue;
      }
      const given = value ?? argv[++i];
      if (given === undefined) return undefined;
      options.push([name, given]);
    } else if (word.startsWith("-") && word !== "-") {
      for (const letter of word.slice(1)) {
        const name = Object.hasOwn(SHORT, letter) ? SHORT[letter] : undefined;
        if (name === undefined) return undefined;
        options.push([name, ""]);
      }
    } else operands.push(word);
  }
  return { options, operands };
}
