/** xl set-parameters: Xen's command line while it runs. This Xen has no parameter that could change. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";

export const setParameters = defineCommand({
  name: "set-parameters",
  usage: "<Params>",
  summary: "Set hypervisor parameters",
  options: [],
  required: 1,
  modifies: true,
  canDryRun: false,
  run({ args }) {
    const [params = ""] = args.operands;
    throw new XlError(
      1,
      [
        "libxl: error: libxl.c:678:libxl_set_parameters: setting parameters: Invalid argument",
        `cannot set parameters: ${params}`,
      ],
      "the modelled Xen has no parameters that can be set while it runs",
    );
  },
});
