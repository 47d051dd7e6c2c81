/**
 * A domain's grant table: the pages it shares with Xen, in which it says who may use which frame; what of it is in use; and
 * what the domain itself uses of others' (its maptrack).
 */
import { GRANTS_PER_FRAME } from "../../abi/grant-table.ts";
import type { Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import type { HeldFrame } from "../memory/mapped-frame.ts";
import { allocXenFrame } from "../memory/xen-heap.ts";

export interface GrantTable {
  readonly version: 1;
  readonly maxFrames: number;
  /** Machine frames of the shared table, in order. */
  readonly frames: number[];
  /** Entries in use, by reference. */
  readonly active: Map<number, ActiveGrant>;
  /** What this domain has mapped, by handle. */
  readonly maptrack: (Mapping | undefined)[];
  /** Handles below maptrack.length that are free; the last is used next. */
  readonly freeHandles: number[];
  readonly maxHandles: number;
}

/** A grant while somebody uses it. Granted to one domain only; the frame is the one the entry named when it was first used. */
export interface ActiveGrant {
  readonly domid: Domid;
  readonly mfn: number;
  /** Uses: by mappings or copies for reading, for writing; by device mappings alike. */
  hostRead: number;
  hostWrite: number;
  deviceRead: number;
  deviceWrite: number;
}

/** One mapping made through a grant. `flags`: GNTMAP_*, of which device_map and host_map go when unmapped. */
export interface Mapping {
  readonly domid: Domid;
  readonly granter: Domain;
  readonly ref: number;
  flags: number;
  /** The frame as a TypeScript domain holds it; none for a mapping that is a page-table entry. */
  held: HeldFrame | undefined;
}

/** Mappings tracked in a page of Xen's. */
const MAPTRACK_PER_FRAME = 256;

/**
 * An empty table. Its first page comes with `growGrantTable(machine, domain, 1)`, once the domain's record exists.
 */
export const createGrantTable = (maxFrames: number, maxMaptrackFrames: number): GrantTable => ({
  version: 1,
  maxFrames,
  frames: [],
  active: new Map(),
  maptrack: [],
  freeHandles: [],
  maxHandles: maxMaptrackFrames * MAPTRACK_PER_FRAME,
});

export const entryCount = (table: GrantTable): number => table.frames.length * GRANTS_PER_FRAME;

/** Makes the shared table at least `frames` pages long. False when that is beyond its limit, or Xen has no page left. */
export function growGrantTable(machine: Machine, domain: Domain, frames: number): boolean {
  const table = domain.grants;
  if (frames > table.maxFrames) return false;
  while (table.frames.length < frames) {
    const mfn = allocXenFrame(machine, domain);
    if (mfn === undefined) return false;
    table.frames.push(mfn);
  }
  return true;
}

/** Frame and byte offset of an entry; undefined when the table has none such. */
export function entryPlace(table: GrantTable, ref: number): { mfn: number; offset: number } | undefined {
  const mfn = table.frames[Math.floor(ref / GRANTS_PER_FRAME)];
  return mfn === undefined ? undefined : { mfn, offset: (ref % GRANTS_PER_FRAME) * 8 };
}

/** A handle for a new mapping; undefined: the domain has as many as it may. */
export function newHandle(table: GrantTable): number | undefined {
  const free = table.freeHandles.pop();
  if (free !== undefined) return free;
  if (table.maptrack.length >= table.maxHandles) return undefined;
  table.maptrack.push(undefined);
  return table.maptrack.length - 1;
}

export function dropHandle(table: GrantTable, handle: number): void {
  table.maptrack[handle] = undefined;
  table.freeHandles.push(handle);
}
