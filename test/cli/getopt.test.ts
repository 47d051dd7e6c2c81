/** How a command line is taken apart: the rows are what the real xl's getopt_long did with the same words. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseArguments } from "../../src/cli/arguments.ts";
import type { OptionSpec } from "../../src/cli/command.ts";
import { findCommand, XL_COMMANDS } from "../../src/cli/commands/index.ts";
import { scan } from "../../src/cli/getopt.ts";

const OPTIONS: readonly OptionSpec[] = [
  { short: "c" },
  { short: "F" },
  { short: "f", long: "defconfig", value: "FILE" },
  { short: "n", long: "dryrun" },
  { short: "q", long: "quiet" },
  { short: "V", long: "vncviewer" },
  { short: "A", long: "vncviewer-autopass" },
  { long: "seed", value: "N" },
];

const UNSUPPORTED: readonly (readonly [words: string, letter: string])[] = [
  ["-x", "x"],
  ["a -x b", "x"],
  ["-qx", "x"],
  ["--bogus", "\0"],
  ["--", "none"],
  ["---", "\0"],
  ["--=", "\0"],
  ["--dryrun=x", "n"],
  ["-f", "f"],
  ["--defconfig", "f"],
  ["--seed", "\0"],
  // Two begin so, and none is called so.
  ["--vnc", "\0"],
  ["-qxh", "x"],
];

const TAKEN: readonly (readonly [
  words: string,
  options: Record<string, true | string>,
  operands: readonly string[],
])[] = [
  ["a b", {}, ["a", "b"]],
  ["-n", { dryrun: true }, []],
  ["a -n b", { dryrun: true }, ["a", "b"]],
  ["-nq", { dryrun: true, quiet: true }, []],
  ["-cF", { c: true, F: true }, []],
  ["--dry", { dryrun: true }, []],
  ["--vncviewer", { vncviewer: true }, []],
  ["--vncviewer-a", { "vncviewer-autopass": true }, []],
  ["-f x", { defconfig: "x" }, []],
  ["-fx", { defconfig: "x" }, []],
  ["-nfx", { dryrun: true, defconfig: "x" }, []],
  ["-nf x y", { dryrun: true, defconfig: "x" }, ["y"]],
  ["--defconfig=x", { defconfig: "x" }, []],
  ["--def x y", { defconfig: "x" }, ["y"]],
  ["-f -n", { defconfig: "-n" }, []],
  ["--defconfig= y", { defconfig: "" }, ["y"]],
  ["-f a -f b", { defconfig: "b" }, []],
  ["-- -n", {}, ["-n"]],
  ["a -- -n --", {}, ["a", "-n", "--"]],
  ["- a", {}, ["-", "a"]],
  ["a=-b c", {}, ["a=-b", "c"]],
];

const split = (words: string): string[] => words.split(" ").filter((word) => word !== "");

describe("options", () => {
  it.each(UNSUPPORTED.filter(([, letter]) => letter !== "none"))(
    "%s is not supported",
    async (words, letter) => {
      const parsed = await parseArguments({ name: "x", options: OPTIONS }, split(words));
      expect(parsed).toEqual({ ok: false, why: "unsupported", letter });
    },
  );

  it.each(TAKEN)("%s", async (words, options, operands) => {
    const parsed = await parseArguments({ name: "x", options: OPTIONS }, split(words));
    if (!parsed.ok) throw new Error(parsed.why);
    expect(parsed.args.operands).toEqual(operands);
    for (const spec of OPTIONS) {
      const key = spec.long ?? spec.short ?? "";
      expect(parsed.args.has(key), key).toBe(key in options);
      expect(parsed.args.value(key), key).toBe(typeof options[key] === "string" ? options[key] : undefined);
    }
  });

  it.each(["-h", "--help", "--he", "-nh", "a -h --bogus"])("%s asks for help", async (words) => {
    const parsed = await parseArguments({ name: "x", options: OPTIONS }, split(words));
    expect(parsed).toEqual({ ok: false, why: "help" });
  });

  it("commander reads the plain form as getopt meant it, whatever the words", async () => {
    const word = fc.oneof(
      fc.constantFrom(
        "-n",
        "-q",
        "-c",
        "-F",
        "-f",
        "-fx",
        "--dryrun",
        "--def",
        "--seed=1",
        "--",
        "-",
        "a=b",
        "--x",
      ),
      fc.string({ maxLength: 6 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        const scanned = scan(words, OPTIONS);
        const parsed = await parseArguments({ name: "x", options: OPTIONS }, words);
        if (!scanned.ok || !parsed.ok) {
          expect(parsed.ok).toBe(scanned.ok);
          return;
        }
        expect(parsed.args.operands).toEqual(scanned.operands);
        for (const { spec, value } of scanned.options) {
          const last = scanned.options.findLast((option) => option.spec === spec);
          const key = spec.long ?? spec.short ?? "";
          expect(parsed.args.has(key)).toBe(true);
          if (value !== undefined) expect(parsed.args.value(key)).toBe(last?.value);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a command's name", () => {
  it.each([
    ["list", "list"],
    ["li", "list"],
    ["cr", "create"],
    ["des", "destroy"],
    ["vcpu-l", "vcpu-list"],
    ["info", "info"],
    ["un", "unpause"],
    ["dm", "dmesg"],
    ["s", undefined],
    ["vcpu", undefined],
    ["c", undefined],
    ["bogus", undefined],
    ["", undefined],
    ["LIST", undefined],
    ["helpx", undefined],
  ])("%s means %s", (given, found) => {
    expect(findCommand(given, XL_COMMANDS)?.name).toBe(found);
  });

  it("every row leads to the command of its name", async () => {
    for (const { name, load } of XL_COMMANDS) {
      if (load !== undefined) expect((await load()).name).toBe(name);
    }
  });
});
