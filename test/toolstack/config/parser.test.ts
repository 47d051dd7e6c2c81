/**
 * The config language, row by row: what libxlutil 4.17 itself answered to each text (xl-cfg.md §1, and more rows recorded
 * from it the same way).
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CfgValue } from "../../../src/toolstack/config/grammar.ts";
import { parseConfig } from "../../../src/toolstack/config/parser.ts";

const LEXICAL = "lexical error";
const SYNTAX = "syntax error, unexpected";
const VALUE = "expecting STRING or NUMBER or '['";
const START = "expecting $end or IDENT or NEWLINE or ';'";
const OPERATOR = "expecting += or '='";
const HEX = "invalid digit after backslash hexnumerical character escape in quoted string";
const OCTAL = "invalid digit after backslash octalnumerical character escape in quoted string";
const ESCAPE = "invalid character after backlash in quoted string";
const MIXED = `can't add [list] to "string" or vice versa`;

/** Text, then LINE: near WORD: MESSAGE for each line of the answer. */
type Message = readonly [line: number, near: string, message: string];
const ROWS: readonly (readonly [text: string, ...messages: readonly Message[]])[] = [
  ["A=1\n", [1, "`A=1'", LEXICAL]],
  ["a=10m\n", [1, "`m'", `${SYNTAX} IDENT, expecting $end`]],
  ["a=0xFF\n", [1, "`FF'", LEXICAL]],
  ["a=True\n", [1, "`True'", LEXICAL]],
  ["import os\n", [1, "`os'", `${SYNTAX} IDENT, ${OPERATOR}`]],
  ["a=\n", [0, "<newline>", `${SYNTAX} NEWLINE, ${VALUE}`]],
  ["a\n", [0, "<newline>", `${SYNTAX} NEWLINE, ${OPERATOR}`]],
  ["a # c\n", [0, "`# c'", `${SYNTAX} NEWLINE, ${OPERATOR}`]],
  ["=1\n", [1, "`='", `${SYNTAX} '=', ${START}`]],
  ["a=1 b=2\n", [1, "`b'", `${SYNTAX} IDENT, expecting $end`]],
  ["a=1,\nb=\n", [1, "`,'", `${SYNTAX} ',', expecting $end`]],
  ["a=[1 2]\n", [1, "`2'", `${SYNTAX} NUMBER, expecting ']'`]],
  ["a=[,]\n", [1, "`,'", `${SYNTAX} ',', expecting ']'`]],
  ["a==1\n", [1, "`='", `${SYNTAX} '=', ${VALUE}`]],
  ["a=;b=1\n", [1, "`;'", `${SYNTAX} ';', ${VALUE}`]],
  ['a=[ "x"\n', [1, "`'", `${SYNTAX} $end, expecting ']'`]],
  ['a=[ "x"\n\n\n', [3, "`'", `${SYNTAX} $end, expecting ']'`]],
  ["a=[1,\n 2\n  ", [2, "`'", `${SYNTAX} $end, expecting ']'`]],
  ["b=[\n@", [1, "`@'", `${SYNTAX} $end, expecting ']'`]],
  ["a='\\x41'\n", [1, "`'\\x41''", HEX]],
  ["a='\\7'\n", [1, "`'\\7''", OCTAL]],
  ["a='\\77'\n", [1, "`'\\77''", OCTAL]],
  ["a='\\q'\n", [1, "`'\\q''", ESCAPE]],
  ["a='\\8'\n", [1, "`'\\8''", ESCAPE]],
  ["a=1\na+=['y']\n", [2, "`]'", MIXED]],
  ["a=['y']\na+='x'\n", [2, "`'x''", MIXED]],
  ["a='un\n", [1, "`'un'", LEXICAL]],
  ["a='x y", [1, "`'x'", LEXICAL]],
  ["#comment", [1, "`#comment'", LEXICAL]],
  ["a=1\r\nb=2\r\n", [1, "`\r'", LEXICAL], [2, "`\r'", LEXICAL]],
  ['"""x"""\n', [1, '`""\'', `${SYNTAX} STRING, ${START}`]],
  // A second message waits until three tokens have passed.
  ["=1\n=1\n", [1, "`='", `${SYNTAX} '=', ${START}`]],
  ["=1\n\n=1\n", [1, "`='", `${SYNTAX} '=', ${START}`]],
  ["=1\n\n\n=1\n", [1, "`='", `${SYNTAX} '=', ${START}`], [4, "`='", `${SYNTAX} '=', ${START}`]],
  ["=1\na=\n", [1, "`='", `${SYNTAX} '=', ${START}`], [1, "<newline>", `${SYNTAX} NEWLINE, ${VALUE}`]],
  // An error behind a whole assignment ends the parse.
  ["a=1 b=2\na=@@\nb=\n", [1, "`b'", `${SYNTAX} IDENT, expecting $end`]],
  // A bad word silences its line, one of a single letter before a newline the next line too.
  ["A B C D\n", [1, "`A'", LEXICAL], [1, "`D'", LEXICAL]],
  ["A B\n C D\n", [1, "`A'", LEXICAL], [1, "`B'", LEXICAL], [2, "`D'", LEXICAL]],
  ["@\n=\n", [1, "`@'", LEXICAL]],
  ["@@ \n=\n", [1, "`@@'", LEXICAL], [2, "`='", `${SYNTAX} '=', ${START}`]],
  ["a=A,B;\n", [1, "`A,B;'", LEXICAL]],
  // Once something is wrong, strings are no longer looked into.
  ['1 "\\q"\n', [1, "`1'", `${SYNTAX} NUMBER, ${START}`]],
  ['"\\q" 1\n', [1, '`"\\q"\'', ESCAPE]],
];

