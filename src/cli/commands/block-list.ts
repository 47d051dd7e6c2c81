/** xl block-list: a domain's disks. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomainOrSay } from "../find-domain.ts";
import { out, warn } from "../output.ts";

const WIDTHS = [5, 3, 6, 5, 6, 8, 30];
const line = (cells: readonly (string | number)[]): string =>
  `${cells.map((cell, i) => String(cell).padEnd(WIDTHS[i] ?? 0)).join(" ")}\n`;

export const blockList = defineCommand({
  name: "block-list",
  usage: "<Domain(s)>",
  summary: "List virtual block devices for a domain.",
  options: [],
  required: 1,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      out(line(["Vdev", "BE", "handle", "state", "evt-ch", "ring-ref", "BE-path"]));
      for (const domain of args.operands) {
        try {
          const domid = await findDomainOrSay(host, domain);
          for (const row of await host.call("blockList", { domid }))
            out(
              line([row.devid, row.backendDomid, row.domid, row.state, row.evtchn, row.ringRef, row.backend]),
            );
        } catch (error) {
          if (!(error instanceof XlError)) throw error;
          for (const text of error.lines) warn(text); // and goes on with the next
        }
      }
      return 0;
    }),
});
