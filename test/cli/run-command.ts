/** Runs bin/ against a state directory, as test/support/cli.ts does, for tests that bring a host of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";

export interface CommandResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly finished: Promise<CommandResult>;
}

export interface CommandOptions {
  readonly state: string;
  readonly cwd?: string;
  /** What stdin holds before it ends; undefined: no stdin at all. */
  readonly input?: string;
  /** stdin stays open. */
  readonly holdStdin?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export function startCommand(options: CommandOptions, program: string, ...args: string[]): RunningCommand {
  const piped = options.input !== undefined || options.holdStdin === true;
  const child = spawn(process.execPath, [resolve("bin", program), ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, NO_COLOR: "1", XLAB_STATE: options.state, ...options.env },
    stdio: [piped ? "pipe" : "ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin?.on("error", () => {});
  if (options.holdStdin !== true) child.stdin?.end(options.input);
  const finished = new Promise<CommandResult>((settle, fail) => {
    child.on("error", fail);
    child.on("close", (status, signal) => settle({ status, signal, stdout, stderr }));
  });
  return { child, finished };
}

export const runCommand = (
  options: CommandOptions,
  program: string,
  ...args: string[]
): Promise<CommandResult> => startCommand(options, program, ...args).finished;
