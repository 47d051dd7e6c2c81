/** `--expect`: found at the same byte, whatever pieces the console's bytes come in. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Expectation } from "../../src/cli/xlab/expectation.ts";

/** What is shown of `text` when it comes in pieces that end at `cuts`. */
function shown(pattern: RegExp, text: string, cuts: readonly number[]): string {
  const expectation = new Expectation(pattern);
  const bytes = Buffer.from(text, "latin1");
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  let out = "";
  let from = 0;
  for (const end of ends) {
    const piece = bytes.subarray(from, end);
    const { print, enough } = expectation.take(piece);
    out += piece.subarray(0, print).toString("latin1");
    expect(enough).toBe(expectation.met);
    from = end;
  }
  return out;
}

const ROWS: readonly (readonly [pattern: RegExp, text: string, shown: string])[] = [
  [/login:/, "a\nlogin: x", "a\nlogin:"],
  [/a+/, "xaaa", "xa"],
  [/^b/, "ab\nba", "ab\nb"],
  [/foo$/, "foobar", "foo"],
  [/a.*b/, "a\nb ab", "a\nb ab"],
  [/nothing/, "some text\n", "some text\n"],
  [/\u00e9/, "caf\u00e9!", "caf\u00e9"],
];

describe("what is shown", () => {
  it.each(ROWS)("%s in %j: %j", (pattern, text, wanted) => {
    expect(shown(pattern, text, [])).toBe(wanted);
  });

  it("does not depend on the pieces", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ROWS),
        fc.array(fc.nat(20), { maxLength: 8 }),
        ([pattern, text, wanted], cuts) => {
          expect(shown(pattern, text, cuts)).toBe(wanted);
        },
      ),
    );
  });

  it("a line without end does not grow for ever", () => {
    const expectation = new Expectation(/needle/);
    const hay = Buffer.alloc(100_000, "x");
    expect(expectation.take(hay)).toEqual({ print: hay.length, enough: false });
    expect(expectation.take(Buffer.from("needle and more"))).toEqual({ print: 6, enough: true });
  });
});
