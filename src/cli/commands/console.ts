/** xl console: the guest's console on this terminal, until Ctrl-] or the guest's end. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { consoleHost, withHost } from "../connection-use.ts";
import { sitAtConsole } from "../console/sitting.ts";
import { findDomain } from "../find-domain.ts";

const TYPES: ReadonlySet<string> = new Set(["pv", "serial", "vuart"]);

/** xenconsole's statuses are errno's. */
const EINVAL = 22;
const ENOENT = 2;

export const consoleCommand = defineCommand({
  name: "console",
  usage: "[options] <Domain>\n-t <type>       pv, serial or vuart\n-n <number>     which of its consoles",
  summary: "Attach to domain's console",
  options: [
    { short: "t", value: "type" },
    { short: "n", value: "number" },
  ],
  required: 1,
  modifies: false,
  canDryRun: false,
  run({ args }) {
    const type = args.value("t");
    if (type !== undefined && !TYPES.has(type)) {
      throw new XlError(1, ["console type supported are: pv, serial, vuart"]);
    }
    return withHost(async (host) => {
      const domid = await findDomain(host, args.operands[0] ?? "");
      if (domid === 0) throw new XlError(EINVAL, ["Can't specify Domain-0"]);
      if (Number.parseInt(args.value("n") ?? "0", 10) > 0) {
        throw new XlError(ENOENT, ["xenconsole: Could not read tty from store: No such file or directory"]);
      }
      const end = await sitAtConsole(consoleHost(host), domid, { replays: true });
      if (end === undefined) {
        throw new XlError(1, [
          `libxl: error: libxl_dom.c:37:libxl__domain_type: unable to get domain type for domid=${domid}`,
          "Unable to attach console",
        ]);
      }
      return 0;
    });
  },
});
