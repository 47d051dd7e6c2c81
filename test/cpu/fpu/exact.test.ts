import { describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { makeCase, mmxRows, type Row, sseRows, x87Rows } from "./cases.ts";
import { describeCase, differences } from "./compare.ts";
import { answers } from "./recording.ts";

/** What does not compute with floats needs fewer cases. */
const isFloat = (row: Row): boolean => row.lanes !== "integer" || row.kind === "x87";

describe.each([
  { name: "sse", rows: sseRows, floats: 24, others: 3 },
  { name: "mmx", rows: mmxRows, floats: 8, others: 4 },
  { name: "x87", rows: x87Rows, floats: 5, others: 5 },
])("$name against a recording of a processor", ({ name, rows, floats, others }) => {
  it("gives the same registers, memory, flags and faults", () => {
    const cases = rows.flatMap((row) =>
      Array.from({ length: isFloat(row) ? floats : others }, (_, i) => ({ row, box: makeCase(row, i + 1) })),
    );
    const wanted = answers(
      name,
      cases.map((c) => c.box),
    );
    const bench = new Bench();
    const failures = cases.flatMap(({ row, box }, i) => {
      const found = differences(bench.run(box), wanted[i] ?? box);
      return found.length ? [`${row.name}: ${describeCase(box)}\n    ${found.join("\n    ")}`] : [];
    });
    expect(failures.slice(0, 5).join("\n")).toBe("");
  });
});
