/** xlab inspect: what a kernel file is, and what it can be booted as. Needs no machine. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import type { ImageReport } from "../inspect/image.ts";
import { type Fitness, inspectKernel, type KernelReport, suggestConfig } from "../inspect/kernel.ts";
import { out, warn } from "../output.ts";
import { hint } from "../report.ts";
import { strerror } from "../strerror.ts";
import type { XlabCommand } from "./command.ts";
import { formatOf, imageJson, imageText, readImage } from "./inspect-image.ts";
import type { OpenDiskImage } from "./local-host.ts";

const UNFIT = 1;
const USAGE = 2;
/** No kernel is larger: as the host has it. */
const LARGEST = 1 << 30;

export const inspect: XlabCommand = {
  name: "inspect",
  usage: "KERNEL|IMAGE [--format json]",
  summary: "Say what a kernel file or a disk image is and which guests it can be",
  options: [{ long: "format", value: "json" }],
  help: `Of a kernel: packing, version, Xen notes. Of a disk image (raw, qcow2, vhd): partitions, file systems, boot menus, kernels.
Of both the guest types that can be made of it, and a config to start from.

--format json    The same for programs.

Exit status:
   0  a PV guest can be made of it
   1  none can, and the output says why
   2  wrong usage, or the file cannot be read
`,
  async run(args, _openLocalHost, openDiskImage) {
    const [path, ...others] = args.operands;
    const format = args.value("format");
    if (path === undefined || others.length > 0 || (format !== undefined && format !== "json")) {
      warn("Usage: xlab inspect KERNEL|IMAGE [--format json]");
      return USAGE;
    }
    const asImage = await inspectAsImage(path, format === "json", openDiskImage);
    if (asImage !== undefined) return asImage;
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

/** The exit status; undefined: it is no disk image. */
async function inspectAsImage(
  path: string,
  json: boolean,
  openDiskImage: OpenDiskImage,
): Promise<number | undefined> {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const stat = fstatSync(file);
    if (!stat.isFile()) return undefined;
    const kind = formatOf(file, stat.size);
    if (kind.name === "raw" && isKernelFile(file)) return undefined;
    const report = await readImage(path, kind, openDiskImage);
    if (report === undefined && kind.name === "raw") return undefined;
    const shown = report ?? EMPTY;
    out(json ? imageJson(path, kind, shown) : imageText(path, kind, shown));
    return shown.guests.length > 0 ? 0 : UNFIT;
  } catch (error) {
    if (file === undefined) return undefined;
    await hint(`${path}: ${error instanceof Error && !("code" in error) ? error.message : strerror(error)}`);
    return USAGE;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const EMPTY: ImageReport = {
  table: { kind: "none", uuid: "", sectorSize: 512, notes: [] },
  volumes: [],
  menus: [],
  kernels: [],
  guests: [],
};

/** An ELF file, or Linux's boot sector, which looks like a disk's. */
function isKernelFile(file: number): boolean {
  const head = Buffer.alloc(0x206);
  readSync(file, head, 0, head.length, 0);
  return head.toString("latin1", 0, 4) === "\x7fELF" || head.toString("latin1", 0x202, 0x206) === "HdrS";
}

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
