/** `xl list` beside `node -e 0`, run in turns on one host: wall milliseconds of whole processes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROUNDS = 25;

function wallMillis(args: readonly string[], env: NodeJS.ProcessEnv): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`${args.join(" ")}: status ${status}\n${stderr}`);
  return Number(process.hrtime.bigint() - started) / 1e6;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

export function run(): void {
  const state = mkdtempSync(join(tmpdir(), "xlab-bench-"));
  const env = { ...process.env, XLAB_STATE: state };
  const xl = resolve("bin/xl");
  try {
    wallMillis([xl, "list"], env); // starts the host
    const empty: number[] = [];
    const list: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      empty.push(wallMillis(["-e", "0"], env));
      list.push(wallMillis([xl, "list"], env));
    }
    console.log(
      `node -e 0   median ${median(empty).toFixed(1)} ms, least ${Math.min(...empty).toFixed(1)} ms`,
    );
    console.log(`xl list     median ${median(list).toFixed(1)} ms, least ${Math.min(...list).toFixed(1)} ms`);
    console.log(`ratio       ${(median(list) / median(empty)).toFixed(2)} (goal: 1.30 or less)`);
  } finally {
    spawnSync(process.execPath, [resolve("bin/xlab"), "host", "stop"], { env });
    rmSync(state, { recursive: true, force: true });
  }
}
