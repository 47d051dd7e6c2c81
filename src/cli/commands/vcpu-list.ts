/** xl vcpu-list: every vCPU, where it runs, and where it may. */
import type { ListedVcpu } from "../../protocol/messages.ts";
import { XlError } from "../../toolstack/error.ts";
import { libxlError } from "../../toolstack/lines.ts";
import { defineCommand } from "../command.ts";
import type { HostClient } from "../connection.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { forgive } from "../forgive.ts";
import { vcpuHeader, vcpuRow } from "../format/vcpu-list.ts";
import { out } from "../output.ts";

/** Status stays 0 for a domain that is not there. */
async function printVcpus(host: HostClient, domid: number): Promise<void> {
  const vcpus: readonly ListedVcpu[] = await host.call("vcpus", { domid });
  if (vcpus.length === 0) {
    const text = "Getting infolist: No such file or directory";
    await forgive(
      Promise.reject(new XlError(0, [libxlError("libxl_domain.c:1667:libxl_list_vcpu", domid, text)])),
    );
    return;
  }
  const name = await host.call("nameOf", { domid });
  out(vcpus.map((vcpu) => vcpuRow(name, domid, vcpu)).join(""));
}

export const vcpuList = defineCommand({
  name: "vcpu-list",
  usage: "[Domain, ...]",
  summary: "List the VCPUs for all/some domains",
  options: [],
  required: 0,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      out(vcpuHeader());
      if (args.operands.length === 0) {
        for (const { domid } of await host.call("list", {})) await printVcpus(host, domid);
      }
      for (const domain of args.operands) await printVcpus(host, await findDomain(host, domain));
      return 0;
    }),
});
