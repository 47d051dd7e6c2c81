/** xl cd-eject: no medium in a guest's CD drive. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";

export const cdEject = defineCommand({
  name: "cd-eject",
  usage: "<Domain> <VirtualDevice>",
  summary: "Eject a cdrom from a guest's cd drive.",
  options: [],
  required: 2,
  modifies: true,
  canDryRun: true,
  run: ({ args }) =>
    withHost(async (host) => {
      const domid = await findDomain(host, args.operands[0] ?? "");
      await host.call("cdChange", { domid });
      return 0;
    }),
});
