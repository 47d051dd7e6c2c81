/** Configs that the real xl 4.17 has judged: the same words, the same status, the same JSON. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { domainConfigJson, parseDomainConfig } from "../../../src/toolstack/config/parse.ts";
import { XlError } from "../../../src/toolstack/error.ts";
import { configPath, goldenExists, noGolden, readTranscript, transcriptsIn } from "../../cli/golden.ts";

interface Verdict {
  readonly status: number;
  /** Without the "Parsing config from" line, which is the command's. */
  readonly stderr: string;
  readonly json: string;
}

function judge(text: string, source: string, overrides: readonly string[] = []): Verdict {
  try {
    const { libxl, warnings } = parseDomainConfig({ text, source, overrides, uuid: new Uint8Array(16) });
    return { status: 0, stderr: lines(warnings), json: `${domainConfigJson(libxl)}\n` };
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    return { status: error.exitCode, stderr: lines(error.lines), json: "" };
  }
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

/** Uuids and MACs that a config does not give are chance. */
const masked = (json: string): string =>
  json
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID")
    .replace(/"00:16:3e(:[0-9a-f]{2}){3}"/g, '"MAC"');

const withoutReturns = (text: string): string => text.replaceAll("\r", "");

const withoutParsing = (stderr: string): string => stderr.replace(/^Parsing config from .*\n/, "");

/** Keys without a reader yet: pci= here. */
const NOT_READ_YET = new Set(["err/bad-pci-n.txt"]);

describe.skipIf(!goldenExists)(`dry runs of the real xl (${noGolden})`, () => {
  it.each(transcriptsIn("err").filter((path) => path.endsWith("-n.txt") && !NOT_READ_YET.has(path)))(
    "%s",
    (path) => {
      const { config, stdout, stderr, status } = readTranscript(path);
      const source = /^Parsing config from (.*)$/m.exec(stderr)?.[1] ?? "";
      // The transcript lost the config's carriage returns.
      const text = path.includes("crlf") ? (config ?? "").replaceAll("\n", "\r\n") : (config ?? "");
      const verdict = judge(text, source);
      expect({ ...verdict, stderr: withoutReturns(verdict.stderr), json: masked(verdict.json) }).toEqual({
        status,
        stderr: withoutReturns(withoutParsing(stderr)),
        json: masked(stdout),
      });
    },
  );

  it.each([
    ["create/n-pv.txt", "pv.cfg", []],
    ["create/n-pvh.txt", "pvh.cfg", []],
    ["create/n-tiny.txt", "tiny.cfg", []],
    ["create/n-vfb.txt", "vfb.cfg", []],
    ["create/n-override.txt", "tiny.cfg", ["memory=99", 'name="over"', "vcpus=2"]],
    ["create/n-override-bad.txt", "tiny.cfg", ["name=over"]],
    ["create/n-defconfig-option.txt", "tiny.cfg", ["memory=70"]],
  ])("%s", (path, config, overrides) => {
    const { stdout, stderr, status } = readTranscript(path);
    const verdict = judge(readFileSync(configPath(config), "utf8"), `/guests/${config}`, overrides);
    expect({ ...verdict, json: masked(verdict.json) }).toEqual({
      status,
      stderr: withoutParsing(stderr),
      json: masked(stdout),
    });
  });
});

const corpus = resolve("../shared/corpus");
const hasCorpus = existsSync(corpus);

describe.skipIf(!hasCorpus)("configs written by others (../shared/corpus)", () => {
  const names = hasCorpus ? readdirSync(join(corpus, "configs")) : [];
  const read = (folder: string, name: string): string => readFileSync(join(corpus, folder, name), "utf8");

  it.each(names)("%s: xl's words and status", (name) => {
    const { status, stderr } = judge(read("configs", name), name);
    expect({ status, stderr }).toEqual({
      status: Number(read("verdicts", `${name}.rc`)),
      stderr: withoutParsing(read("verdicts", `${name}.stderr`)),
    });
  });

  it("the JSON is xl's wherever every key has its reader", () => {
    const same = names.filter((name) => {
      const verdict = join(corpus, "verdicts", `${name}.json`);
      const json = existsSync(verdict) ? readFileSync(verdict, "utf8") : "";
      return masked(judge(read("configs", name), name).json) === masked(json);
    });
    // HVM keys, pinning, PCI, USB, channels and the like are not read yet; this number only grows.
    expect(same.length).toBeGreaterThanOrEqual(76);
  });
});
