/** xl unpause: takes back one pause. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { forgive } from "../forgive.ts";

export const unpause = defineCommand({
  name: "unpause",
  usage: "<Domain>",
  summary: "Unpause a paused domain",
  options: [],
  required: 1,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const domid = await findDomain(host, args.operands[0] ?? "");
      await forgive(host.call("unpause", { domid }));
      return 0;
    }),
});
