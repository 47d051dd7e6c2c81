/** The lines of `xl info`: names, order and layout are xl's, values the model's. */
import type { ReportedPhysInfo, ReportedVersion } from "../../protocol/messages.ts";

/** dom0's uname. */
export interface Uname {
  readonly host: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
}

const PAGES_PER_MIB = 256;

const line = (name: string, value: string | number): string => `${name.padEnd(23)}: ${value}\n`;

export function infoText(
  uname: Uname,
  physinfo: ReportedPhysInfo,
  version: ReportedVersion,
  numa: boolean,
): string {
  return [
    line("host", uname.host),
    line("release", uname.release),
    line("version", uname.version),
    line("machine", uname.machine),
    physicalLines(physinfo),
    numa ? numaLines(physinfo) : "",
    versionLines(version),
    line("xend_config_format", 4),
  ].join("");
}

function physicalLines(physinfo: ReportedPhysInfo): string {
  const mhz = Math.floor(physinfo.cpuKhz / 1000);
  const khz = String(physinfo.cpuKhz % 1000).padStart(3, "0");
  const free = physinfo.freePages - physinfo.outstandingPages;
  return [
    line("nr_cpus", physinfo.nrCpus),
    line("max_cpu_id", physinfo.nrCpus - 1),
    line("nr_nodes", physinfo.nrNodes),
    line("cores_per_socket", physinfo.coresPerSocket),
    line("threads_per_core", physinfo.threadsPerCore),
    line("cpu_mhz", `${mhz}.${khz}`),
    line("hw_caps", hwCaps(physinfo.hwCap)),
    line("virt_caps", physinfo.virtCaps.join(" ")),
    line("total_memory", toMib(physinfo.totalPages)),
    line("free_memory", toMib(free)),
    line("sharing_freed_memory", 0),
    line("sharing_used_memory", 0),
    line("outstanding_claims", toMib(physinfo.outstandingPages)),
    line("free_cpus", 0),
  ].join("");
}

const toMib = (pages: number): number => Math.floor(pages / PAGES_PER_MIB);

/** Always eight words. */
const hwCaps = (words: readonly number[]): string =>
  Array.from({ length: 8 }, (_, i) => ((words[i] ?? 0) >>> 0).toString(16).padStart(8, "0")).join(":");

/** One node has everything. */
function numaLines(physinfo: ReportedPhysInfo): string {
  const column = (value: number | string, width: number): string => String(value).padStart(width);
  const cpus = Array.from({ length: physinfo.nrCpus }, (_, cpu) => {
    const core = Math.floor(cpu / physinfo.threadsPerCore) % physinfo.coresPerSocket;
    const socket = Math.floor(cpu / (physinfo.threadsPerCore * physinfo.coresPerSocket));
    return `${column(cpu, 3)}:    ${column(core, 4)}     ${column(socket, 4)}     ${column(0, 4)}\n`;
  });
  const memory = `${column(toMib(physinfo.totalPages), 6)}     ${column(toMib(physinfo.freePages), 6)}`;
  return [
    "cpu_topology           :\n",
    "cpu:    core    socket     node\n",
    ...cpus,
    "device topology        :\n",
    "device           node\n",
    "No device topology data available\n",
    "numa_info              :\n",
    "node:    memsize    memfree    distances\n",
    `${column(0, 4)}:    ${memory}      10\n`,
  ].join("");
}

function versionLines(version: ReportedVersion): string {
  return [
    line("xen_major", version.major),
    line("xen_minor", version.minor),
    line("xen_extra", version.extra),
    line("xen_version", `${version.major}.${version.minor}${version.extra}`),
    line("xen_caps", version.capabilities),
    line("xen_scheduler", version.scheduler),
    line("xen_pagesize", version.pagesize),
    line("platform_params", `virt_start=${version.virtStart}`),
    line("xen_changeset", version.changeset),
    line("xen_commandline", version.commandline),
    line("cc_compiler", version.compiler),
    line("cc_compile_by", version.compileBy),
    line("cc_compile_domain", version.compileDomain),
    line("cc_compile_date", version.compileDate),
    line("build_id", version.buildId),
  ].join("");
}

/** `xl info NAME`: the values of the lines that begin with NAME. */
export function selectInfo(text: string, name: string): string {
  return text
    .split("\n")
    .filter((candidate) => candidate !== "" && candidate.startsWith(name))
    .map((chosen) => `${chosen.slice(chosen.indexOf(": ") + 2)}\n`)
    .join("");
}
