/**
 * A Host in this very process, in the shape that `xlab run` uses (cli/xlab/local-host.ts). bin/xlab hands it to the cli,
 * which itself knows no host.
 */
import { Domid } from "../abi/types.ts";
import type { OpenLocalHost } from "../cli/xlab/local-host.ts";
import { claimStateDirectory, stateDirectory } from "../protocol/state-directory.ts";
import { parseDomainConfig } from "../toolstack/config/parse.ts";
import { newUuid, reportEnd } from "./daemon/serve.ts";
import { readGuestFiles, withAbsoluteDisks } from "./guest-files.ts";
import { cacheIn, Host } from "./host.ts";

/** Where a host process would keep its unpacked kernels, if that directory can be ours. */
function cacheDirectory(): string | undefined {
  const directory = stateDirectory(process.env);
  try {
    claimStateDirectory(directory);
    return cacheIn(directory);
  } catch {
    return undefined; // no reason not to run
  }
}

/** But for unpacked kernels nothing is written: runs side by side, and a host process beside them, do not meet in a log. */
export const openLocalHost: OpenLocalHost = async ({ clock, seed }) => {
  const cache = cacheDirectory();
  const host = await Host.start({
    clock,
    ...(seed === undefined ? {} : { seed }),
    ...(cache === undefined ? {} : { cacheDirectory: cache }),
  });
  return {
    async create({ text, source, overrides, cwd }, log) {
      const { config } = parseDomainConfig({ text, source, overrides, uuid: newUuid() });
      const files = await readGuestFiles(config, cwd);
      return host.create({
        config: withAbsoluteDisks(config, cwd),
        files,
        paused: true,
        log,
        monitor: "none",
      });
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
