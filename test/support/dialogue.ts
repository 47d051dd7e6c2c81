/** A guest's console in the foreground (`xlab run`), and somebody who answers what it prints. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";

export interface Line {
  /** Printed since the last answer. */
  readonly after: RegExp;
  readonly type: string;
}

export interface Talk {
  readonly status: number | null;
  readonly output: string;
  readonly stderr: string;
  /** Lines that were answered. */
  readonly answered: number;
}

export function talk(
  args: readonly string[],
  lines: readonly Line[],
  options: { readonly timeoutMs: number; readonly env?: Record<string, string> },
): Promise<Talk> {
  return new Promise((settle, fail) => {
    const child = spawn(process.execPath, [resolve("bin", "xlab"), "run", ...args], {
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    let stderr = "";
    let read = 0;
    let answered = 0;
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      output += text;
      for (let next = lines[answered]; next !== undefined; next = lines[answered]) {
        const found = next.after.exec(output.slice(read));
        if (found === null) return;
        read += found.index + found[0].length;
        answered++;
        child.stdin.write(next.type);
      }
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
    child.on("error", fail);
    child.on("close", (status) => {
      clearTimeout(timer);
      settle({ status, output, stderr, answered });
    });
  });
}
