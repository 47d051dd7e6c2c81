/** xl button-press: trigger's forerunner. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { forgive } from "../forgive.ts";

const DEPRECATED = 'WARNING: "button-press" is deprecated. Please use "trigger"';

export const buttonPress = defineCommand({
  name: "button-press",
  usage: "<Domain> <Button>",
  summary: "Indicate an ACPI button press to the domain",
  options: [],
  optionsText: "<Button> may be 'power' or 'sleep'.",
  saidFirst: DEPRECATED,
  required: 2,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain = "", button = ""] = args.operands;
      const domid = await findDomain(host, domain);
      if (button !== "power" && button !== "sleep") {
        throw new XlError(1, [`${button} is an invalid button identifier`]);
      }
      await forgive(host.call("trigger", { domid, trigger: button, vcpu: 0 }));
      return 0;
    }),
});