const REFUSED = ROWS.map(([text, ...messages]) => ({ text, messages }));

const PYTHON = [
  "warning: Config file looks like it contains Python code.",
  "warning:  Arbitrary Python is no longer supported.",
  "warning:  See https://wiki.xen.org/wiki/PythonInXlConfig",
];

const ACCEPTED: readonly (readonly [text: string, value: unknown])[] = [
  ["a=1\n", "1"],
  ["a=1", "1"],
  ["\ta = 0x1f ;b=2", "0x1f"],
  ["a='x y'\n", "x y"],
  ['a="it\'s"\n', "it's"],
  ["a=''\n", ""],
  ["a=1\na=2\n", "2"],
  ["a='x'\na+='y'\n", "xy"],
  ["a+='y'\n", "y"],
  ["a=1\na+=2\n", "12"],
  ["a=[]\n", []],
  ["a=[\n]\n", []],
  ["a=[1,'b',]\n", ["1", "b"]],
  ["a=[ # first\n 1\n,\n\n 2 # last\n]\n", ["1", "2"]],
  ["a=[[1],[2,[3]],4]\n", [["1"], ["2", ["3"]], "4"]],
  ["a=[1]\na+=[2]\n", ["1", "2"]],
  ["#c\n\n;;\na=1#c\n", "1"],
  ["a='\\a\\b\\f\\n\\r\\t\\v\\'\\\"\\\\'\n", "\x07\b\f\n\r\t\v'\"\\"],
  ["a='x\\101y'\n", "xy"],
  ["a='x\\10123'\n", "x3"],
  ["a='\\012'\n", ""],
  ["ab.c_1=5\na=7 @", "7"],
];

const plain = (value: CfgValue | undefined): unknown =>
  value === undefined ? undefined : value.kind === "string" ? value.text : value.items.map(plain);

