/** The config that a saved domain takes along: what the toolstack keeps of it, or a file in its stead. */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { domainConfigJson, parseDomainConfig } from "../../toolstack/config/parse.ts";
import { XlError } from "../../toolstack/error.ts";
import type { HostClient } from "../connection.ts";
import { warn } from "../output.ts";

export interface ConfigWish {
  readonly domid: number;
  /** A config file; undefined: the domain's own. */
  readonly file: string | undefined;
  /** The stream says which id the domain had. */
  readonly keepDomid: boolean;
}

/** As JSON. Throws XlError with xl's words and status 1. */
export async function savedConfig(host: HostClient, { domid, file, keepDomid }: ConfigWish): Promise<string> {
  if (file !== undefined) return overridden(file);
  const found = (await host.call("domainConfigs", { domids: [domid] })).find(
    (stored) => stored.domid === domid,
  );
  if (found === undefined) throw new XlError(1, ["unable to retrieve domain configuration"]);
  return withDomid(found.json, keepDomid ? domid : undefined);
}

function overridden(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new XlError(1, ["unable to read overridden config file"]);
  }
  const uuid = Uint8Array.from(Buffer.from(randomUUID().replaceAll("-", ""), "hex"));
  const parsed = parseDomainConfig({ text, source: file, overrides: [], uuid });
  for (const line of parsed.warnings) warn(line);
  return domainConfigJson(parsed.libxl);
}

/** libxl keeps INVALID_DOMID in what it stores; a save file says the id to have again, or nothing. */
function withDomid(json: string, domid: number | undefined): string {
  const line = /^( *"domid": )\d+(,?)\n/m;
  return domid === undefined
    ? json.replace(line, "")
    : json.replace(line, (_, before: string, comma: string) => `${before}${domid}${comma}\n`);
}
