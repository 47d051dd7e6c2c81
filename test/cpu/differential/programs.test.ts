/** Whole programs compute on the engine what they computed on the processor. */
import { describe, expect, it } from "vitest";
import { createEngine } from "../../../src/cpu/engine.ts";
import { coreModule } from "../../../src/host/core-wasm.ts";
import { VECTOR_INT3 } from "./case.ts";
import { describeOutcome } from "./compare.ts";
import { loadProgram, loadPrograms, withoutTail } from "./programs.ts";
import { createReplayer } from "./replay.ts";

const LIMIT = 50_000_000;

describe("a program compiled by gcc leaves the processor's results:", () => {
  it.each(loadPrograms().map((p) => [p.name, p] as const))("%s", (_, program) => {
    const { machine, state, resultPage } = loadProgram(program.image);
    const replayer = createReplayer(createEngine({ core: coreModule(), memoryPages: 4096 }), machine);
    const answer = replayer.run(state, LIMIT);
    expect(describeOutcome(answer.vector, answer.error, answer.cr2)).toBe(
      describeOutcome(VECTOR_INT3, 0, 0n),
    );
    const got = withoutTail(replayer.page(resultPage));
    const at = got.findIndex((byte, i) => byte !== program.result[i]);
    expect({ length: got.length, firstDifference: at }).toEqual({
      length: program.result.length,
      firstDifference: -1,
    });
  });
});
