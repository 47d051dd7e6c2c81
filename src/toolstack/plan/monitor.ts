/**
 * What `xl create` leaves running: the daemon that waits for the domain to end and does what on_poweroff, on_reboot,
 * on_crash… say. Its lines go to log/xl-NAME.log, in xl's words.
 */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import type { Domid } from "../../abi/types.ts";
import { absurd, bug } from "../../lib/absurd.ts";
import type { DomainConfig, ShutdownAction } from "../config/domain-config.ts";
import { parseDomainConfig } from "../config/parse.ts";
import { type Dom0, wallSeconds } from "../dom0.ts";
import { XlError } from "../error.ts";
import type { RecentDomids } from "../recent-domids.ts";
import { utcMinute } from "../utc.ts";
import { uuidText } from "../uuid.ts";
import { type Plan, type Signal, signalled, sleep, watching } from "../wait.ts";
import { type CreateWish, createDomain } from "./create.ts";
import { destroyDomain } from "./destroy.ts";
import { dumpCore } from "./dump-core.ts";
import { nameTakenLine, preserveAs } from "./rename.ts";
import { configNow } from "./stored-config.ts";

export interface Monitor {
  readonly dom0: Dom0;
  readonly recent: RecentDomids;
  readonly wish: CreateWish;
  readonly log: (line: string) => void;
  /** What `[pid N]` says. */
  readonly pid: number;
  /** A domain has ended; it can still be looked at unless it was destroyed. */
  readonly ended?: (domid: Domid) => void;
}

/** xl waits this long before it starts a domain again. */
const RESTART_PAUSE_NANOS = 2e9;

type End = { readonly how: "shutdown"; readonly reason: number } | { readonly how: "destroyed" };
/** What the next life is made from, where it differs; or there is none. */
type Next = Pick<CreateWish, "config"> | "end";

/** Runs as long as the domain and its successors do. */
export function* monitorDomain(monitor: Monitor, first: Domid): Plan<void> {
  const { dom0, recent, log } = monitor;
  let { wish } = monitor;
  for (let domid = first; ; ) {
    log(`Waiting for domain ${wish.config.name} (domid ${domid}) to die [pid ${monitor.pid}]`);
    const end = yield* watching(dom0.xs, "@releaseDomain", (signal) => awaitEnd(dom0, domid, signal));
    monitor.ended?.(domid);
    if (end.how === "destroyed") {
      log(`Domain ${domid} has been destroyed.`);
      return;
    }
    log(`Domain ${domid} has shut down, reason code ${end.reason} 0x${end.reason.toString(16)}`);
    const next = yield* afterShutdown({ ...monitor, wish }, domid, end.reason);
    if (next === "end") return;
    wish = { ...wish, ...next };
    log("Done. Rebooting now");
    yield* sleep(dom0.clock, RESTART_PAUSE_NANOS);
    try {
      domid = yield* createDomain(dom0, recent, { ...wish, paused: false });
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      for (const line of error.lines) log(line);
      if (error.hint !== undefined) log(`xlab: ${error.hint}`);
      return;
    }
  }
}

function* awaitEnd({ gate }: Dom0, domid: Domid, signal: Signal): Plan<End> {
  for (;;) {
    const info = gate.domctl.getInfo(domid);
    if (!info.ok || info.value.dying) return { how: "destroyed" };
    if (info.value.shutdown) return { how: "shutdown", reason: info.value.shutdownCode };
    yield* signalled(signal);
  }
}

function actionFor(config: DomainConfig, reason: number): ShutdownAction | undefined {
  switch (reason) {
    case SHUTDOWN.poweroff:
      return config.on.poweroff;
    case SHUTDOWN.reboot:
      return config.on.reboot;
    case SHUTDOWN.crash:
      return config.on.crash;
    case SHUTDOWN.watchdog:
      return config.on.watchdog;
    case SHUTDOWN.soft_reset:
      return config.on.softReset;
    default:
      return undefined;
  }
}

