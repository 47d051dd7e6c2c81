/** xl block-attach: another disk for a guest that runs. */
import { toJson } from "../../toolstack/config/json.ts";
import { diskOf } from "../../toolstack/config/keys/devices.ts";
import { diskType } from "../../toolstack/config/libxl-types.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomainOrSay } from "../find-domain.ts";
import { out } from "../output.ts";

export const blockAttach = defineCommand({
  name: "block-attach",
  usage: "<Domain> <disk-spec-component(s)>...",
  summary: "Create a new virtual block device.",
  options: [],
  required: 2,
  modifies: true,
  canDryRun: true,
  run: ({ args, global }) =>
    withHost(async (host) => {
      const [domain = "", ...components] = args.operands;
      const domid = await findDomainOrSay(host, domain);
      // Each is read as a specification of its own, of the same disk.
      const specification = components.join(",");
      const disk = diskOf(specification, "command line");
      if (global.dryRun) {
        out(`disk: ${toJson(diskType, disk)}\n`);
        return 0;
      }
      await host.call("blockAttach", { domid, specification, directory: process.cwd() });
      return 0;
    }),
});
