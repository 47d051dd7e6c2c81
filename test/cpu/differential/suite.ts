/** A class of cases with recorded answers, on the engine. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type Case, type Result, VECTOR_HANG } from "./case.ts";
import { compareResults, completed } from "./compare.ts";
import { decodeFixture, fixtureHead } from "./fixture.ts";
import { generate } from "./generate/index.ts";
import type { Replayer } from "./replay.ts";
import type { Failure, Tally } from "./report.ts";

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}.bin.gz`, import.meta.url));
}

/** Inputs from the seed, answers from the file. */
export function loadFixture(name: string): { readonly cases: Case[]; readonly results: Result[] } {
  const bytes = new Uint8Array(gunzipSync(readFileSync(fixturePath(name))));
  const { seed, perRow } = fixtureHead(bytes);
  const cases = generate(name, seed, perRow);
  return { cases, results: decodeFixture(bytes, cases) };
}

export function replayAll(
  replayer: Replayer,
  name: string,
  cases: readonly Case[],
  results: readonly Result[],
): { readonly failures: Failure[]; readonly tally: Tally } {
  const failures: Failure[] = [];
  const tally: Tally = { class: name, cases: cases.length, failed: 0, open: 0, openDiffers: 0 };
  cases.forEach((c, index) => {
    const expected = results[index] as Result;
    if (expected.vector === VECTOR_HANG) {
      // a LOCK across cache lines may take longer than the recorder waits: no answer
      tally.cases--;
      return;
    }
    const got = replayer.replay(c, expected);
    const verdict = compareResults(c, expected, got);
    if (completed(c, expected) && (c.undefinedFlags || c.undefinedFsw || c.undefinedGpr.size)) {
      tally.open++;
      if (verdict.undefinedDifferences.length) tally.openDiffers++;
    }
    if (verdict.differences.length === 0) return;
    tally.failed++;
    failures.push({ class: name, index, case: c, expected, verdict });
  });
  return { failures, tally };
}