describe("the config language", () => {
  it.each(REFUSED)("$text is refused in xl's words", ({ text, messages }) => {
    const parsed = parseConfig("f.cfg", text);
    expect(parsed).toEqual({
      ok: false,
      messages: messages.map(
        ([line, near, message]) => `f.cfg:${line}: config parsing error near ${near}: ${message}`,
      ),
    });
  });

  it.each([
    ["a=-1\n", "-1"],
    ["a=(1)\n", "(1)"],
    ["a = 'x' + 'y'\n", "+"],
    ["a=64.5\n", ".5"],
    ["def f(x):\n", "(x):"],
  ])("%j looks like Python, which is said once", (text, near) => {
    const parsed = parseConfig("f.cfg", text);
    if (parsed.ok) throw new Error("accepted");
    expect(parsed.messages.slice(-4)).toEqual([
      `f.cfg:1: config parsing error near \`${near}': lexical error`,
      ...PYTHON,
    ]);
  });

  it.each(ACCEPTED)("%j says %j", (text, value) => {
    const parsed = parseConfig("f.cfg", text);
    if (!parsed.ok) throw new Error(parsed.messages.join("\n"));
    expect(plain(parsed.settings.get("a")?.value)).toEqual(value);
  });

  it("a setting knows its place, and each value its own", () => {
    const parsed = parseConfig("f", "\n  a = [ 1,\n 'b' ]\n");
    expect(parsed.ok && parsed.settings.get("a")).toEqual({
      name: "a",
      op: "=",
      at: { line: 2, column: 3 },
      value: {
        kind: "list",
        at: { line: 2, column: 7 },
        items: [
          { kind: "string", text: "1", at: { line: 2, column: 9 } },
          { kind: "string", text: "b", at: { line: 3, column: 2 } },
        ],
      },
    });
  });

  it("lists nest as deep as bison's stack, and no deeper", () => {
    const nested = (depth: number): string => `a=${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(parseConfig("f", nested(4996)).ok).toBe(true);
    expect(parseConfig("f", nested(100_000))).toEqual({
      ok: false,
      messages: ["f:1: config parsing error near `[': memory exhausted"],
    });
  });

  it("a list that grows by `+=` grows in step with the text", () => {
    const parsed = parseConfig("f", "a+=['x']\n".repeat(50_000));
    expect(parsed.ok && parsed.settings.get("a")?.value).toMatchObject({ kind: "list" });
  });
});

const fragment = fc.constantFrom(
  ..."a b.c = += [ ] , ; 1 0x1f 'x' \"y\" '\\101' '\\q' 'un @ A ( - + : # \r \0 é".split(" "),
  " ",
  "\t",
  "\n",
  "#c\n",
);

describe("whatever is fed to it", () => {
  it("it answers, and names lines that exist", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join("")),
        ),
        (text) => {
          const parsed = parseConfig("f", text);
          if (parsed.ok) return;
          expect(parsed.messages.length).toBeGreaterThan(0);
          const lines = text.split("\n").length;
          for (const message of parsed.messages) {
            const line = /^f:(\d+): /.exec(message)?.[1];
            if (line !== undefined) expect(Number(line)).toBeLessThanOrEqual(lines);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("what it accepted it accepts again, written out", () => {
    const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
    const write = (value: CfgValue): string =>
      value.kind === "string" ? quoted(value.text) : `[${value.items.map(write).join(",")}]`;
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 30 }), (parts) => {
        const first = parseConfig("f", parts.join(""));
        if (!first.ok) return;
        const text = [...first.settings.values()]
          .map(({ name, value }) => `${name}=${write(value)}\n`)
          .join("");
        const second = parseConfig("f", text);
        if (!second.ok) throw new Error(second.messages.join("\n"));
        for (const [name, { value }] of first.settings) {
          expect(plain(second.settings.get(name)?.value)).toEqual(plain(value));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("megabytes of one kind of thing are over soon", () => {
    const started = performance.now();
    for (const piece of ["[", "'", "a=1;", "@ ", "\\", "+", "#", "\n", "a=[1,2,3]\n", "'\\101", "9"]) {
      parseConfig("f", piece.repeat(Math.floor(1_000_000 / piece.length)));
    }
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
