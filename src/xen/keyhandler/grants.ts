/** `g`: every grant that is in use. */
import { grantEntryV1 } from "../../abi/grant-table.ts";
import type { Domain } from "../domain/domain.ts";
import { type ActiveGrant, entryPlace } from "../gnttab/grant-table.ts";
import type { Machine } from "../machine.ts";
import { inOrder } from "./memory.ts";

const MAPTRACK_PER_FRAME = 256;

export function dumpGrants(machine: Machine, key: string): void {
  machine.log(`gnttab_usage_print_all [ key '${key}' pressed`);
  for (const domain of inOrder(machine)) dumpDomain(machine, domain);
  machine.log("gnttab_usage_print_all ] done");
}

function dumpDomain(machine: Machine, domain: Domain): void {
  const { log } = machine;
  const { frames, maxFrames, maptrack, maxHandles, active, version } = domain.grants;
  const trackFrames = (handles: number): number => Math.ceil(handles / MAPTRACK_PER_FRAME);
  log("      -------- active --------       -------- shared --------");
  log("[ref] localdom mfn      pin          localdom gmfn     flags");
  log(`grant-table for remote d${domain.domid} (v${version})`);
  log(
    `  ${frames.length} frames (${maxFrames} max), ` +
      `${trackFrames(maptrack.length)} maptrack frames (${trackFrames(maxHandles)} max)`,
  );
  if (active.size === 0) log("no active grant table entries");
  for (const ref of [...active.keys()].sort((a, b) => a - b)) {
    const grant = active.get(ref);
    const place = entryPlace(domain.grants, ref);
    if (grant === undefined || place === undefined) continue;
    const { mem } = machine.engine;
    const shared = grantEntryV1.read(mem.view, mem.readAddress(place.mfn) + place.offset);
    log(
      `[0x${hex(ref, 3)}]  ${String(grant.domid).padStart(5)} 0x${hex(grant.mfn, 5)} 0x${hex(pinOf(grant), 8)}      ` +
        `${String(shared.domid).padStart(5)} 0x${hex(Number(shared.frame), 6)} 0x${hex(shared.flags, 2)}`,
    );
  }
}

/** GNTPIN_*: four counts of 8 bits; uses for writing and reading by the host, then by devices. */
const pinOf = ({ hostWrite, hostRead, deviceWrite, deviceRead }: ActiveGrant): number =>
  [hostWrite, hostRead, deviceWrite, deviceRead].reduce(
    (pin, count, i) => pin + Math.min(count, 0xff) * 256 ** i,
    0,
  );

const hex = (n: number, width: number): string => n.toString(16).padStart(width, "0");
