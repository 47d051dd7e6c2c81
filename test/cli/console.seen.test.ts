/** A guest's console through pipes: every byte, in order, at the reader's pace, and an end to everything. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fakeDomain, type ServedMachine, serveMachine } from "./fake-machine.ts";
import { runCommand, startCommand } from "./run-command.ts";

let served: ServedMachine;
beforeEach(async () => {
  served = await serveMachine();
  served.machine.domains.push(fakeDomain(3, "g"));
});
afterEach(() => served.close());

const text = (words: string): Uint8Array => Buffer.from(words);
const powerOff = { how: "shutdown", reason: 0 } as const;

describe("xl console through pipes", () => {
  it("passes bytes both ways and ends with the guest, status 0", async () => {
    served.machine.consoles.set(3, async (listener, keys) => {
      await listener.data(text("login: "));
      for await (const typed of keys) {
        await listener.data(text(`<${typed}>`));
        if (typed.includes("bye")) break;
      }
      served.machine.finish(3, powerOff);
    });
    const answer = await runCommand({ state: served.state, input: "one two bye" }, "xl", "console", "g");
    expect(answer).toEqual({ status: 0, signal: null, stdout: "login: <one two bye>", stderr: "" });
  });

  it("Ctrl-] is a byte like any other there", async () => {
    served.machine.consoles.set(3, async (listener, keys) => {
      for await (const typed of keys) {
        await listener.data(text(JSON.stringify(typed)));
        break;
      }
      served.machine.finish(3, powerOff);
    });
    const answer = await runCommand({ state: served.state, input: "a\x1db" }, "xl", "console", "g");
    expect(answer.stdout).toBe('"a\\u001db"');
  });

  it("the end of stdin is not the end of the console", async () => {
    served.machine.consoles.set(3, async (listener) => {
      await sleep(300);
      await listener.data(text("late"));
      served.machine.finish(3, powerOff);
    });
    const answer = await runCommand({ state: served.state, input: "" }, "xl", "console", "g");
    expect(answer).toMatchObject({ status: 0, stdout: "late" });
  });

  it("ten million bytes arrive, although the reader is slow, and the host waits for it", {
    timeout: 60_000,
  }, async () => {
    const piece = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    const pieces = 200;
    let given = 0;
    served.machine.consoles.set(3, async (listener) => {
      for (; given < pieces; given++) await listener.data(piece);
      served.machine.finish(3, powerOff);
    });
    const { child, finished } = startCommand({ state: served.state }, "xl", "console", "g");
    const hash = createHash("sha256");
    let length = 0;
    child.stdout?.removeAllListeners("data").setEncoding("latin1");
    child.stdout?.pause();
    child.stdout?.on("data", (chunk: string) => {
      length += chunk.length;
      hash.update(chunk, "latin1");
    });
    child.stdout?.pause();
    await sleep(1_000);
    // Pipes and sockets hold some; memory does not hold the rest.
    expect(given).toBeLessThan(pieces / 2);
    child.stdout?.resume();
    const { status } = await finished;
    expect(status).toBe(0);
    expect(length).toBe(piece.length * pieces);
    const whole = createHash("sha256");
    for (let i = 0; i < pieces; i++) whole.update(piece);
    expect(hash.digest("hex")).toBe(whole.digest("hex"));
  });

  it("ends when its reader goes", async () => {
    served.machine.consoles.set(3, async (listener) => {
      for (let i = 0; i < 1_000; i++) await listener.data(text("more and more ".repeat(1_000)));
    });
    const { child, finished } = startCommand({ state: served.state }, "xl", "console", "g");
    child.stdout?.once("data", () => child.stdout?.destroy());
    expect((await finished).status).toBe(0);
  });

  it("a host that dies is told of, and not waited for", async () => {
    served.machine.consoles.set(3, async (listener) => {
      await listener.data(text("going"));
      await sleep(200);
      served.die();
      await sleep(10_000);
    });
    const answer = await runCommand({ state: served.state }, "xl", "console", "g");
    expect(answer).toMatchObject({ status: 1, stdout: "going" });
    expect(answer.stderr).toMatch(/^xlab: .*host.*\n$/);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)("%s ends it", async (signal, status) => {
    served.machine.consoles.set(3, async (listener) => {
      await listener.data(text("here"));
      await sleep(60_000);
    });
    const { child, finished } = startCommand({ state: served.state, holdStdin: true }, "xl", "console", "g");
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    await sleep(100);
    child.kill(signal);
    expect(await finished).toMatchObject({ status, stdout: "here" });
  });
});

describe("xl create -c", () => {
  const createWith = (reason: number, words?: string) => {
    served.machine.consoles.set(4, async (listener) => {
      while (!served.machine.calls.includes("unpause 4")) await sleep(5);
      await listener.data(text("first words"));
      if (words !== undefined) served.machine.words.set(4, words);
      served.machine.finish(4, { how: "shutdown", reason });
    });
    const config = join(served.state, "a.cfg");
    writeFileSync(config, 'name="a"\nkernel="k"\n');
    return runCommand({ state: served.state }, "xl", "create", "-q", "-c", config);
  };

  it("listens before the guest runs, and ends with it", async () => {
    expect(await createWith(0)).toEqual({ status: 0, signal: null, stdout: "first words", stderr: "" });
    expect(served.machine.created[0]?.paused).toBe(true);
  });

  it("says in one line that the guest crashed, why, and where to look", async () => {
    const { stderr, stdout, status } = await createWith(3, "page fault at 0");
    expect({ stdout, status }).toEqual({ stdout: "first words", status: 0 });
    expect(stderr).toMatch(/^xlab: .*\ba\b.*crashed.*page fault at 0.*xl dmesg.*\n$/);
  });
});
