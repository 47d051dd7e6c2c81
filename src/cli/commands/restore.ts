/** xl restore: a domain goes on from the file that `xl save` made. */
import { closeSync, openSync } from "node:fs";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand, type Invocation } from "../command.ts";
import { readConfigFile } from "../config-file.ts";
import type { HostClient } from "../connection.ts";
import { consoleHost, withHost } from "../connection-use.ts";
import { warn } from "../output.ts";
import { hint } from "../report.ts";
import { sendFile } from "../save/send-file.ts";
import { strerror } from "../strerror.ts";

export const restore = defineCommand({
  name: "restore",
  usage: "[options] [<ConfigFile>] <CheckpointFile>",
  summary: "Restore a domain from a saved state",
  options: [
    { short: "h", help: "This text." },
    { short: "p", help: "Leave the domain paused." },
    { short: "e", help: "Nobody waits for the domain's end in the background." },
    { short: "d", help: "Print the config that the domain comes with." },
    { short: "F" },
    { short: "c" },
    { short: "V", long: "vncviewer", help: "Show the domain's VNC display." },
    { short: "A", long: "vncviewer-autopass", help: "Hand the viewer the VNC password on its stdin." },
  ],
  required: 1,
  modifies: true,
  canDryRun: false,
  async run(invocation) {
    const { operands } = invocation.args;
    if (operands.length > 2) {
      await invocation.printHelp();
      return 1;
    }
    const [config, path = ""] = operands.length === 2 ? operands : [undefined, operands[0]];
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (error) {
      throw new XlError(1, [`Can't open restore file: ${strerror(error)}`]);
    }
    try {
      const text = config === undefined ? null : readConfig(config);
      const override = { text, source: config ?? null };
      return await withHost((host) => restoreFrom(host, invocation, { fd, path, ...override }));
    } finally {
      closeSync(fd);
    }
  },
});

function readConfig(path: string): string {
  try {
    return readConfigFile(path);
  } catch (error) {
    throw error instanceof XlError ? new XlError(1, error.lines, error.hint) : error;
  }
}

interface Saved {
  readonly fd: number;
  readonly path: string;
  readonly text: string | null;
  readonly source: string | null;
}

async function restoreFrom(
  host: HostClient,
  { args }: Invocation,
  { fd, path, text, source }: Saved,
): Promise<number> {
  const toConsole = args.has("c");
  const staysPaused = args.has("p");
  const inForeground = args.has("F");
  const request = host.call(
    "restore",
    {
      name: path,
      text,
      source,
      cwd: process.cwd(),
      paused: toConsole || staysPaused,
      incoming: false,
      debug: args.has("d"),
      monitor: args.has("e") ? "none" : inForeground ? "foreground" : "background",
    },
    warn,
  );
  const sending = sendFile(host, fd);
  const { domid, name } = await request.finally(() => sending.stop());
  if (toConsole) {
    const { sitAtConsole } = await import("../console/sitting.ts");
    const attached = async (): Promise<void> => {
      if (!staysPaused) await host.call("unpause", { domid });
    };
    const end = await sitAtConsole(consoleHost(host), domid, { attached });
    if (end === undefined) {
      warn("Unable to attach console");
      await attached();
    } else if (end.why === "ended") {
      const { obituary } = await import("../obituary.ts");
      const words = obituary(name, end.end);
      if (words !== undefined) await hint(words);
    }
  }
  if (inForeground) await host.call("waitForMonitor", {}, warn);
  return 0;
}
