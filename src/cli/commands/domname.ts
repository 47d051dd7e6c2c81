/** xl domname: the name of an id. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { out } from "../output.ts";

export const domname = defineCommand({
  name: "domname",
  usage: "<DomainId>",
  summary: "Convert a domain id to domain name",
  options: [],
  required: 1,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const given = args.operands[0] ?? "";
      // xl takes the number that the word begins with.
      const digits = /^\s*[0-9]{1,9}/.exec(given)?.[0];
      if (digits === undefined) throw new XlError(1, ["Invalid domain id.", ""]);
      const name = await host.call("nameOf", { domid: Number(digits) });
      if (name === null) {
        throw new XlError(1, [
          `Can't get domain name of domain id '${given}', maybe this domain does not exist.`,
        ]);
      }
      out(`${name}\n`);
      return 0;
    }),
});
