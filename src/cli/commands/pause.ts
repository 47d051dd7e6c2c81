/** xl pause: stops a domain's vCPUs. Pauses nest. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { forgive } from "../forgive.ts";

export const pause = defineCommand({
  name: "pause",
  usage: "<Domain>",
  summary: "Pause execution of a domain",
  options: [],
  required: 1,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const domid = await findDomain(host, args.operands[0] ?? "");
      await forgive(host.call("pause", { domid }));
      return 0;
    }),
});
