/** xl reboot: asks a guest to reboot, and waits until it has said yes. */
import { shutdownCommand } from "../shutdown-or-reboot.ts";

export const reboot = shutdownCommand({
  name: "reboot",
  what: "reboot",
  doing: "Rebooting",
  summary: "Issue a reboot signal to a domain",
  all: "Every guest, one after the other.",
  fallback: "Press the ACPI reset button of an HVM guest\nwithout PV drivers.",
  wait: "Wait until it has shut down to reboot.",
});
