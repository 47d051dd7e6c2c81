/** Typed reading: what xl makes of a value, and the warning where it makes nothing of it. */
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/toolstack/config/parser.ts";
import { SettingsReader } from "../../../src/toolstack/config/settings.ts";

function read(text: string): { reader: SettingsReader; warnings: string[] } {
  const parsed = parseConfig("f.cfg", text);
  if (!parsed.ok) throw new Error(parsed.messages.join("\n"));
  const warnings: string[] = [];
  return { reader: new SettingsReader("f.cfg", parsed.settings, (line) => warnings.push(line)), warnings };
}

/** As libxlutil 4.17 answered. */
const NUMBERS: readonly (readonly [value: string, number: bigint | undefined, warning?: string])[] = [
  ["512", 512n],
  ["'512'", 512n],
  ["0x1f", 31n],
  ["010", 8n],
  ["'-7'", -7n],
  ["'+3'", 3n],
  ["' 12'", 12n],
  ["'12 '", undefined, "parameter `a' is not a valid number"],
  ["''", undefined, "parameter `a' is not a valid number"],
  ["09", undefined, "parameter `a' is not a valid number"],
  ["'0x'", undefined, "parameter `a' is not a valid number"],
  ["'1e3'", undefined, "parameter `a' is not a valid number"],
  ["'9223372036854775807'", 2n ** 63n - 1n],
  [
    "'9223372036854775808'",
    undefined,
    "parameter `a' could not be parsed as a number: Numerical result out of range",
  ],
  [
    "'9223372036854775808x'",
    undefined,
    "parameter `a' could not be parsed as a number: Numerical result out of range",
  ],
  ["[64]", undefined, "parameter `a' is a list but should be a single value"],
];

describe("a number", () => {
  it.each(NUMBERS)("%s is %s", (value, number, warning) => {
    const { reader, warnings } = read(`\na=${value}\n`);
    expect(reader.long("a")).toBe(number);
    expect(warnings).toEqual(warning === undefined ? [] : [`f.cfg:2: warning: ${warning}`]);
  });

  it("of a key that was last set by += is none", () => {
    const { reader, warnings } = read("a=1\na+=2\n");
    expect(reader.long("a")).toBeUndefined();
    expect(warnings).toEqual(["f.cfg:2: warning: can't use += with numbers for parameter `a'"]);
  });

  it("has its bounds, which belong to it", () => {
    const bounds = { min: 5n, max: 100n };
    const { reader, warnings } = read("a=4\nb=5\nc=100\nd=101\n");
    expect(["a", "b", "c", "d"].map((key) => reader.boundedLong(key, bounds).ok)).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(warnings).toEqual([
      "f.cfg:1: warning: value `4' is smaller than minimum bound '5'",
      "f.cfg:4: warning: value `101' is greater than maximum bound '100'",
    ]);
  });

  it("that is absent is not warned about, nor is one read quietly", () => {
    const { reader, warnings } = read("a=x1\n".replace("x1", "'x'"));
    expect(reader.boundedLong("b", undefined)).toEqual({ ok: false, why: "absent" });
    expect(reader.long("a", true)).toBeUndefined();
    expect(warnings).toEqual([]);
  });
});

describe("a list", () => {
  it("is no single value, and the other way round", () => {
    const { reader, warnings } = read("a=['x']\nb='y'\n");
    expect(reader.string("a")).toBeUndefined();
    expect(reader.list("b")).toBeUndefined();
    expect(warnings).toEqual([
      "f.cfg:1: warning: parameter `a' is a list but should be a single value",
      "f.cfg:2: warning: parameter `b' is a single value but should be a list",
    ]);
  });

  it("of strings ends where an item is a list", () => {
    expect(read("a=['x','y',['z'],'w']\n").reader.strings("a")).toEqual(["x", "y"]);
  });
});
