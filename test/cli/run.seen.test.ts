/** xlab run with the guest that xlab brings along: how it ends is what the status says. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RUN_STATUS } from "../../src/cli/xlab/run.ts";
import { type CommandOptions, type CommandResult, runCommand } from "./run-command.ts";

const directory = mkdtempSync(join(tmpdir(), "xlab-run-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

const run = (args: readonly string[], options: Partial<CommandOptions> = {}): Promise<CommandResult> =>
  runCommand({ state: "/nowhere", ...options }, "xlab", "run", ...args);

const hello = file("hello.cfg", 'name="hello"\nkernel="hello.elf"\nmemory=16\nextra="ticks=2 ms=20"\n');

/** Our own guest, whose first instruction is now one that no processor has. */
function brokenHello(): Uint8Array {
  const elf = new Uint8Array(readFileSync(resolve("build/hello.elf")));
  const view = new DataView(elf.buffer);
  const entry = view.getBigUint64(24, true);
  const headers = Number(view.getBigUint64(32, true));
  for (let i = 0; i < view.getUint16(56, true); i++) {
    const at = headers + i * 56;
    const address = view.getBigUint64(at + 16, true);
    const size = view.getBigUint64(at + 32, true);
    if (view.getUint32(at, true) !== 1 || entry < address || entry >= address + size) continue;
    const offset = Number(view.getBigUint64(at + 8, true) + entry - address);
    elf.set([0x0f, 0x0b], offset);
    return elf;
  }
  throw new Error("no segment holds the entry");
}

describe("xlab run", () => {
  it("ends with 0 when the guest powers off", async () => {
    const answer = await run([hello]);
    expect(answer).toMatchObject({ status: RUN_STATUS.poweredOff, stderr: "" });
    expect(answer.stdout).toMatch(/tick 2 at/);
  });

  it("twice the same seed prints the same bytes", async () => {
    const [first, second] = [await run([hello, "--seed", "7"]), await run([hello, "--seed", "7"])];
    expect(first.stdout.length).toBeGreaterThan(100);
    expect(second).toEqual(first);
  });

  it("takes settings as `xl create` does, and the guest reads what is typed", async () => {
    const answer = await run([hello, 'extra="stay ticks=1 ms=1"', 'name="other"'], { input: "exit\n" });
    expect(answer).toMatchObject({ status: RUN_STATUS.poweredOff });
    expect(answer.stdout).toContain('"other"');
  });

  it("ends with 0 at what was expected, and shows nothing beyond it", async () => {
    const answer = await run([hello, "--expect", "tick 1"]);
    expect(answer).toMatchObject({ status: RUN_STATUS.poweredOff, stderr: "" });
    expect(answer.stdout).toMatch(/tick 1$/);
  });

  it("says when what was expected never came", async () => {
    const answer = await run([hello, "--expect", "something else"]);
    expect(answer.status).toBe(RUN_STATUS.notSeen);
    expect(answer.stderr).toMatch(/^xlab: .*something else.*\n$/);
  });

  it("gives up when time is out", async () => {
    const started = performance.now();
    const answer = await run([hello, 'extra="stay"', "--timeout", "1.5", "--clock", "real"], {
      holdStdin: true,
    });
    expect(answer.status).toBe(RUN_STATUS.timeout);
    expect(answer.stderr).toMatch(/^xlab: .*still running after 1\.5 s\n$/);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it("shows the registers of a guest that crashed", async () => {
    const config = file(
      "broken.cfg",
      `name="broken"\nkernel="${file("broken.elf", brokenHello())}"\nmemory=16\n`,
    );
    const answer = await run([config]);
    expect(answer.status).toBe(RUN_STATUS.crashed);
    expect(answer.stderr).toMatch(/RIP/);
    expect(answer.stderr.trimEnd().split("\n").at(-1)).toMatch(/^xlab: the guest broken has crashed/);
  });

  it("a config that is none ends as `xl create` ends", async () => {
    expect(await run([file("bad.cfg", "name=\n")])).toMatchObject({ status: 1, stdout: "" });
    expect(await run([file("none.cfg", 'name="x"\nkernel="/nowhere"\n')])).toMatchObject({
      status: 3,
      stdout: "",
    });
    expect(await run([join(directory, "absent.cfg")])).toMatchObject({ status: 3, stdout: "" });
  });

  it.each([
    [[]],
    [["a.cfg", "b.cfg"]],
    [["a.cfg", "--timeout", "soon"]],
    [["a.cfg", "--seed", "x"]],
    [["a.cfg", "--clock", "sun"]],
    [["a.cfg", "--expect", "("]],
    [["a.cfg", "--expect"]],
    [["a.cfg", "--nonsense"]],
  ])("%j makes no sense, which is said", async (args) => {
    const answer = await run(args);
    expect(answer).toMatchObject({ status: RUN_STATUS.usage, stdout: "" });
    expect(answer.stderr).toMatch(/^xlab run: .*\nxlab: `xlab help run' .*\n$/);
  });
});
