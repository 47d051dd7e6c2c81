/** xl vcpu-set: how many vCPUs a guest shall have online; its kernel brings them up and down by itself. */
import { XlError } from "../../toolstack/error.ts";
import { leadingInteger } from "../c-number.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";

const INT_MAX = 0x7fff_ffff;

export const vcpuSet = defineCommand({
  name: "vcpu-set",
  usage: "[option] <Domain> <vCPUs>",
  summary: "Set the number of active VCPUs allowed for the domain",
  options: [{ short: "i", long: "ignore-host", help: "Also more than the host has pCPUs" }],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", word = ""] = args.operands;
      const domid = await findDomain(host, domain);
      const count = leadingInteger(word);
      if (count === undefined || count < 0 || count > INT_MAX) {
        throw new XlError(1, ["Error: Invalid argument."]);
      }
      if (!args.has("ignore-host")) {
        const { nrCpus } = await host.call("physinfo", {});
        const found = (await host.call("list", {})).find((row) => row.domid === domid);
        // xl says nothing here.
        if (found === undefined) throw new XlError(1, [], `there is no domain ${domid}`);
        if (count > found.onlineVcpus && count > nrCpus) {
          throw new XlError(1, [
            `You are overcommmitting! You have ${nrCpus} physical CPUs and want ${count} vCPUs! Aborting, use --ignore-host to continue`,
          ]);
        }
      }
      await host.call("setVcpusOnline", { domid, count });
      return 0;
    }),
});
