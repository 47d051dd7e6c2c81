/** Runs cases on the processor: compiles the recorder (gcc), feeds it, reads its answer. Development only. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Case, type Result, VECTOR_UD } from "./case.ts";
import { type CaseInput, codePatches, decodeResults, encodeCases } from "./case-file.ts";
import { createMachine, type Machine } from "./machine.ts";

const SOURCE = fileURLToPath(new URL("./recorder/recorder.c", import.meta.url));

/** User time after which an instruction counts as endless: a LOCK across two pages may take its time on a guest. */
const CASE_TIMEOUT_MS = 500;

let program: string | undefined;

/** The compiled recorder, once a process. */
function recorder(): string {
  if (program) return program;
  const dir = mkdtempSync(join(tmpdir(), "xlab-recorder-"));
  process.on("exit", () => rmSync(dir, { recursive: true }));
  program = join(dir, "recorder");
  execFileSync("gcc", ["-O2", "-Wall", "-mfsgsbase", "-fno-stack-protector", "-o", program, SOURCE]);
  return program;
}

export function runRecorder(machine: Machine, inputs: readonly CaseInput[], timeoutMs: number): Result[] {
  const dir = mkdtempSync(join(tmpdir(), "xlab-record-"));
  try {
    writeFileSync(join(dir, "cases"), encodeCases(machine, inputs, timeoutMs));
    execFileSync(recorder(), [join(dir, "cases"), join(dir, "results")], { stdio: "inherit" });
    return decodeResults(new Uint8Array(readFileSync(join(dir, "results"))), inputs.length);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What the processor does with these cases; for those that it is too new for, what it would have done. */
export function record(cases: readonly Case[]): Result[] {
  const asked = cases.filter((c) => c.expect === undefined);
  const inputs = asked.map((c) => ({
    state: c.state,
    patches: [...codePatches(c, c.nativeCode ?? c.code), ...c.patches],
  }));
  const answers = runRecorder(createMachine(), inputs, CASE_TIMEOUT_MS).values();
  return cases.map((c) => {
    if (c.expect === "ud") return { vector: VECTOR_UD, error: 0, cr2: 0n, state: c.state, writes: [] };
    const answer = answers.next().value;
    if (!answer) throw new Error("fewer answers than cases");
    return answer;
  });
}
