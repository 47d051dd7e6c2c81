/** What the compiler made of the interpreter's switch (engine.md §7: a chain of branches costs a third of the speed). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Unsigned LEB128 at `at`: value and where it ends; value -1 if it is none. */
function leb(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let i = 0; i < 3; i++) {
    const byte = bytes[at + i] ?? 0xff;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  return [-1, at];
}

/** Number of targets of the largest br_table (0x0e, a vector of labels) whose labels are nearly all different. */
function largestTable(bytes: Uint8Array): number {
  let largest = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 0x0e) continue;
    const [count, start] = leb(bytes, i + 1);
    if (count <= largest || count > 1000) continue;
    const labels = new Set<number>();
    let at = start;
    for (let n = 0; n <= count && at > 0; n++) {
      const [label, end] = leb(bytes, at);
      if (label < 0 || label > count + 20) break;
      labels.add(label);
      at = end;
    }
    if (labels.size > count * 0.9) largest = count;
  }
  return largest;
}

test("the hot handlers are dispatched by one br_table", () => {
  const core = readFileSync(new URL("../../build/core.wasm", import.meta.url));
  expect(largestTable(core)).toBeGreaterThanOrEqual(200);
});
