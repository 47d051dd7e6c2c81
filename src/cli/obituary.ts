/** How a guest ended, in a line for people. */
import type { ReportedEnd } from "../protocol/messages.ts";

/** SHUTDOWN_* of public/sched.h. */
export const SHUTDOWN_POWEROFF = 0;
export const SHUTDOWN_REBOOT = 1;
export const SHUTDOWN_SUSPEND = 2;
export const SHUTDOWN_CRASH = 3;
export const SHUTDOWN_WATCHDOG = 4;

/** Undefined: it went as it should, and needs no words. */
export function obituary(name: string, end: ReportedEnd | undefined): string | undefined {
  if (end?.how !== "shutdown") return undefined;
  const why = end.lastWords === undefined ? "" : ` (${end.lastWords})`;
  switch (end.reason) {
    case SHUTDOWN_POWEROFF:
      return undefined;
    case SHUTDOWN_REBOOT:
      return `the guest ${name} asked for a reboot`;
    case SHUTDOWN_SUSPEND:
      return `the guest ${name} has suspended`;
    case SHUTDOWN_CRASH:
      return `the guest ${name} has crashed${why}; \`xl dmesg' shows its registers, code and stack`;
    case SHUTDOWN_WATCHDOG:
      return `the guest ${name} let its watchdog run out`;
    default:
      return `the guest ${name} has shut down, reason ${end.reason}`;
  }
}
