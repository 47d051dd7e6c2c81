/**
 * xl create: a config becomes a domain. The config is read here, so that what is wrong with it needs no host; the host
 * reads it again from the same text, and the kernel from the same directory.
 */
import { randomUUID } from "node:crypto";
import { domainConfigJson, type ParsedDomain, parseDomainConfig } from "../../toolstack/config/parse.ts";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand, type Invocation } from "../command.ts";
import { readConfigFile } from "../config-file.ts";
import type { HostClient } from "../connection.ts";
import { consoleHost, withHost } from "../connection-use.ts";
import type { SittingEnd } from "../console/sitting.ts";
import { out, warn } from "../output.ts";
import { hint } from "../report.ts";

/** libxl's ERROR_INVAL as an exit status. */
const EXIT_INVAL = 6;
/** The command line makes no sense. */
const EXIT_USAGE = 2;

export const create = defineCommand({
  name: "create",
  usage: "<ConfigFile> [options] [vars]",
  summary: "Create a domain from config file <filename>",
  options: [
    { short: "c", help: "Attach to the domain's console before it starts." },
    { short: "d", help: "Print what was read from the config." },
    { short: "e", help: "Nobody waits for the domain's end in the background." },
    { short: "F", help: "Wait for the domain's end in the foreground." },
    { short: "f", long: "defconfig", value: "FILE", help: "The config file." },
    { short: "h", help: "This text." },
    {
      short: "n",
      long: "dryrun",
      help: "Print what was read from the config, and make nothing\n(the global -N does the same).",
    },
    { short: "p", help: "Leave the domain paused." },
    { short: "q", long: "quiet", help: "Say less." },
    { short: "V", long: "vncviewer", help: "Show the domain's VNC display." },
    { short: "A", long: "vncviewer-autopass", help: "Hand the viewer the VNC password on its stdin." },
    {
      short: "i",
      letterUnsaid: true,
      long: "ignore-global-affinity-masks",
      help: "Do not apply the affinity masks of xl.conf.",
    },
  ],
  required: 0,
  modifies: true,
  canDryRun: true,
  run,
});

async function run(invocation: Invocation): Promise<number> {
  const { args, global, printHelp } = invocation;
  const settings = args.operands.filter((operand) => operand.includes("="));
  const { source, surplus } = chooseFile(invocation);
  if (surplus) {
    await printHelp();
    return EXIT_USAGE;
  }
  if (source === undefined)
    throw new XlError(EXIT_INVAL, ["Config file not specified and none in save file"]);

  const text = readConfigFile(source);
  if (!args.has("quiet")) warn(`Parsing config from ${source}`);
  const uuid = randomUUID();
  const parsed = parseDomainConfig({ text, source, overrides: settings, uuid: uuidToBytes(uuid) });
  for (const line of parsed.warnings) warn(line);
  if (args.has("dryrun") || global.dryRun) {
    out(`${domainConfigJson(parsed.libxl)}\n`);
    return 0;
  }
  if (args.has("d")) warn(domainConfigJson(parsed.libxl));

  // What was printed above and what the host makes must be the same domain.
  const overrides = parsed.libxl.c_info.uuid === uuid ? [...settings, `uuid="${uuid}"`] : settings;
  return withHost((host) => createOn(host, invocation, parsed, { text, source, overrides }));
}

/** A sitting that begins while the domain is being made: its boot loader has a menu to show. */
function sitEarly(host: HostClient) {
  let failed: (error: unknown) => void = () => {};
  const until = new Promise<void>((_, reject) => {
    failed = reject;
  });
  until.catch(() => {});
  let sitting: Promise<SittingEnd | undefined> | undefined;
  host.onConsoleReady((domid) => {
    sitting = withHost(async (second) => {
      const { sitAtConsole } = await import("../console/sitting.ts");
      return await sitAtConsole(consoleHost(second), domid, { until });
    });
    sitting.catch(() => {});
  });
  return {
    until: (created: Promise<unknown>) => void created.catch(failed),
    /** The terminal is as it was. */
    end: () => sitting?.catch(() => undefined),
    sitting: () => sitting ?? Promise.resolve(undefined),
  };
}

/** A word that comes first and is no option or setting is the file; `-f` outdoes it, and any further word is one too many. */
function chooseFile({ argv, args }: Invocation): {
  readonly source: string | undefined;
  readonly surplus: boolean;
} {
  const files = args.operands.filter((operand) => !operand.includes("="));
  const first = argv[0] !== undefined && argv[0] === files[0] ? argv[0] : undefined;
  const further = first === undefined ? files : files.slice(1);
  const named = args.value("defconfig") ?? first;
  if (named !== undefined) return { source: named, surplus: further.length > 0 };
  return { source: further[0], surplus: further.length > 1 };
}

async function createOn(
  host: HostClient,
  { args, global }: Invocation,
  { config }: ParsedDomain,
  request: { readonly text: string; readonly source: string; readonly overrides: readonly string[] },
): Promise<number> {
  const toConsole = args.has("c");
  const staysPaused = args.has("p");
  const inForeground = args.has("F");
  const early = toConsole && config.bootloader !== undefined ? sitEarly(host) : undefined;
  const created = host.call(
    "create",
    {
      ...request,
      cwd: process.cwd(),
      paused: toConsole || staysPaused,
      monitor: args.has("e") ? "none" : inForeground ? "foreground" : "background",
      verbosity: global.verbose,
    },
    warn,
  );
  early?.until(created);
  const { domid } = await created.catch(async (error: unknown) => {
    await early?.end();
    throw error;
  });
  if (toConsole) {
    const { sitAtConsole } = await import("../console/sitting.ts");
    const attached = async (): Promise<void> => {
      if (!staysPaused) await host.call("unpause", { domid });
    };
    if (early !== undefined) await attached();
    const end = await (early?.sitting() ?? sitAtConsole(consoleHost(host), domid, { attached }));
    if (end === undefined) {
      warn("Unable to attach console");
      await attached();
    } else if (end.why === "ended") {
      const { obituary } = await import("../obituary.ts");
      const words = obituary(config.name, end.end);
      if (words !== undefined) await hint(words);
    }
  }
  if (inForeground) await host.call("waitForMonitor", {}, warn);
  return 0;
}

const uuidToBytes = (uuid: string): Uint8Array =>
  Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex"));
