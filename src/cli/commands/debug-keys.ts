/** xl debug-keys: keys for the hypervisor's console; what it says to them is in `xl dmesg`. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";

export const debugKeys = defineCommand({
  name: "debug-keys",
  usage: "<Keys>",
  summary: "Send debug keys to Xen",
  options: [],
  required: 1,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      await host.call("debugKeys", { keys: (args.operands[0] ?? "").slice(0, 128) });
      return 0;
    }),
});
