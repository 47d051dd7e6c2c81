/** xl list: the domains, their memory, state and time. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import type { HostClient } from "../connection.ts";
import { withHost } from "../connection-use.ts";
import { findDomain, isDomid } from "../find-domain.ts";
import { domainTable } from "../format/domain-list.ts";
import { out } from "../output.ts";

export const list = defineCommand({
  name: "list",
  usage: "[options] [Domain]\n",
  summary: "List information about all/some domains",
  options: [
    { short: "l", long: "long", help: "Everything about each domain, as JSON" },
    { short: "v", long: "verbose", help: "Their uuids, why they shut down, security labels" },
    { short: "Z", long: "context", help: "Their security labels" },
    { short: "c", long: "cpupool", help: "The cpupool each is in" },
    { short: "n", long: "numa", help: "The NUMA nodes each may use" },
  ],
  required: 0,
  modifies: false,
  canDryRun: false,
  async run({ args, printHelp }) {
    const [wanted, ...others] = args.operands;
    if (others.length > 0) {
      await printHelp();
      return 1;
    }
    return withHost(async (host) => {
      const domid = wanted === undefined ? undefined : await findDomain(host, wanted);
      if (args.has("long")) {
        out(await longList(host, wanted, domid));
        return 0;
      }
      const domains = await host.call("list", {});
      const shown = domid === undefined ? domains : domains.filter((domain) => domain.domid === domid);
      if (wanted !== undefined && isDomid(wanted) && shown.length === 0) {
        throw new XlError(1, [`Error: Domain '${wanted}' does not exist.`]);
      }
      out(
        domainTable(shown, {
          verbose: args.has("verbose"),
          context: args.has("context"),
          cpupool: args.has("cpupool"),
          numa: args.has("numa"),
        }),
      );
      if (wanted === undefined && host.freshlyStarted) {
        const { whisperEmptyHost } = await import("../whisper.ts");
        whisperEmptyHost(host.stateDirectory);
      }
      return 0;
    });
  },
});

/** xl's JSON: an array of what is kept of each domain, and a newline more. A domain of which nothing is kept is left out. */
async function longList(
  host: HostClient,
  wanted: string | undefined,
  domid: number | undefined,
): Promise<string> {
  if (domid !== undefined && (await host.call("nameOf", { domid })) === null) {
    const known = (await host.call("list", {})).some((domain) => domain.domid === domid);
    if (!known) throw new XlError(1, [`Error: Domain '${wanted}' does not exist.`]);
  }
  const configs = await host.call("domainConfigs", { domids: domid === undefined ? null : [domid] });
  const items = configs.map(({ domid: id, json }) => {
    const indented = json.replaceAll("\n", "\n        ").replace(/^ +$/gm, "");
    return `    {\n        "domid": ${id},\n        "config": ${indented}\n    }`;
  });
  return `[\n${items.join(",\n")}\n]\n\n`;
}
