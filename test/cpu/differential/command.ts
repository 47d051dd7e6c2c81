/**
 * What scripts/record-cpu.mjs does.
 *
 *   record-cpu.mjs                                   record every fixture anew
 *   record-cpu.mjs --class alu,string                only these
 *   record-cpu.mjs --seed N --count M --live         M fresh cases, compared with the engine, nothing written
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { VECTOR_HANG, VECTOR_INT3 } from "./case.ts";
import { decodeFixture, encodeFixture } from "./fixture.ts";
import { CLASSES, generate } from "./generate/index.ts";
import { record } from "./record.ts";

/** Seed of the fixtures. */
const SEED = 20261122;

/** Cases per row of weight 1: how much each class deserves. */
const PER_ROW: Readonly<Record<string, number>> = {
  alu: 60, shift: 60, "mul-div": 110, bit: 110, move: 70, cmpxchg16b: 150, string: 90, stack: 110, branch: 70,
  "x87-arithmetic": 60, "x87-compare": 60, "x87-move": 60, "x87-control": 60, "x87-transcendental": 50,
  "sse-float": 60, "sse-convert": 100, "vector-move": 50, "vector-integer": 40, "fx-state": 30, undefined: 30, privileged: 30,
}; // prettier-ignore

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}.bin.gz`, import.meta.url));
}

function recordFixture(name: string): void {
  const perRow = PER_ROW[name] ?? 50;
  const cases = generate(name, SEED, perRow);
  const results = record(cases);
  const hangs = results.findIndex((r) => r.vector === VECTOR_HANG);
  if (hangs >= 0) throw new Error(`case ${hangs} (${cases[hangs]?.row}) does not end`);
  const bytes = encodeFixture(SEED, perRow, cases, results);
  decodeFixture(bytes, cases);
  const packed = gzipSync(bytes, { level: 9 });
  writeFileSync(fixturePath(name), packed);
  const vectors = new Map<number, number>();
  for (const r of results) vectors.set(r.vector, (vectors.get(r.vector) ?? 0) + 1);
  const faults = [...vectors].filter(([v]) => v !== VECTOR_INT3).sort((a, b) => a[0] - b[0]);
  console.log(
    `${name.padEnd(20)} ${String(cases.length).padStart(6)} cases ${String(packed.length).padStart(7)} bytes; faults ` +
      faults.map(([v, n]) => `${v}:${n}`).join(" "),
  );
}

export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      class: { type: "string" },
      seed: { type: "string" },
      count: { type: "string" },
      live: { type: "boolean" },
    },
  });
  const classes = values.class?.split(",") ?? Object.keys(CLASSES);
  for (const name of classes) recordFixture(name);
  return 0;
}
