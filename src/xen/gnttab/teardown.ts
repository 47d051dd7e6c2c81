/** The end of a domain's grants: first what it has mapped of others, last its own table. */
import { GNTMAP_device_map, GNTMAP_host_map, GNTMAP_readonly } from "../../abi/grant-table.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { putFrame, putWritableType } from "../memory/references.ts";
import { freeXenFrame } from "../memory/xen-heap.ts";
import { dropHandle } from "./grant-table.ts";
import { unpinGrant } from "./pin.ts";

/**
 * Ends the uses that the dying domain makes of others' grants (`gnttab_release_mappings`). Entries in its page tables keep
 * their references until the tables go. Answers what is left of `budget`.
 */
export function releaseMappings(machine: Machine, domain: Domain, budget: number): number {
  for (const frame of domain.memory.held) {
    if (budget-- <= 0) return 0;
    frame.unmap();
  }
  const { maptrack } = domain.grants;
  for (let handle = maptrack.length - 1; handle >= 0; handle--) {
    const mapping = maptrack[handle];
    if (mapping === undefined) {
      maptrack.length = handle;
      continue;
    }
    if (budget-- <= 0) return 0;
    const { granter, ref, flags } = mapping;
    const readonly = (flags & GNTMAP_readonly) !== 0;
    const mfn = granter.grants.active.get(ref)?.mfn;
    if (flags & GNTMAP_host_map) unpinGrant(machine, granter, ref, readonly ? "hostRead" : "hostWrite");
    if (flags & GNTMAP_device_map) {
      unpinGrant(machine, granter, ref, readonly ? "deviceRead" : "deviceWrite");
      if (mfn !== undefined) {
        if (!readonly) putWritableType(machine.frames, mfn);
        putFrame(machine, mfn);
      }
    }
    dropHandle(domain.grants, handle);
    maptrack.length = handle;
  }
  domain.grants.freeHandles.length = 0;
  return budget;
}

/** Gives Xen's references on the shared table's frames up. */
export function releaseGrantTable(machine: Machine, domain: Domain): void {
  const frames = domain.grants.frames.splice(0);
  for (const mfn of frames) freeXenFrame(machine, mfn);
}
