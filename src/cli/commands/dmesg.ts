/** xl dmesg: the hypervisor's log ring. What killed a guest is written there. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { out } from "../output.ts";

export const dmesg = defineCommand({
  name: "dmesg",
  usage: "[-c]",
  summary: "Read and/or clear dmesg buffer",
  options: [{ short: "c", long: "clear", help: "Empty the buffer after printing it" }],
  required: 0,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      out(await host.call("dmesg", { clear: args.has("clear") }));
      return 0;
    }),
});
