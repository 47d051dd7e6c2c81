/** xl dump-core: a domain's memory and registers as a file. */
import { resolve } from "node:path";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";

export const dumpCore = defineCommand({
  name: "dump-core",
  usage: "<Domain> <filename>",
  summary: "Core dump a domain",
  options: [],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", said = ""] = args.operands;
      const domid = await findDomain(host, domain);
      await host.call("dumpCore", { domid, path: resolve(said), said });
      return 0;
    }),
});
