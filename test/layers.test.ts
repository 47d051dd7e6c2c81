/**
 * Who may import whom (docs/architecture.md draws it). Reads every module with dependency-cruiser, type-only imports too.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { afterAll, describe, expect, it } from "vitest";

/** A room knows itself and what is listed; a folder in it, what is listed for the folder too. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  lib: [],
  abi: ["lib"],
  cpu: ["lib"],
  image: ["lib"],
  protocol: ["lib"],
  xen: ["lib", "abi", "cpu"],
  xenstore: ["lib", "abi"],
  dm: ["lib", "abi"],
  dombuild: ["lib", "abi", "image"],
  devices: ["lib", "abi", "xenstore"],
  guests: ["lib", "abi", "xenstore/client", "devices", "dm", "image", "dombuild"],
  toolstack: ["lib", "abi", "xenstore", "devices", "dm", "image", "dombuild"],
  cli: ["lib", "protocol", "toolstack/config", "toolstack/error", "toolstack/lines", "image", "host/connect"],
  // They speak with xenstored as any program in dom0 does: its wire, not the host's protocol.
  "cli/xenstore": ["abi/io/xs-wire", "xenstore/wire", "xenstore/octets", "xenstore/outcome"],
  // What the builder would say of a kernel.
  "cli/inspect": ["dombuild", "toolstack/bootloader"],
  // The same program as the toolstack runs, in a terminal.
  "cli/pygrub": ["toolstack/bootloader"],
  host: ["*"],
};

/** Rooms that are the model: no clock, chance, promise or `node:` module of the outside. */
const MODEL = [
  "lib",
  "abi",
  "cpu",
  "xen",
  "xenstore",
  "dm",
  "image",
  "dombuild",
  "devices",
  "guests",
  "toolstack",
];
/** Built by tools, not part of the model. */
const TOOLS = ["src/guests/hello/build.ts"];
const CLI_ONLY = ["chalk", "ink", "commander", "yaml", "react"];

const room = (path: string): string => path.split("/")[1] ?? "";

interface Trespass {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

async function graph(root: string): Promise<ICruiseResult> {
  const result = await cruise(
    [join(root, "src")],
    {
      tsPreCompilationDeps: true,
      exclude: { path: "src/cpu/core/.*" },
      doNotFollow: { path: "node_modules" },
      ruleSet: {},
    },
    { conditionNames: ["import", "types"], extensions: [".ts", ".tsx", ".js"] },
  );
  return result.output as ICruiseResult;
}

function trespasses(found: ICruiseResult, root: string): Trespass[] {
  const out: Trespass[] = [];
  for (const module of found.modules) {
    const from = relative(root, module.source);
    if (!from.startsWith("src/")) continue;
    const home = room(from);
    if (MAY_IMPORT[home] === undefined) {
      out.push({ from, to: "", why: `no row for the room ${home}` });
      continue;
    }
    const allowed = Object.entries(MAY_IMPORT).flatMap(([key, may]) =>
      from.startsWith(`src/${key}/`) ? may : [],
    );
    for (const dependency of module.dependencies) {
      const target = relative(root, dependency.resolved);
      if (dependency.coreModule || dependency.module.startsWith("node:")) {
        if (MODEL.includes(home) && !TOOLS.includes(from))
          out.push({ from, to: dependency.module, why: "the model has no outside" });
        continue;
      }
      if (CLI_ONLY.includes(dependency.module.split("/")[0] ?? "") && home !== "cli") {
        out.push({ from, to: dependency.module, why: "belongs to cli/" });
        continue;
      }
      if (!target.startsWith("src/") || room(target) === home) continue;
      const ok = allowed.some(
        (path) => path === "*" || target.startsWith(`src/${path}/`) || target === `src/${path}.ts`,
      );
      if (!ok) out.push({ from, to: target, why: `${home} may not know ${room(target)}` });
    }
  }
  return out;
}

describe("layers", () => {
  const scratch = mkdtempSync(join(process.cwd(), "build-layers-"));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it("every module keeps to its room's list", { timeout: 120_000 }, async () => {
    const found = await graph(process.cwd());
    expect(found.modules.filter((module) => module.source.startsWith("src/")).length).toBeGreaterThan(60);
    expect(trespasses(found, process.cwd())).toEqual([]);
  });

  it("a planted trespass is caught, type-only imports too", { timeout: 120_000 }, async () => {
    mkdirSync(join(scratch, "src/devices"), { recursive: true });
    mkdirSync(join(scratch, "src/xen"), { recursive: true });
    writeFileSync(join(scratch, "src/xen/machine.ts"), "export interface Machine { a: number }\n");
    writeFileSync(
      join(scratch, "src/devices/x.ts"),
      'import type { Machine } from "../xen/machine.ts";\nimport { readFileSync } from "node:fs";\nexport const x: Machine = { a: readFileSync("x").length };\n',
    );
    const found = await graph(scratch);
    const planted = trespasses(found, relative(process.cwd(), scratch));
    expect(planted.map((trespass) => trespass.why).sort()).toEqual([
      "devices may not know xen",
      "the model has no outside",
    ]);
  });

  it("the model reads no clock, chance or promise", async () => {
    const forbidden =
      /\b(Date\.now|new Date\(|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.|new Promise|async )/;
    const offenders: string[] = [];
    for (const home of MODEL.filter((name) => existsSync(join("src", name)))) {
      for (const entry of readdirSync(join("src", home), { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (
          !entry.isFile() ||
          !/\.tsx?$/.test(path) ||
          path.startsWith("src/cpu/core/") ||
          TOOLS.includes(path)
        )
          continue;
        const text = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
        const match = forbidden.exec(text);
        if (match) offenders.push(`${path}: ${match[1]}`);
      }
    }
    expect(offenders).toEqual([]);
  });
});
