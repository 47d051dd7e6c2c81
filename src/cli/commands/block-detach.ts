/** xl block-detach: takes a disk away from a guest that runs. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";

export const blockDetach = defineCommand({
  name: "block-detach",
  usage: "[option] <Domain> <DevId>",
  summary: "Destroy a domain's virtual block device.",
  options: [{ short: "f", long: "force", help: "do not wait for the domain to release the device" }],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", vdev = ""] = args.operands;
      const domid = await findDomain(host, domain);
      await host.call("blockDetach", { domid, vdev, force: args.has("force") });
      return 0;
    }),
});
