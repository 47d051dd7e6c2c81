/** xl rename: another name for a domain. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain, isDomid } from "../find-domain.ts";

export const rename = defineCommand({
  name: "rename",
  usage: "<Domain> <NewDomainName>",
  summary: "Rename a domain",
  options: [],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", newName = ""] = args.operands;
      const domid = await findDomain(host, domain);
      await host.call("rename", { domid, oldName: isDomid(domain) ? null : domain, newName });
      return 0;
    }),
});
