/** xl sysrq: a magic SysRq letter for the guest's kernel. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { forgive } from "../forgive.ts";
import { warn } from "../output.ts";

export const sysrq = defineCommand({
  name: "sysrq",
  usage: "<Domain> <letter>",
  summary: "Send a sysrq to a domain",
  options: [],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args, printHelp }) =>
    withHost(async (host) => {
      const [domain = "", letter = ""] = args.operands;
      const domid = await findDomain(host, domain);
      if (Buffer.byteLength(letter) > 1) {
        warn("Invalid sysrq.\n");
        await printHelp();
        return 1;
      }
      await forgive(host.call("sysrq", { domid, letter }));
      return 0;
    }),
});
