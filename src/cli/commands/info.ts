/** xl info: the machine that the host models. */
import { hostname } from "node:os";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { infoText, selectInfo } from "../format/info.ts";
import { out } from "../output.ts";
import { RELEASE } from "../release.ts";

export const info = defineCommand({
  name: "info",
  usage: "-n, --numa         The host's NUMA topology as well",
  summary: "Get information about Xen host",
  options: [{ short: "n", long: "numa" }],
  required: 0,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const physinfo = await host.call("physinfo", {});
      const version = await host.call("version", {});
      const numa = args.has("numa");
      const text = infoText(
        { host: hostname(), release: RELEASE, version: "a model of Xen, without Xen", machine: "x86_64" },
        physinfo,
        version,
        numa,
      );
      const wanted = args.operands[0];
      out(wanted === undefined || numa ? text : selectInfo(text, wanted));
      return 0;
    }),
});
