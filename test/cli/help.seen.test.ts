/** Help: layout, names and usage lines are xl's; the prose is ours, and not compared. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { XL_COMMANDS } from "../../src/cli/commands/index.ts";
import { commandHelp, fullHelp } from "../../src/cli/help.ts";
import { RELEASE } from "../../src/cli/release.ts";
import { goldenExists, noGolden, readTranscript } from "./golden.ts";
import { runCommand } from "./run-command.ts";

const modelled = XL_COMMANDS.filter(({ load }) => load !== undefined);

describe.skipIf(!goldenExists)(`beside the real xl (${noGolden})`, () => {
  it("the table names xl's commands in xl's order", () => {
    const { stdout } = readTranscript("help/xl-help.txt");
    const names = [...stdout.matchAll(/^ ([a-z][a-z0-9-]*) /gm)].map(([, name]) => name);
    expect(XL_COMMANDS.map(({ name }) => name)).toEqual(names);
  });

  it("the list of commands has xl's lines around it", async () => {
    const head = (text: string): string => text.slice(0, text.indexOf("\n create"));
    expect(head(await fullHelp("xl", XL_COMMANDS))).toBe(head(readTranscript("help/xl-help.txt").stdout));
  });

  it.each(modelled)("$name: usage, blank lines and option names", async ({ name, load }) => {
    const ours = commandHelp("xl", (await load?.()) ?? raise(name));
    const { stdout: theirs } = readTranscript(`help/sub/${name}.txt`);
    const usage = (text: string): string => text.slice(0, text.indexOf("\n"));
    expect(usage(ours).replace(/ {3,}.*/, "")).toBe(usage(theirs).replace(/ {3,}.*/, ""));
    // Long options carry two names: both are looked for.
    const options = (text: string): string[] =>
      [
        ...text.matchAll(/^ *(-{1,2}[A-Za-z][\w-]*(?: (?:[A-Z]{2,}|<\w+>))?)(?:, (--[\w-]+(?:=\w+)?))?/gm),
      ].flatMap(([, short = "", long = ""]) => [short, long].filter((option) => option !== ""));
    const missing = options(theirs).filter((option) => !ours.includes(option));
    expect(missing).toEqual([]);
    expect(ours.includes("\n\nOptions:\n\n")).toBe(theirs.includes("\n\nOptions:\n\n"));
  });

  it.each(["console", "destroy", "domid", "domname", "pause", "unpause"])(
    "xl %s without arguments",
    async (name) => {
      const { stderr, status } = readTranscript(
        name === "destroy" ? "help/xl-destroy-noarg.txt" : `help/sub-noargs/${name}.txt`,
      );
      const answer = await runCommand({ state: "/nowhere" }, "xl", name);
      expect(answer).toMatchObject({ stderr, status });
      expect(answer.stdout).toMatch(new RegExp(`^Usage: xl \\[-vtTf?] ${name} `));
    },
  );
});

function raise(name: string): never {
  throw new Error(`${name} is not modelled`);
}

describe("help", () => {
  const xl = (...args: string[]) => runCommand({ state: "/nowhere" }, "xl", ...args);

  it("is what xl alone prints, with status 1, and `xl help` with 0", async () => {
    const alone = await xl();
    expect(alone).toMatchObject({ status: 1, stderr: "" });
    expect(await xl("help")).toEqual({ ...alone, status: 0 });
    expect((await xl("help", "help")).stdout).toBe(alone.stdout);
  });

  it("of a command is the same by every way", async () => {
    const one = await xl("help", "create");
    expect(one).toMatchObject({ status: 0, stderr: "" });
    for (const way of [
      ["create", "-h"],
      ["create", "--help"],
      ["cr", "--he"],
      ["help", "cr"],
      ["-v", "create", "-nh"],
    ]) {
      expect(await xl(...way)).toEqual(one);
    }
  });

  it("a long name gets a line of its own", async () => {
    const text = await fullHelp("xl", [
      {
        name: "pci-assignable-remove",
        load: async () => ({
          name: "pci-assignable-remove",
          usage: "",
          summary: "Remove",
          options: [],
          required: 0,
          modifies: false,
          canDryRun: false,
          run: () => 0,
        }),
      },
    ]);
    expect(text.split("\n").slice(4)).toEqual([" pci-assignable-remove ", `${" ".repeat(21)}Remove`, ""]);
  });

  it("xlab has its own", async () => {
    const answer = await runCommand({ state: "/nowhere" }, "xlab", "help", "run");
    expect(answer).toMatchObject({ status: 0, stderr: "" });
    expect(answer.stdout).toContain("Exit status:");
    expect(await runCommand({ state: "/nowhere" }, "xlab", "bogus")).toMatchObject({ status: 2, stdout: "" });
  });
});

describe("release", () => {
  it("is package.json's version", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(RELEASE).toBe(`xlab-${version}`);
  });
});
