/** xl vm-list: uuids, ids, names. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { uuidOf } from "../format/domain-list.ts";
import { out } from "../output.ts";

export const vmList = defineCommand({
  name: "vm-list",
  usage: "",
  summary: "List guest domains, excluding dom0, stubdoms, etc.",
  options: [],
  required: 0,
  modifies: false,
  canDryRun: false,
  run: () =>
    withHost(async (host) => {
      const domains = await host.call("list", {});
      out("UUID                                  ID    name\n");
      for (const { uuid, domid, name } of domains) {
        out(`${uuidOf(uuid)}  ${domid}    ${(name ?? "(null)").padEnd(30)}\n`);
      }
      return 0;
    }),
});
