/** xl cd-insert: another medium in a guest's CD drive. */
import { existsSync } from "node:fs";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";

export const cdInsert = defineCommand({
  name: "cd-insert",
  usage: "<Domain> <VirtualDevice> <path>",
  summary: "Insert a cdrom into a guest's cd drive.",
  options: [],
  required: 3,
  modifies: true,
  canDryRun: true,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", , path = ""] = args.operands;
      const domid = await findDomain(host, domain);
      if (!existsSync(path)) throw new XlError(1, [`Cannot stat file: ${path}`]);
      await host.call("cdChange", { domid });
      return 0;
    }),
});
