/** Whole programs compute on the engine what they computed on the processor. */
import { describe, expect, it } from "vitest";
import { createEngine, type EngineOptions } from "../../../src/cpu/engine.ts";
import { coreModule } from "../../../src/host/core-wasm.ts";
import { VECTOR_INT3 } from "./case.ts";
import { describeOutcome } from "./compare.ts";
import { loadProgram, loadPrograms, type Program, withoutTail } from "./programs.ts";
import { createReplayer } from "./replay.ts";

const LIMIT = 50_000_000;

/** Runs it; what it left, where that first differs from what the processor left, and how many instructions it took. */
function run(program: Program, budget: number, translate: EngineOptions["translate"] = true) {
  const { machine, state, resultPage } = loadProgram(program.image);
  const replayer = createReplayer(
    createEngine({ core: coreModule(), memoryPages: 4096, translate }),
    machine,
  );
  const answer = replayer.run(state, budget, Math.ceil(LIMIT / budget));
  const result = withoutTail(replayer.page(resultPage));
  return {
    end: describeOutcome(answer.vector, answer.error, answer.cr2),
    length: result.length,
    firstDifference: result.findIndex((byte, i) => byte !== program.result[i]),
    instructions: replayer.instructions(),
  };
}

const asRecorded = (program: Program) => ({
  end: describeOutcome(VECTOR_INT3, 0, 0n),
  length: program.result.length,
  firstDifference: -1,
});

describe("a program compiled by gcc leaves the processor's results:", () => {
  const programs = loadPrograms().map((p) => [p.name, p] as const);

  it.each(programs)("%s", (_, program) => {
    expect(run(program, 100_000)).toMatchObject(asRecorded(program));
  });

  it.each(programs.filter(([name]) => name.endsWith(" O2")))(
    "%s, stopped every few instructions",
    (_, program) => {
      const stopped = run(program, 3);
      expect(stopped).toMatchObject(asRecorded(program));
      expect(stopped.instructions).toBe(run(program, 100_000).instructions);
    },
  );

  it.each(programs)("%s, translated from the first sample on", (_, program) => {
    const translated = run(program, 997, { threshold: 1, batch: 1, patience: 1 });
    expect(translated).toMatchObject(asRecorded(program));
    expect(translated.instructions).toBe(run(program, 997, false).instructions);
  });
});
