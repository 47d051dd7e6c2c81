/** xlab inspect: what a kernel file is, and what it can be booted as. Needs no machine. */
import { readFileSync, statSync } from "node:fs";
import { type Fitness, inspectKernel, type KernelReport, suggestConfig } from "../inspect/kernel.ts";
import { out, warn } from "../output.ts";
import { hint } from "../report.ts";
import { strerror } from "../strerror.ts";
import type { XlabCommand } from "./command.ts";

const UNFIT = 1;
const USAGE = 2;
/** No kernel is larger: as the host has it. */
const LARGEST = 1 << 30;

export const inspect: XlabCommand = {
  name: "inspect",
  usage: "KERNEL [--format json]",
  summary: "Say what a kernel file is and which guests it can be",
  options: [{ long: "format", value: "json" }],
  help: `Packing, version, Xen notes, the guest types that can be made of it, and a config to start from.

--format json    The same for programs.

Exit status:
   0  a PV guest can be made of it
   1  none can, and the output says why
   2  wrong usage, or the file cannot be read
`,
  async run(args) {
    const [path, ...others] = args.operands;
    const format = args.value("format");
    if (path === undefined || others.length > 0 || (format !== undefined && format !== "json")) {
      warn("Usage: xlab inspect KERNEL [--format json]");
      return USAGE;
    }
    const file = read(path);
    if (typeof file === "string") {
      await hint(`${path}: ${file}`);
      return USAGE;
    }
    const report = inspectKernel(file);
    const config = suggestConfig(path, report);
    out(
      format === "json"
        ? `${JSON.stringify({ file: path, ...report, config }, null, 4)}\n`
        : text(path, report, config),
    );
    return report.pv.boots ? 0 : UNFIT;
  },
};

/** A string: why it cannot be read. */
function read(path: string): Uint8Array | string {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return "not a plain file";
    if (stat.size > LARGEST) return "File too large";
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    return strerror(error);
  }
}

const WIDTH = 12;

function text(path: string, report: KernelReport, config: readonly string[] | undefined): string {
  const { bits, bytes, entry, format, leastMib, notes, notesFrom, pv, pvh, unpackedBytes, version } = report;
  const size = unpackedBytes === undefined || unpackedBytes === bytes ? "" : `, ${unpackedBytes} unpacked`;
  const rows: [string, string | undefined][] = [
    ["file", path],
    ["format", `${format ?? "unknown"}${bits === undefined ? "" : `, ${bits}-bit`}`],
    ["bytes", `${bytes}${size}`],
    ["version", version],
    ["entry", entry],
    ["notes", notesFrom],
    ...notes.map((line): [string, string] => ["", line]),
    ["PV", fitness(pv)],
    ["PVH", fitness(pvh)],
    ["memory", leastMib === undefined ? undefined : `${leastMib} MiB at least, before a ramdisk`],
  ];
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(WIDTH)}${name === "" ? "  " : ": "}${value}\n`],
  );
  const suggested = config === undefined ? "" : `\n# a config to start from\n${config.join("\n")}\n`;
  return shown.join("") + suggested;
}

const fitness = (found: Fitness): string => (found.boots ? "boots" : `no: ${found.why}`);
