/** `xl create -F`: what xl's monitor writes into its log, on stderr, until the domain is gone. */
import type { DomainConfig } from "../toolstack/config/domain-config.ts";
import type { HostClient } from "./connection.ts";
import {
  SHUTDOWN_CRASH,
  SHUTDOWN_POWEROFF,
  SHUTDOWN_REBOOT,
  SHUTDOWN_SUSPEND,
  SHUTDOWN_WATCHDOG,
} from "./obituary.ts";
import { warn } from "./output.ts";

export async function watchInForeground(
  host: HostClient,
  domid: number,
  config: DomainConfig,
): Promise<number> {
  warn(`Waiting for domain ${config.name} (domid ${domid}) to die [pid ${process.pid}]`);
  const end = await host.call("waitForEnd", { domid });
  if (end.how === "destroyed") {
    warn(`Domain ${domid} has been destroyed.`);
    return 0;
  }
  const { reason } = end;
  warn(`Domain ${domid} has shut down, reason code ${reason} 0x${reason.toString(16)}`);
  if (reason === SHUTDOWN_SUSPEND) {
    warn("Domain has suspended.");
    return 0;
  }
  const action = actionFor(config, reason);
  if (action === undefined) {
    warn(`Unknown shutdown reason code ${reason}. Destroying domain.`);
  } else {
    warn(`Action for shutdown reason code ${reason} is ${action}`);
    if (action === "preserve") return 0;
  }
  warn(`Domain ${domid} needs to be cleaned up: destroying the domain`);
  warn(action?.endsWith("restart") ? "Done. Rebooting now" : "Done. Exiting now");
  return 0;
}

function actionFor({ on }: DomainConfig, reason: number): string | undefined {
  switch (reason) {
    case SHUTDOWN_POWEROFF:
      return on.poweroff;
    case SHUTDOWN_REBOOT:
      return on.reboot;
    case SHUTDOWN_CRASH:
      return on.crash;
    case SHUTDOWN_WATCHDOG:
      return on.watchdog;
    default:
      return undefined;
  }
}
