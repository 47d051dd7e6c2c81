/** Runs bin/ as a user would, on a state directory of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly millis: number;
}

export interface Machine {
  readonly state: string;
  /** `run("xl", "list")`; `input` is what stdin holds before it ends. */
  run(program: "xl" | "xm" | "xlab", ...args: string[]): Promise<Ran>;
  runWith(
    options: { input?: string; cwd?: string; timeoutMs?: number; env?: Record<string, string> },
    program: string,
    ...args: string[]
  ): Promise<Ran>;
  /** Stops the host and removes the state directory. */
  close(): Promise<void>;
}

export function machine(): Machine {
  const state = mkdtempSync(join(tmpdir(), "xlab-"));
  const runWith: Machine["runWith"] = (options, program, ...args) =>
    new Promise((settle, fail) => {
      const started = process.hrtime.bigint();
      const child = spawn(process.execPath, [resolve("bin", program), ...args], {
        cwd: options.cwd ?? process.cwd(),
        env: { ...process.env, XLAB_STATE: state, NO_COLOR: "1", ...options.env },
        stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      });
      let stdout = "";
      let stderr = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      if (options.input !== undefined) child.stdin?.end(options.input);
      const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 120_000);
      child.on("error", fail);
      child.on("close", (status) => {
        clearTimeout(timer);
        settle({ status, stdout, stderr, millis: Number((process.hrtime.bigint() - started) / 1_000_000n) });
      });
    });
  return {
    state,
    runWith,
    run: (program, ...args) => runWith({}, program, ...args),
    async close() {
      await runWith({}, "xlab", "host", "stop");
      rmSync(state, { recursive: true, force: true });
    },
  };
}
