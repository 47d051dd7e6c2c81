/** xl claims: memory that is promised to domains and not theirs yet. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { domainTable } from "../format/domain-list.ts";
import { out } from "../output.ts";

export const claims = defineCommand({
  name: "claims",
  usage: "",
  summary: "List outstanding claim information about all domains",
  options: [],
  optionsText: "",
  required: 0,
  modifies: false,
  canDryRun: false,
  run: () =>
    withHost(async (host) => {
      const columns = { verbose: false, context: false, cpupool: false, numa: false, claim: true };
      out(domainTable(await host.call("list", {}), columns));
      return 0;
    }),
});
