/** The engine does what the processor did, instruction by instruction (recorded: fixtures/, node scripts/record-cpu.mjs). */
import { afterAll, describe, expect, it } from "vitest";
import { createEngine } from "../../../src/cpu/engine.ts";
import { coreModule } from "../../../src/host/core-wasm.ts";
import { CLASSES } from "./generate/index.ts";
import { isKnown } from "./known.ts";
import { createMachine } from "./machine.ts";
import { createReplayer } from "./replay.ts";
import { describeFailures, describeTallies, type Tally } from "./report.ts";
import { loadFixture, replayAll } from "./suite.ts";

describe("the engine and the processor agree on", () => {
  const tallies: Tally[] = [];
  afterAll(() => {
    if (process.env["XLAB_TALLY"]) console.log(describeTallies(tallies));
  });

  it.each(Object.keys(CLASSES))("%s", (name) => {
    const replayer = createReplayer(createEngine({ core: coreModule(), memoryPages: 8192 }), createMachine());
    const { cases, results } = loadFixture(name);
    const { failures, tally } = replayAll(replayer, name, cases, results);
    tallies.push(tally);
    expect(describeFailures(failures.filter((f) => !isKnown(f)))).toBe("");
  });
});
