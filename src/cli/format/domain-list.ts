/** The table of `xl list`, to the byte. */
import type { ListedDomain } from "../../protocol/messages.ts";

export interface ListColumns {
  readonly verbose: boolean;
  readonly context: boolean;
  readonly cpupool: boolean;
  readonly numa: boolean;
  /** Promised and not allocated yet. */
  readonly claim?: boolean;
}

const PAGES_PER_MIB = 256;

/** The state's fifth letter, by shutdown reason: poweroff, reboot, suspend, crash, watchdog, soft reset. */
const REASONS = "-rscwS";

export function domainTable(domains: readonly ListedDomain[], columns: ListColumns): string {
  return [header(columns), ...domains.map((domain) => row(domain, columns))]
    .map((line) => `${line}\n`)
    .join("");
}

function header({ verbose, context, cpupool, numa, claim }: ListColumns): string {
  let line = "Name                                        ID   Mem VCPUs\tState\tTime(s)";
  if (verbose) line += "   UUID                            Reason-Code\tSecurity Label";
  else if (context) line += "   Security Label";
  if (claim === true) line += "  Claimed";
  if (cpupool) line += "         Cpupool";
  if (numa) line += " NODE Affinity";
  return line;
}

function row(domain: ListedDomain, { verbose, context, cpupool, numa, claim }: ListColumns): string {
  const mib = Math.floor((domain.totPages + domain.outstandingPages) / PAGES_PER_MIB);
  // xl keeps the seconds in a C float.
  const seconds = Math.fround(Math.fround(domain.cpuTime) / 1e9);
  let line = [
    (domain.name ?? "(null)").padEnd(40),
    String(domain.domid).padStart(5),
    String(mib).padStart(5),
    String(domain.onlineVcpus).padStart(5),
  ].join(" ");
  line += `     ${stateOf(domain)}  ${seconds.toFixed(1).padStart(8)}`;
  if (verbose) {
    line += ` ${uuidOf(domain.uuid)}`;
    line += ` ${(domain.shutdown ? domain.shutdownCode.toString(16) : "-").padStart(8)}`;
  }
  if (verbose || context) line += ` ${"-".padStart(16)}`;
  if (claim === true) {
    line += ` ${String(Math.floor(domain.outstandingPages / PAGES_PER_MIB)).padStart(5)}`;
  }
  if (cpupool) line += poolOf(domain.cpupool).padStart(16);
  if (numa) line += " all";
  return line;
}

/** running, blocked, paused, shutdown, why, dying. */
export function stateOf(domain: ListedDomain): string {
  const flag = (set: boolean, letter: string): string => (set ? letter : "-");
  return [
    flag(domain.running, "r"),
    flag(domain.blocked, "b"),
    flag(domain.paused, "p"),
    flag(domain.shutdown, "s"),
    domain.shutdown ? (REASONS[domain.shutdownCode] ?? "?") : "-",
    flag(domain.dying, "d"),
  ].join("");
}

/** 32 hexadecimal digits as a uuid is written. */
export function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** There is one pool so far, and it has the name that Xen gives it. */
const poolOf = (id: number): string => `Pool-${id}`;
