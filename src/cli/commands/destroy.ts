/** xl destroy: ends a domain at once, as pulling the plug does. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";

export const destroy = defineCommand({
  name: "destroy",
  usage: "[options] <Domain>\n",
  summary: "Terminate a domain immediately",
  options: [{ short: "f", help: "Destroy domain 0 too, where a toolstack elsewhere\ncould do without it." }],
  required: 1,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const domid = await findDomain(host, args.operands[0] ?? "");
      if (domid === 0 && !args.has("f")) {
        throw new XlError(1, [
          "Not destroying domain 0; use -f to force.",
          "This can only be done when using a disaggregated hardware domain and toolstack.",
          "",
        ]);
      }
      try {
        await host.call("destroy", { domid });
      } catch (error) {
        if (!(error instanceof XlError)) throw error;
        throw new XlError(1, [...error.lines, `destroy failed (rc=${rcOf(error)})`], error.hint);
      }
      return 0;
    }),
});

/** ERROR_DOMAIN_NOTFOUND where libxl says so, else ERROR_FAIL. */
const rcOf = (error: XlError): number =>
  error.lines.some((line) => line.endsWith("Non-existant domain")) ? -21 : -3;
