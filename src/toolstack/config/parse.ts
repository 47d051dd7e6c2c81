/**
 * From a config's text to what the toolstack builds: grammar, keys in the order in which xl reads them, defaults.
 *
 *   const { config, warnings } = parseDomainConfig({ text, source: "/etc/xen/a.cfg", overrides: ["memory=64"], uuid });
 *
 * `source` is the name that messages carry. What is wrong throws an {@link XlError} whose lines are everything that xl
 * would have printed by then, warnings first.
 */
import { XlError } from "../error.ts";
import { type DomainConfig, toDomainConfig, uuidText } from "./domain-config.ts";
import { toJson } from "./json.ts";
import { readActions } from "./keys/actions.ts";
import { readBoot, readFirmwareKernel } from "./keys/boot.ts";
import { copyBools, copyStrings, type KeyContext } from "./keys/context.ts";
import { readDeviceModel } from "./keys/device-model.ts";
import { readDisks, readVifs } from "./keys/devices.ts";
import { readFramebuffers, readTopLevelDisplay } from "./keys/framebuffers.ts";
import { readIdentity } from "./keys/identity.ts";
import {
  readAltp2m,
  readClosingKeys,
  readPlatform,
  readTimersAndNesting,
  readVuart,
} from "./keys/platform.ts";
import { readGrantLimits, readResources } from "./keys/resources.ts";
import { domainConfigType, emptyDomainConfig, type LibxlDomainConfig } from "./libxl-types.ts";
import { parseConfig } from "./parser.ts";
import { SettingsReader } from "./settings.ts";

export interface ConfigRequest {
  readonly text: string;
  readonly source: string;
  /** `key=value` of the command line, which stand behind the file's own settings. */
  readonly overrides: readonly string[];
  /** Of 16 bytes: what the domain gets whose config has none. */
  readonly uuid: Uint8Array;
}

export interface ParsedDomain {
  readonly config: DomainConfig;
  /** What xl has read, before any default: `xl create -n` prints it. */
  readonly libxl: LibxlDomainConfig;
  /** Lines for stderr. */
  readonly warnings: readonly string[];
}

export function parseDomainConfig(request: ConfigRequest): ParsedDomain {
  const parsed = parseConfig(request.source, withOverrides(request.text, request.overrides));
  if (!parsed.ok) {
    throw new XlError(1, [...parsed.messages, "Failed to parse config: Invalid argument"]);
  }
  const warnings: string[] = [];
  const warn = (line: string): void => {
    warnings.push(line);
  };
  const libxl = emptyDomainConfig();
  const settings = new SettingsReader(request.source, parsed.settings, warn);
  try {
    readKeys({ settings, config: libxl, warn, newUuid: () => uuidText(request.uuid) });
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    throw new XlError(error.exitCode, [...warnings, ...error.lines], error.hint, { cause: error });
  }
  return { config: toDomainConfig(libxl, parsed.settings), libxl, warnings };
}

/** The dry run's text: ends without a newline, as xl's does not add one to yajl's. */
export function domainConfigJson(libxl: LibxlDomainConfig): string {
  return toJson(domainConfigType, libxl);
}

/** xl appends the command line's settings to the file's text, each on a line of its own. */
function withOverrides(text: string, overrides: readonly string[]): string {
  return overrides.length === 0 ? text : `${text}\n${overrides.map((line) => `${line}\n`).join("")}\n`;
}

/** Every key in xl's order, so that warnings come in xl's order and the first mistake is the same. */
function readKeys(context: KeyContext): void {
  const { settings, config, warn } = context;
  const type = readIdentity(context);
  if (type === "hvm") config.b_info.type.hvm = { vga: {}, vnc: {}, sdl: {}, spice: {}, rdm: {} };
  else config.b_info.type[type] = {};
  readShim(context);
  config.b_info.claim_mode = true;
  readResources(context);
  readVuart(context);
  readGrantLimits(context);
  readActions(context);
  readPlatform(context);
  readBoot(context, type);
  readTimersAndNesting(context, type);
  if (type !== "hvm") readFirmwareKernel(context);
  readAltp2m(context);
  for (const key of ["ioports", "irqs", "iomem"]) settings.list(key);
  readDisks(context);
  for (const key of ["p9", "vtpm", "vdispl", "pvcalls", "vsnd", "channel"]) settings.list(key);
  readVifs(context);
  if (settings.list("vif2") !== undefined) {
    warn("WARNING: vif2: netchannel2 is deprecated and not supported by xl");
  }
  if (type !== "hvm") readFramebuffers(context);
  settings.list("usbctrl");
  settings.list("usbdev");
  readDeviceModel(context, type);
  if (type !== "hvm") readTopLevelDisplay(context, type);
  readClosingKeys(context);
}

function readShim(context: KeyContext): void {
  const { pvh } = context.config.b_info.type;
  if (pvh === undefined) return;
  copyBools(context, pvh, { pvshim: "pvshim" });
  copyStrings(context, pvh, {
    pvshim_path: "pvshim_path",
    pvshim_cmdline: "pvshim_cmdline",
    pvshim_extra: "pvshim_extra",
  });
}
