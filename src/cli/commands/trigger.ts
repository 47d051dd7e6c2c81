/** xl trigger: an NMI, or one of the buttons that HVM guests have. */
import { TRIGGERS } from "../../protocol/life.ts";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { forgive } from "../forgive.ts";
import { warn } from "../output.ts";

export const trigger = defineCommand({
  name: "trigger",
  usage: "<Domain> <nmi|reset|init|power|sleep|s3resume> [<VCPU>]",
  summary: "Send a trigger to a domain",
  options: [],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", name = "", vcpuWord] = args.operands;
      const domid = await findDomain(host, domain);
      const found = TRIGGERS.find((known) => known === name.toLowerCase());
      if (found === undefined) throw new XlError(1, [`Invalid trigger "${name}"`]);
      const digits = /^\s*\+?([0-9]{1,9})/.exec(vcpuWord ?? "0")?.[1];
      if (digits === undefined) warn("Invalid vcpuid, using default vcpuid=0.\n");
      await forgive(host.call("trigger", { domid, trigger: found, vcpu: Number(digits ?? "0") }));
      return 0;
    }),
});
