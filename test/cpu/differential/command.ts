/**
 * What scripts/record-cpu.mjs does.
 *
 *   record-cpu.mjs                                    record every fixture anew, programs too
 *   record-cpu.mjs --class alu,string                 only these; `--class programs` the programs
 *   record-cpu.mjs --replay [--class ...]             fixtures on the engine (build/core.wasm); failures are printed
 *   record-cpu.mjs --live --seed N --count M          about M fresh cases, asked of both at once; nothing is written
 *
 *   --examples K   failures shown of each instruction (3)
 *   --all          known deviations too
 *   --core FILE    another build of the engine's core
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { createEngine } from "../../../src/cpu/engine.ts";
import { coreModule } from "../../../src/host/core-wasm.ts";
import { type Case, type Result, VECTOR_INT3 } from "./case.ts";
import { decodeFixture, encodeFixture } from "./fixture.ts";
import { CLASSES, generate, rowsOf } from "./generate/index.ts";
import { isKnown } from "./known.ts";
import { createMachine } from "./machine.ts";
import { record } from "./record.ts";
import { recordPrograms } from "./record-programs.ts";
import { createReplayer } from "./replay.ts";
import { describeFailures, describeTallies, type Failure, type Tally } from "./report.ts";
import { fixturePath, loadFixture, replayAll } from "./suite.ts";

/** Seed of the fixtures. */
const SEED = 20261122;

/** Cases per row of weight 1: how much each class deserves. */
const PER_ROW: Readonly<Record<string, number>> = {
  alu: 90,
  shift: 100,
  "mul-div": 160,
  bit: 160,
  move: 100,
  string: 110,
  stack: 140,
  branch: 100,
  "x87-arithmetic": 90,
  "x87-compare": 90,
  "x87-move": 90,
  "x87-control": 80,
  "x87-transcendental": 50,
  "sse-float": 90,
  "sse-convert": 130,
  "vector-move": 80,
  "vector-integer": 60,
  "fx-state": 30,
  undefined: 30,
  privileged: 30,
  sequence: 110,
  trace: 40,
}; // prettier-ignore

function recordFixture(name: string): void {
  const perRow = PER_ROW[name] ?? 50;
  const cases = generate(name, SEED, perRow);
  const results = record(cases);
  const bytes = encodeFixture(SEED, perRow, cases, results);
  decodeFixture(bytes, cases);
  const packed = gzipSync(bytes, { level: 9 });
  writeFileSync(fixturePath(name), packed);
  const faults = new Map<number, number>();
  for (const r of results)
    if (r.vector !== VECTOR_INT3) faults.set(r.vector, (faults.get(r.vector) ?? 0) + 1);
  const list = [...faults].sort((a, b) => a[0] - b[0]).map(([vector, n]) => `${vector}:${n}`);
  console.log(
    `${name.padEnd(20)} ${String(cases.length).padStart(6)} cases ${String(packed.length).padStart(7)} bytes; faults ${list.join(" ")}`,
  );
}

/** Total weight of all rows of these classes, in rows. */
function weightOf(classes: readonly string[]): number {
  return classes.reduce((sum, name) => sum + rowsOf(name).reduce((s, row) => s + (row.weight ?? 1), 0), 0);
}

type Source = (name: string) => { readonly cases: readonly Case[]; readonly results: readonly Result[] };

function compareWithEngine(
  classes: readonly string[],
  source: Source,
  options: { core?: string; examples: number; all: boolean },
): number {
  const core = options.core ? new Uint8Array(readFileSync(options.core)) : coreModule();
  const replayer = createReplayer(createEngine({ core, memoryPages: 8192 }), createMachine());
  const failures: Failure[] = [];
  const tallies: Tally[] = [];
  for (const name of classes) {
    const { cases, results } = source(name);
    const answer = replayAll(replayer, name, cases, results);
    failures.push(...answer.failures);
    tallies.push(answer.tally);
  }
  console.log(describeTallies(tallies));
  const fresh = failures.filter((f) => !isKnown(f));
  if (failures.length > 0)
    console.log(`${failures.length - fresh.length} known deviations (known.ts), ${fresh.length} others`);
  if (failures.length > 0)
    console.log(`\n${describeFailures(options.all ? failures : fresh, options.examples)}`);
  return fresh.length > 0 ? 1 : 0;
}

export function main(argv: string[]): number {
  const { values } = parseArgs({
    args: argv,
    options: {
      class: { type: "string" },
      seed: { type: "string" },
      count: { type: "string", default: "20000" },
      examples: { type: "string", default: "3" },
      core: { type: "string" },
      all: { type: "boolean", default: false },
      live: { type: "boolean", default: false },
      replay: { type: "boolean", default: false },
    },
  });
  const chosen = values.class?.split(",");
  const classes = chosen?.filter((name) => name !== "programs") ?? Object.keys(CLASSES);
  const options = {
    examples: Number(values.examples),
    all: values.all,
    ...(values.core ? { core: values.core } : {}),
  };
  if (values.replay) return compareWithEngine(classes, loadFixture, options);
  if (values.live) {
    const seed = Number(values.seed ?? Date.now() % 2 ** 31);
    const perRow = Number(values.count) / weightOf(classes);
    console.log(`seed ${seed}`);
    const fresh: Source = (name) => {
      const cases = generate(name, seed, perRow);
      return { cases, results: record(cases) };
    };
    return compareWithEngine(classes, fresh, options);
  }
  for (const name of classes) recordFixture(name);
  if (!chosen || chosen.includes("programs")) recordPrograms();
  return 0;
}