function* afterShutdown(monitor: Monitor, domid: Domid, reason: number): Plan<Next> {
  const { dom0, recent, wish, log } = monitor;
  if (reason === SHUTDOWN.suspend) {
    log("Domain has suspended.");
    log("Done. Exiting now");
    return "end";
  }
  const configured = actionFor(wish.config, reason);
  if (configured === undefined) {
    log(`Unknown shutdown reason code ${reason}. Destroying domain.`);
  }
  const said = configured ?? "destroy";
  log(`Action for shutdown reason code ${reason} is ${said}`);
  if (said === "coredump-destroy" || said === "coredump-restart") yield* coreDump(monitor, domid);
  const action = afterDump(said);
  const next = { config: reloaded(monitor, domid) };
  switch (action) {
    case "preserve":
      log("Done. Exiting now");
      return "end";
    case "destroy":
    case "restart":
      log(`Domain ${domid} needs to be cleaned up: destroying the domain`);
      yield* destroyDomain(dom0, recent, domid, "quietly");
      if (action === "restart") return next;
      log("Done. Exiting now");
      return "end";
    case "rename-restart":
      return preserve(monitor, domid, next.config.name) ? next : "end";
    case "soft-reset":
      // Xen has it for HVM only; libxl 4.17 ends the attempt for a PV guest with the domain destroyed.
      log("Done. Rebooting now");
      yield* sleep(dom0.clock, RESTART_PAUSE_NANOS);
      if (dom0.gate.domctl.softReset(domid).ok) return bug("soft reset of a PV domain");
      log("xlab: a PV guest cannot be soft-reset: the domain is destroyed");
      yield* destroyDomain(dom0, recent, domid, "quietly");
      return "end";
    default:
      return absurd(action);
  }
}

type PlainAction = Exclude<ShutdownAction, "coredump-destroy" | "coredump-restart">;

function afterDump(action: ShutdownAction): PlainAction {
  if (action === "coredump-destroy") return "destroy";
  return action === "coredump-restart" ? "restart" : action;
}

/** XEN_DUMP_DIR */
const DUMP_DIRECTORY = "/var/lib/xen/dump";

/** xl goes on whatever becomes of the dump. */
function* coreDump({ dom0, wish, log }: Monitor, domid: Domid): Plan<void> {
  const { name } = wish.config;
  const said = `${DUMP_DIRECTORY}/${name}`;
  log(`dumping core to ${said}`);
  const failed = yield* dumpCore(dom0, domid, { dump: name, said });
  if (failed === undefined) return;
  for (const line of failed.lines) log(line);
  log("core dump failed (rc=-3).");
  if (failed.hint !== undefined) log(`xlab: ${failed.hint}`);
}

/** What `xl config-update` left, or else the config with what has changed since: name, memory, vCPUs, scheduling. */
function reloaded({ dom0, wish, log }: Monitor, domid: Domid): DomainConfig {
  const updated = dom0.userdata.get(domid)?.updated;
  if (updated === undefined) return configNow(dom0, domid, wish.config) ?? wish.config;
  log('"xl" configuration found, using it');
  log("");
  return parseDomainConfig({ text: updated, source: "<updated>", overrides: [], uuid: wish.config.uuid })
    .config;
}

/** Keeps the dead domain under another name and a uuid of its own. False: that name is taken too. */
function preserve({ dom0, log }: Monitor, domid: Domid, name: string): boolean {
  const suffix = `-${utcMinute(wallSeconds(dom0))}`;
  log(`Preserving domain ${domid} ${name} with suffix${suffix}`);
  const taken = nameTakenLine(dom0, domid, name + suffix);
  if (taken !== undefined) {
    log(taken);
    return false;
  }
  preserveAs(dom0, domid, name + suffix, uuidText(dom0.newUuid()));
  return true;
}
