/** disk= and vif=: what the domain is given of storage and network. */
import { XlError } from "../../error.ts";
import { parseDisk } from "../disk-spec.ts";
import type { Disk } from "../libxl-types.ts";
import { parseVif } from "../vif-spec.ts";
import { EXIT_FAILURE, type KeyContext } from "./context.ts";

/** A list ends, as a C array does, with the first item that is a list itself. */
export function readDisks({ settings, config }: KeyContext): void {
  const { source } = settings;
  for (const specification of settings.strings("disk") ?? []) {
    config.disks ??= [];
    config.disks.push(diskOf(specification, source));
  }
}

/** `source`: for messages. Throws XlError. */
export function diskOf(specification: string, source: string): Disk {
  const outcome = parseDisk(specification);
  if (outcome.ok) return outcome.disk;
  throw new XlError(
    EXIT_FAILURE,
    outcome.faults.map(({ message, near }) => {
      const place = near === undefined ? "" : `: near \`${near}'`;
      return `${source}: config parsing error in disk specification: ${message}${place} in \`${specification}'`;
    }),
  );
}

export function readVifs({ settings, config, warn }: KeyContext): void {
  const context = { source: settings.source, warn };
  for (const specification of settings.strings("vif") ?? []) {
    config.nics ??= [];
    config.nics.push(parseVif(specification, BigInt(config.nics.length), context));
  }
}
