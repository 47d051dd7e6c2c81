/** xl save: the domain's state goes to a file, from which it can go on later. */
import { closeSync, openSync, writeSync } from "node:fs";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand, type Invocation } from "../command.ts";
import type { HostClient } from "../connection.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { ProgressLog } from "../save/progress.ts";
import { savedConfig } from "../save/saved-config.ts";
import { strerror } from "../strerror.ts";

export const save = defineCommand({
  name: "save",
  usage: "[options] <Domain> <CheckpointFile> [<ConfigFile>]",
  summary: "Save a domain state to restore later",
  options: [
    { short: "h", help: "This text." },
    { short: "c", help: "The domain goes on once it is saved." },
    { short: "p", help: "The domain is left paused once it is saved." },
    { short: "D", help: "The file says which id the domain had." },
  ],
  required: 2,
  modifies: true,
  canDryRun: false,
  async run(invocation) {
    const { args, printHelp } = invocation;
    if (args.operands.length > 3) {
      await printHelp();
      return 1;
    }
    return withHost((host) => saveTo(host, invocation));
  },
});

async function saveTo(host: HostClient, { args }: Invocation): Promise<number> {
  const [domain = "", path = "", file] = args.operands;
  const domid = await findDomain(host, domain);
  const config = await savedConfig(host, { domid, file, keepDomid: args.has("D") });
  let fd: number;
  try {
    fd = openSync(path, "w", 0o644);
  } catch (error) {
    const why = `${path}: ${strerror(error)}`;
    throw new XlError(1, [`Failed to open temp file ${path} for writing`], why);
  }
  const progress = new ProgressLog();
  let broken = false;
  host.receiveBytes(async (bytes) => {
    if (broken) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      broken = true;
      const { errno = 0 } = error as NodeJS.ErrnoException;
      await host.sendBytes(new TextEncoder().encode(`${-errno} = ${strerror(error)}`));
    }
  });
  try {
    const after = args.has("p") ? "pause" : args.has("c") ? "resume" : "destroy";
    await host.call("save", { domid, config, name: path, after }, (line) => progress.line(line));
    return 0;
  } finally {
    progress.end();
    closeSync(fd);
  }
}
