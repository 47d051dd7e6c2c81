import { describe, expect, it } from "vitest";
import { withoutQuestions } from "../../src/cli/console/questions.ts";

describe("questions to the terminal", () => {
  it.each([
    ["/ # \x1b[6n", "/ # "],
    ["\x1b[c\x1b[>0c\x1b[?6n\x1b[5nx", "x"],
    ["\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;5H", "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;5H"],
    ["caf\xe9 [6n", "caf\xe9 [6n"],
  ])("%j becomes %j", (before, after) => {
    expect(Buffer.from(withoutQuestions(Buffer.from(before, "latin1"))).toString("latin1")).toBe(after);
  });
});
