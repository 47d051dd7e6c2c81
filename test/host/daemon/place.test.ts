/** One host a state directory: whoever comes first, whatever was left behind, and nobody else's directory. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeJson } from "../../../src/protocol/frame.ts";
import { SOCKET_NAME } from "../../../src/protocol/state-directory.ts";
import { runCommand } from "../../cli/run-command.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "xlab-place-"));
});
afterEach(async () => {
  await runCommand({ state }, "xlab", "host", "stop");
  rmSync(state, { recursive: true, force: true });
});

const run = (program: string, ...args: string[]) => runCommand({ state }, program, ...args);

/** Host processes that serve this directory. */
function hosts(directory: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return words.some((word) => word.endsWith("daemon/main.js")) && words.includes(directory);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** A host that lost the race takes a moment to find out. */
async function settledHosts(): Promise<number[]> {
  for (let i = 0; i < 100; i++) {
    const found = hosts(state);
    if (found.length <= 1) return found;
    await sleep(100);
  }
  return hosts(state);
}

const sockets = (): string[] =>
  readdirSync(state).filter((name) => name.includes("sock") || name.includes("stale"));

const hasProc = statSync("/proc/self", { throwIfNoEntry: false }) !== undefined;

describe.skipIf(!hasProc)("commands that start at once", () => {
  const startMany = async (): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => run("xl", "list")));
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 0, stderr: "" });
      expect(answer.stdout).toMatch(/^Name.*\nDomain-0 +0 .*\n$/);
    }
    expect(await settledHosts()).toHaveLength(1);
    expect(sockets()).toEqual([SOCKET_NAME]);
  };

  it("end with one host", startMany);

  it("end with one host where a killed one left its socket", async () => {
    await run("xl", "list");
    const [first] = hosts(state);
    expect(first).toBeDefined();
    process.kill(first ?? 0, "SIGKILL");
    await sleep(100);
    expect(sockets()).toEqual([SOCKET_NAME]);
    await startMany();
    expect(hosts(state)).not.toContain(first);
  });
});

describe("the host process", () => {
  it("is started and stopped for the asking, and leaves no socket", async () => {
    expect(await run("xlab", "host", "status")).toMatchObject({ status: 1, stdout: "no host runs\n" });
    expect(await run("xlab", "host", "start")).toMatchObject({ status: 0, stdout: "", stderr: "" });
    const status = await run("xlab", "host", "status");
    expect(status).toMatchObject({ status: 0, stderr: "" });
    expect(status.stdout).toContain(state);
    expect(await run("xlab", "host", "stop")).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(await run("xlab", "host", "stop")).toMatchObject({ status: 0 });
    for (let i = 0; i < 50 && sockets().length > 0; i++) await sleep(20);
    expect(sockets()).toEqual([]);
  });

  it("keeps its directory to its user", async () => {
    await run("xlab", "host", "start");
    const open = (path: string): string[] =>
      readdirSync(path, { withFileTypes: true, recursive: true })
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((entry) => (statSync(entry).mode & 0o077) !== 0);
    expect(open(state)).toEqual([]);
  });
});

describe("an empty list on a new host", () => {
  const listBeside = async (env: Record<string, string>): Promise<string> => {
    const elsewhere = join(state, "xlab");
    mkdirSync(elsewhere, { mode: 0o700 });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(elsewhere, SOCKET_NAME), resolve));
    const answer = await runCommand({ state, env }, "xl", "list");
    server.close();
    expect(answer.status).toBe(0);
    return answer.stderr;
  };

  it("whispers where another host is, if there is one", async () => {
    const stderr = await listBeside({ XDG_RUNTIME_DIR: state });
    expect(stderr).toMatch(/^(xlab: .*\n){2}$/);
    expect(stderr).toContain(`XLAB_STATE=${join(state, "xlab")}`);
    expect((await run("xl", "list")).stderr).toBe("");
  });

  it("says nothing otherwise", async () => {
    expect(await listBeside({ XDG_RUNTIME_DIR: "/nowhere", HOME: "/nowhere" })).toBe("");
  });
});

describe("a state directory that cannot be", () => {
  const refused = async (directory: string, why: RegExp): Promise<void> => {
    const answer = await runCommand({ state: directory }, "xl", "list");
    expect(answer).toMatchObject({ status: 1, stdout: "" });
    expect(answer.stderr).toMatch(why);
    expect(answer.stderr).toMatch(/^(xlab: .*\n)+$/);
  };

  it("open to others is refused, and how to close it is said", async () => {
    const directory = join(state, "open");
    mkdirSync(directory);
    chmodSync(directory, 0o750);
    await refused(directory, /open to others.*chmod 700/s);
  });

  it("too long for a socket is refused, and what to do is said", async () => {
    await refused(join(state, "x".repeat(100)), /too long.*XLAB_STATE/s);
  });

  it("that is a file is refused", async () => {
    const file = join(state, "file");
    writeFileSync(file, "");
    await refused(file, /state directory/);
  });
});

describe("what answers on the socket", () => {
  it("in another version's words is named as such", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(encodeJson({ hello: "xlab 999" }));
    });
    await new Promise<void>((resolve) => server.listen(join(state, SOCKET_NAME), resolve));
    const answer = await run("xl", "list");
    server.close();
    expect(answer).toMatchObject({ status: 1, stdout: "" });
    expect(answer.stderr).toMatch(/^xlab: .*xlab 999.*\n$/);
  });

  it("in no words of ours ends the command", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(join(state, SOCKET_NAME), resolve));
    const answer = await run("xl", "list");
    server.close();
    expect(answer).toMatchObject({ status: 1, stdout: "" });
    expect(answer.stderr).toMatch(/^xlab: .*\n$/);
  });
});
