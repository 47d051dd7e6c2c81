/** xl config-update: another config for a domain's next life. */
import { randomBytes } from "node:crypto";
import { domainConfigJson, parseDomainConfig } from "../../toolstack/config/parse.ts";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand } from "../command.ts";
import { readConfigFile } from "../config-file.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { out, warn } from "../output.ts";

const WARNING =
  "WARNING: xl now has better capability to manage domain configuration, avoid using this command when possible";

export const configUpdate = defineCommand({
  name: "config-update",
  usage: "<Domain> <ConfigFile> [options] [vars]",
  summary:
    "Update a running domain's saved configuration, used when rebuilding the domain after reboot.\n" +
    WARNING,
  options: [
    { short: "h", help: "This text." },
    { short: "f", long: "defconfig", value: "FILE", help: "The config file." },
    { short: "d", help: "Print what was read from the config." },
    { short: "q" },
  ],
  required: 0,
  modifies: true,
  canDryRun: true,
  run: async ({ args, global, printHelp }) => {
    const [domain, ...rest] = args.operands;
    if (domain === undefined) {
      warn("xl config-update requires a domain argument");
      await printHelp();
      return 1;
    }
    warn(WARNING);
    return withHost(async (host) => {
      const domid = await findDomain(host, domain);
      const settings = rest.filter((word) => word.includes("="));
      const files = rest.filter((word) => !word.includes("="));
      const named = args.value("defconfig");
      const source = named ?? files[0];
      if (files.length > (named === undefined ? 1 : 0)) {
        await printHelp();
        return 2;
      }
      if (source === undefined) throw new XlError(1, ["Config file not specified"]);
      const file = readConfigFile(source);
      const text =
        settings.length === 0 ? file : `${file}\n${settings.map((line) => `${line}\n`).join("")}\n`;
      const { libxl, warnings } = parseDomainConfig({ text, source, overrides: [], uuid: randomBytes(16) });
      for (const line of warnings) warn(line);
      if (args.has("d") || global.dryRun) out(`${domainConfigJson(libxl)}\n`);
      if (global.dryRun) return 0;
      warn(`setting dom${domid} configuration`);
      await host.call("updateConfig", { domid, text, source });
      return 0;
    });
  },
});
