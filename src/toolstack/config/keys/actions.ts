/** What becomes of the domain when it ends: the on_* keys. */
import type { ActionOnShutdown } from "../libxl-types.ts";
import { type KeyContext, refuse } from "./context.ts";

/** xl.cfg's names, and libxl's. */
const ACTIONS: ReadonlyMap<string, ActionOnShutdown> = new Map([
  ["destroy", "destroy"],
  ["restart", "restart"],
  ["rename-restart", "restart_rename"],
  ["preserve", "preserve"],
  ["coredump-destroy", "coredump_destroy"],
  ["coredump-restart", "coredump_restart"],
  ["soft-reset", "soft_reset"],
]);

export function readActions({ settings, config }: KeyContext): void {
  const action = (key: string, otherwise: ActionOnShutdown): ActionOnShutdown => {
    const given = settings.string(key);
    if (given === undefined) return otherwise;
    return ACTIONS.get(given) ?? refuse(`Unknown ${key} action "${given}" specified`);
  };
  config.on_poweroff = action("on_poweroff", "destroy");
  config.on_reboot = action("on_reboot", "restart");
  config.on_watchdog = action("on_watchdog", "destroy");
  config.on_crash = action("on_crash", "destroy");
  config.on_soft_reset = action("on_soft_reset", "soft_reset");
}
