/** xl domid: the id of a name. Digits are a name here, too. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { out } from "../output.ts";

export const domid = defineCommand({
  name: "domid",
  usage: "<DomainName>",
  summary: "Convert a domain name to domain id",
  options: [],
  required: 1,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const name = args.operands[0] ?? "";
      const found = await host.call("domidOf", { name });
      if (found === null) {
        throw new XlError(1, [`Can't get domid of domain name '${name}', maybe this domain does not exist.`]);
      }
      out(`${found}\n`);
      return 0;
    }),
});
