/** xenstore writes as data: what the toolstack lays out for a domain can be read, and compared, before it is written. */
import type { XsAccess } from "../../xenstore/client/client.ts";
import type { Perms } from "../../xenstore/perms.ts";

export interface NodeWrite {
  readonly path: string;
  /** Undefined: only made. */
  readonly value: string | undefined;
  /** Undefined: inherited from the parent. */
  readonly perms: Perms | undefined;
  /** What was there before is removed first. */
  readonly fresh?: true;
}

export function writeNodes(to: XsAccess, nodes: readonly NodeWrite[]): void {
  for (const { path, value, perms, fresh } of nodes) {
    if (fresh === true) to.remove(path);
    if (value === undefined) to.mkdir(path);
    else to.write(path, value);
    if (perms !== undefined) to.setPerms(path, perms);
  }
}

/** Only for its owner (and dom0). */
export const own = (domid: number): Perms => [{ domid, access: "n" }];

/** Owner `domid`, readable for `reader`. */
export const readableFor = (domid: number, reader: number): Perms => [
  { domid, access: "n" },
  { domid: reader, access: "r" },
];

/** Removes a path, and the directories above it that are left empty (libxl__xs_path_cleanup). */
export function cleanPath(from: XsAccess, path: string): void {
  from.remove(path);
  for (let at = path.slice(0, path.lastIndexOf("/")); at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    if (from.read(at) !== "" || (from.directory(at)?.length ?? 0) > 0) return;
    from.remove(at);
  }
}
