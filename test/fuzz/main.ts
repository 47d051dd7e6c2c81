// npm run fuzz [-- CALLS [SEED]]
import { readFileSync } from "node:fs";
import { fuzz } from "./fuzz.ts";

const calls = Number(process.argv[2] ?? 5_000_000);
const seed = Number(process.argv[3] ?? 1);
const auditEvery = Number(process.argv[4] ?? 5000);
const start = performance.now();
const result = fuzz({
  core: readFileSync("build/core.wasm"),
  calls,
  seed,
  auditEvery,
  now: () => performance.now(),
  progress(done) {
    if (done % 500_000 === 0)
      process.stderr.write(`${done} calls, ${Math.round((performance.now() - start) / 1000)} s\n`);
  },
});
const { fault, slowest, accepted, refused, fallen } = result;
console.log(
  `${result.calls} calls (seed ${seed}) in ${Math.round((performance.now() - start) / 1000)} s: ${accepted} accepted, ${refused} refused, ${fallen} guests fell`,
);
console.log(`longest step ${slowest.ms.toFixed(1)} ms: ${slowest.what}`);
console.log(fault === undefined ? "Test result: SUCCESS" : `${fault}\nTest result: FAILURE`);
process.exitCode = fault === undefined ? 0 : 1;
