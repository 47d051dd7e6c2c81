/** xl shutdown: asks a guest to shut down, and waits until it has said yes. */
import { shutdownCommand } from "../shutdown-or-reboot.ts";

export const shutdown = shutdownCommand({
  name: "shutdown",
  what: "poweroff",
  doing: "Shutting down",
  summary: "Issue a shutdown signal to a domain",
  all: "Every guest, one after the other.",
  fallback: "Press the ACPI power button of an HVM guest\nwithout PV drivers.",
  wait: "Wait until it has shut down; twice: until it is gone.",
});
