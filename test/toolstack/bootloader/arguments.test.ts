/** PyGRUB's command line and its result. */
import { describe, expect, it } from "vitest";
import { parsePygrubArguments, USAGE } from "../../../src/toolstack/bootloader/arguments.ts";
import { formatResult } from "../../../src/toolstack/bootloader/output.ts";

describe("the command line", () => {
  const taken: [string[], object][] = [
    [["x.img"], { image: "x.img", interactive: true, outputFormat: "sxp" }],
    [["-q", "x.img"], { interactive: false }],
    [["x.img", "-ln"], { listEntries: true, notReally: true }],
    [["--entry=1", "x.img"], { entry: "1", interactive: false }],
    [["--entry", "a b", "-i", "x.img"], { entry: "a b", interactive: true }],
    [["--ker=/k", "--args=", "x.img"], { kernel: "/k", args: "" }],
    [["--output=-", "--output-format=simple0", "--offset=512", "x"], { output: undefined, offset: 512 }],
    [["--", "-q"], { image: "-q" }],
  ];
  it.each(taken)("%j", (argv, expected) => {
    const parsed = parsePygrubArguments(argv);
    expect(parsed.ok && parsed.options).toMatchObject(expected);
  });

  const refused: [string[], string, string][] = [
    [[], "", USAGE],
    [["--help"], "", USAGE],
    [["--frob", "x"], "", USAGE],
    [["-z", "x"], "", USAGE],
    [["--quiet=1", "x"], "", USAGE],
    [["--o=x", "x"], "", USAGE], // output, output-format, output-directory, offset
    [["x", "--entry"], "", USAGE],
    [["--offset=z", "x"], "offset value must be an integer\n", USAGE],
    [["--output-format=xml", "x"], "unknown output format xml\n", USAGE],
    [["--runas=5", "x"], "", "In order to use --runas, you must also set --entry or -q\n"],
  ];
  it.each(refused)("%j is refused", (argv, out, err) => {
    expect(parsePygrubArguments(argv)).toEqual({ ok: false, status: 1, out, err });
  });
});

describe("the result", () => {
  const paths = { kernel: "/tmp/k", ramdisk: undefined, args: "a 'b'" };
  it("in each form", () => {
    expect(formatResult("sxp", paths)).toBe(`linux (kernel '/tmp/k')(args "a 'b'")`);
    expect(formatResult("simple", paths)).toBe("kernel /tmp/k\nargs a 'b'\n\n");
    expect(formatResult("simple0", { ...paths, ramdisk: "/r" })).toBe(
      "kernel /tmp/k\0ramdisk /r\0args a 'b'\0\0",
    );
  });
  it("a line's end in a value cannot be said simply", () => {
    expect(formatResult("simple", { ...paths, args: "a\nb" })).toBeUndefined();
    expect(formatResult("sxp", { ...paths, args: "a\nb" })).toBe(`linux (kernel '/tmp/k')(args 'a\\nb')`);
  });
});
