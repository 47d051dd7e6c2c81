/**
 * A Host in this very process, in the shape that `xlab run` uses (cli/xlab/local-host.ts). bin/xlab hands it to the cli,
 * which itself knows no host.
 */
import { Domid } from "../abi/types.ts";
import type { OpenLocalHost } from "../cli/xlab/local-host.ts";
import { parseDomainConfig } from "../toolstack/config/parse.ts";
import { newUuid, reportEnd } from "./daemon/serve.ts";
import { readGuestFiles } from "./guest-files.ts";
import { Host } from "./host.ts";

/** Nothing is written: runs side by side, and a host process beside them, do not meet in a log. */
export const openLocalHost: OpenLocalHost = async ({ clock, seed }) => {
  const host = await Host.start(seed === undefined ? { clock } : { clock, seed });
  return {
    async create({ text, source, overrides, cwd }, log) {
      const { config } = parseDomainConfig({ text, source, overrides, uuid: newUuid() });
      const files = await readGuestFiles(config, cwd);
      return host.create({ config, files, paused: true, log, monitor: "none" });
    },
    attachConsole: (domid, listener, interactive) => host.attachConsole(Domid(domid), listener, interactive),
    unpause: (domid) => host.unpause(Domid(domid)),
    async waitForEnd(domid) {
      const end = await reportEnd(host, Domid(domid));
      // Nobody else does it, and the console ends, all of it read, with the domain.
      if (end.how === "shutdown") await host.destroy(Domid(domid));
      return end;
    },
    dmesg: () => host.dmesg(false),
    stop: () => host.stop(),
    failure: new Promise((_, reject) => host.onFailure(reject)),
  };
};
