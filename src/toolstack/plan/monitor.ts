/**
 * What `xl create` leaves running: the daemon that waits for the domain to end and does what on_poweroff, on_reboot,
 * on_crash… say. Its lines go to log/xl-NAME.log, in xl's words.
 */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import type { Domid } from "../../abi/types.ts";
import { absurd } from "../../lib/absurd.ts";
import type { DomainConfig, ShutdownAction } from "../config/domain-config.ts";
import { type Dom0, wallSeconds } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { domidOf, vmPathOf } from "../names.ts";
import type { RecentDomids } from "../recent-domids.ts";
import { utcMinute } from "../utc.ts";
import { uuidText } from "../uuid.ts";
import { type Plan, type Signal, signalled, sleep, watching } from "../wait.ts";
import { type CreateWish, createDomain } from "./create.ts";
import { destroyDomain } from "./destroy.ts";

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
type Next = "restart" | "end";

/** Runs as long as the domain and its successors do. */
export function* monitorDomain(monitor: Monitor, first: Domid): Plan<void> {
  const { dom0, recent, wish, log } = monitor;
  for (let domid = first; ; ) {
    log(`Waiting for domain ${wish.config.name} (domid ${domid}) to die [pid ${monitor.pid}]`);
    const end = yield* watching(dom0.xs, "@releaseDomain", (signal) => awaitEnd(dom0, domid, signal));
    monitor.ended?.(domid);
    if (end.how === "destroyed") {
      log(`Domain ${domid} has been destroyed.`);
      return;
    }
    log(`Domain ${domid} has shut down, reason code ${end.reason} 0x${end.reason.toString(16)}`);
    if ((yield* afterShutdown(monitor, domid, end.reason)) === "end") {
      return;
    }
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
  const action = afterDump(said, () => coreDump(log, domid, wish.config.name));
  switch (action) {
    case "preserve":
      log("Done. Exiting now");
      return "end";
    case "destroy":
    case "restart":
      log(`Domain ${domid} needs to be cleaned up: destroying the domain`);
      yield* destroyDomain(dom0, recent, domid, "quietly");
      if (action === "restart") return "restart";
      log("Done. Exiting now");
      return "end";
    case "rename-restart":
      return preserve(monitor, domid) ? "restart" : "end";
    case "soft-reset":
      // libxl 4.17 cannot either for a PV guest: the attempt ends with the domain destroyed.
      log("Done. Rebooting now");
      yield* sleep(dom0.clock, RESTART_PAUSE_NANOS);
      log("xlab: a PV guest cannot be soft-reset: the domain is destroyed");
      yield* destroyDomain(dom0, recent, domid, "quietly");
      return "end";
    default:
      return absurd(action);
  }
}

type PlainAction = Exclude<ShutdownAction, "coredump-destroy" | "coredump-restart">;

function afterDump(action: ShutdownAction, dump: () => void): PlainAction {
  if (action !== "coredump-destroy" && action !== "coredump-restart") return action;
  dump();
  return action === "coredump-destroy" ? "destroy" : "restart";
}

/** xl goes on when the dump fails; here it always does. */
function coreDump(log: (line: string) => void, domid: Domid, name: string): void {
  const file = `/var/lib/xen/dump/${name}`;
  log(`dumping core to ${file}`);
  log(
    libxlError(
      "libxl_domain.c:603:libxl_domain_core_dump",
      domid,
      `Core dumping domain to ${file}: Function not implemented`,
    ),
  );
  log("core dump failed (rc=-3).");
  log("xlab: core dumps are not modelled yet; xl dmesg has the registers of a crash");
}

/** Keeps the dead domain under another name and a uuid of its own. False: that name is taken too. */
function preserve({ dom0, wish, log }: Monitor, domid: Domid): boolean {
  const { name } = wish.config;
  const suffix = `-${utcMinute(wallSeconds(dom0))}`;
  log(`Preserving domain ${domid} ${name} with suffix${suffix}`);
  const kept = name + suffix;
  if (domidOf(dom0, kept) !== undefined) {
    const text = `Domain with name "${kept}" already exists.`;
    log(libxlError("libxl_domain.c:81:libxl__domain_rename", domid, text));
    return false;
  }
  const old = vmPathOf(dom0, domid);
  const uuid = uuidText(dom0.newUuid());
  dom0.xs.transaction((tx) => {
    tx.write(`/local/domain/${domid}/name`, kept);
    tx.write(`/vm/${uuid}/uuid`, uuid);
    tx.write(`/local/domain/${domid}/vm`, `/vm/${uuid}`);
    if (old?.startsWith("/vm/")) tx.remove(old);
  });
  return true;
}
