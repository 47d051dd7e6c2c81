/** A guest's console on a real terminal: raw while it lasts, and afterwards as it was, however it ends. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fakeDomain, type ServedMachine, serveMachine } from "./fake-machine.ts";

/** util-linux's script(1) gives a command a terminal. */
const hasScript =
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true;

let served: ServedMachine;
let typed: string[];
beforeEach(async () => {
  served = await serveMachine();
  served.machine.domains.push(fakeDomain(3, "g"));
  typed = [];
});
afterEach(() => served.close());

/** The guest echoes what is typed in brackets until it is told to stop. */
const echoing = (stop: (keys: string) => boolean): void => {
  served.machine.consoles.set(3, async (listener, keys) => {
    await listener.data(Buffer.from("ready\r\n"));
    for await (const key of keys) {
      typed.push(key);
      await listener.data(Buffer.from(`<${key}>`));
      if (stop(key)) break;
    }
    served.machine.finish(3, { how: "shutdown", reason: 0 });
  });
};

interface OnTerminal {
  readonly child: ChildProcess;
  readonly screen: () => string;
  /** The modes that the shell found before and after. */
  readonly modes: () => Promise<{ readonly before: string; readonly after: string; readonly status: string }>;
}

function onTerminal(command: string): OnTerminal {
  const line = `echo "[before $(stty -a | tr '\\n' ' ')]"; ${command}; echo "[status $?]"; echo "[after $(stty -a | tr '\\n' ' ')]"`;
  const child = spawn("script", ["-qec", line, "/dev/null"], {
    env: { ...process.env, XLAB_STATE: served.state, SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  const closed = new Promise((done) => child.on("close", done));
  return {
    child,
    screen: () => screen,
    async modes() {
      await closed;
      const part = (name: string): string =>
        new RegExp(`\\[${name} ([^\\]]*)\\]`).exec(screen)?.[1] ?? `no ${name}`;
      return { before: part("before"), after: part("after"), status: part("status") };
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i++) await sleep(20);
  expect(condition()).toBe(true);
}

const xl = `${process.execPath} ${resolve("bin/xl")}`;

describe.skipIf(!hasScript)("xl console on a terminal (needs util-linux's script)", () => {
  it("passes each key as it is typed, Ctrl-C too, and Ctrl-] leaves", async () => {
    echoing(() => false);
    const terminal = onTerminal(`${xl} console g`);
    await until(() => terminal.screen().includes("ready"));
    terminal.child.stdin?.write("a");
    await until(() => terminal.screen().includes("<a>"));
    terminal.child.stdin?.write("\x03");
    await until(() => typed.includes("\x03"));
    terminal.child.stdin?.write("xy\x1dz");
    const { before, after, status } = await terminal.modes();
    expect(status).toBe("0");
    expect(after).toBe(before);
    expect(typed.join("")).toBe("a\x03xy");
  });

  it("is left as it was when the guest ends", async () => {
    echoing((key) => key === "q");
    const terminal = onTerminal(`${xl} console g`);
    await until(() => terminal.screen().includes("ready"));
    terminal.child.stdin?.write("q");
    const { before, after, status } = await terminal.modes();
    expect({ status, after }).toEqual({ status: "0", after: before });
  });

  it("is left as it was when the host dies", async () => {
    echoing(() => false);
    const terminal = onTerminal(`${xl} console g`);
    await until(() => terminal.screen().includes("ready"));
    served.die();
    const { before, after, status } = await terminal.modes();
    expect({ status, after }).toEqual({ status: "1", after: before });
    expect(terminal.screen()).toMatch(/xlab: .*host/);
  });

  it.each(["TERM", "HUP", "INT", "QUIT"])("is left as it was on SIG%s", async (signal) => {
    echoing(() => false);
    const terminal = onTerminal(`sh -c 'echo pid=$$; exec ${xl} console g'`);
    await until(() => /ready/.test(terminal.screen()) && /pid=\d+/.test(terminal.screen()));
    process.kill(Number(/pid=(\d+)/.exec(terminal.screen())?.[1]), `SIG${signal}` as NodeJS.Signals);
    const { before, after, status } = await terminal.modes();
    expect(Number(status)).toBeGreaterThan(128);
    expect(after).toBe(before);
  });
});
