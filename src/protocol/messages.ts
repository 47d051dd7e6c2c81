/**
 * What a command says to a host and hears from it. One connection serves one command: a hello each way, then requests,
 * answered in order; `log` lines may come before an answer. After `console` has been answered, console frames flow.
 */
import type { BlockMethods } from "./block.ts";
import type { LifeMethods } from "./life.ts";
import type { SaveMethods } from "./save.ts";
import type { SchedulingMethods } from "./scheduling.ts";

/** Both sides must say the same: a host of another version is told from a broken one. */
export const PROTOCOL_VERSION = "xlab 1";

/** `xl list`'s row and more: DomainInfo with the uuid as hex, so that it is JSON. */
export interface ListedDomain {
  readonly domid: number;
  readonly name: string | undefined;
  readonly uuid: string;
  readonly type: "pv" | "pvh" | "hvm";
  readonly dying: boolean;
  readonly shutdown: boolean;
  readonly shutdownCode: number;
  readonly paused: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  readonly totPages: number;
  readonly outstandingPages: number;
  readonly maxPages: number;
  /** Nanoseconds of virtual CPU time. */
  readonly cpuTime: number;
  readonly onlineVcpus: number;
  readonly maxVcpuId: number;
  readonly ssidref: number;
  readonly cpupool: number;
}

export interface ListedVcpu {
  readonly vcpu: number;
  readonly online: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  readonly cpuTime: number;
  readonly cpu: number;
  readonly hardAffinity: readonly boolean[];
  readonly softAffinity: readonly boolean[];
}

export interface ReportedPhysInfo {
  readonly threadsPerCore: number;
  readonly coresPerSocket: number;
  readonly nrCpus: number;
  readonly nrNodes: number;
  readonly cpuKhz: number;
  readonly totalPages: number;
  readonly freePages: number;
  readonly scrubPages: number;
  readonly outstandingPages: number;
  readonly maxMfn: number;
  readonly hwCap: readonly number[];
  readonly virtCaps: readonly string[];
}

export interface ReportedVersion {
  readonly major: number;
  readonly minor: number;
  readonly extra: string;
  readonly compiler: string;
  readonly compileBy: string;
  readonly compileDomain: string;
  readonly compileDate: string;
  readonly capabilities: string;
  readonly changeset: string;
  /** Hexadecimal, with 0x. */
  readonly virtStart: string;
  readonly pagesize: number;
  readonly commandline: string;
  readonly buildId: string;
  readonly scheduler: string;
}

export interface ReportedStatus {
  readonly pid: number;
  readonly stateDirectory: string;
  /** For XENSTORED_PATH. */
  readonly xenstoreSocket: string;
  readonly clock: "real" | "warp";
  readonly virtualNanos: number;
  readonly lagNanos: number;
  readonly instructions: number;
  readonly domains: number;
  readonly slotsUsed: number;
  readonly slotsTotal: number;
}

export type ReportedEnd =
  | { readonly how: "shutdown"; readonly reason: number; readonly lastWords?: string }
  | { readonly how: "destroyed" };

export interface CreateParams {
  /** The config file's text, its name as given, and key=value settings of the command line. */
  readonly text: string;
  readonly source: string;
  readonly overrides: readonly string[];
  /** Absolute: paths in the config are resolved by it. */
  readonly cwd: string;
  readonly paused: boolean;
  /** Who does what on_poweroff and its like say: the host's monitor; the same, its log sent here too; nobody. */
  readonly monitor: MonitorWish;
  /** How often `-v` was given: with three, libxc's account of the build is sent. */
  readonly verbosity: number;
}

export const MONITOR_WISHES = ["background", "foreground", "none"] as const;
export type MonitorWish = (typeof MONITOR_WISHES)[number];

interface ByDomid {
  readonly domid: number;
}
type Nothing = Record<string, never>;

/** Every request: what it takes, what it answers. */
export interface Methods extends BlockMethods, LifeMethods, SaveMethods, SchedulingMethods {
  list: { params: Nothing; result: readonly ListedDomain[] };
  vcpus: { params: ByDomid; result: readonly ListedVcpu[] };
  domidOf: { params: { readonly name: string }; result: number | null };
  nameOf: { params: ByDomid; result: string | null };
  physinfo: { params: Nothing; result: ReportedPhysInfo };
  version: { params: Nothing; result: ReportedVersion };
  dmesg: { params: { readonly clear: boolean }; result: string };
  create: { params: CreateParams; result: { readonly domid: number; readonly name: string } };
  /** Answered when the monitor of this connection's last `create` (in the foreground) is done. */
  waitForMonitor: { params: Nothing; result: null };
  destroy: { params: ByDomid; result: null };
  pause: { params: ByDomid; result: null };
  unpause: { params: ByDomid; result: null };
  /** Attaches this connection to the console; false: there is none. `interactive`: a person types there. */
  console: { params: { readonly domid: number; readonly interactive: boolean }; result: boolean };
  waitForEnd: { params: ByDomid; result: ReportedEnd };
  status: { params: Nothing; result: ReportedStatus };
  stop: { params: Nothing; result: null };
}
export type Method = keyof Methods;

export type Reply =
  | { readonly id: number; readonly ok: unknown }
  /** The user's error: xl's words and status, and our line. */
  | {
      readonly id: number;
      readonly xl: { readonly exitCode: number; readonly lines: readonly string[]; readonly hint?: string };
    }
  /** Ours. */
  | { readonly id: number; readonly bug: string }
  | { readonly log: string }
  /** The domain that is being created has a boot loader on its console, which another connection may attach to. */
  | { readonly consoleReady: number }
  /** The console of this connection has ended; nothing follows on it. */
  | { readonly consoleEnd: true };
