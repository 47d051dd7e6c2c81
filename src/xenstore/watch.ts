/** A watch: whoever set it hears of every change of a node and of what lies below it. */

import type { Octets } from "./octets.ts";
import { depthBelow, domainPath, isSpecial } from "./path.ts";

export interface Watch {
  /** Absolute, or an @event. */
  readonly path: string;
  readonly token: Octets;
  /** Set by a relative path: events name paths relative to the setter's own. */
  readonly relativeTo: string | undefined;
  /** Levels below `path` that still count; undefined: all. */
  readonly depth: number | undefined;
}

export function newWatch(
  said: string,
  path: string,
  token: Octets,
  domid: number,
  depth: number | undefined,
): Watch {
  const relative = !said.startsWith("/") && !isSpecial(said);
  return { path, token, relativeTo: relative ? domainPath(domid) : undefined, depth };
}

/** "exact": only watches on this very path hear of it (a node that vanished with its parent). */
export type Reach = "exact" | "below";

export function hears(watch: Watch, path: string, reach: Reach): boolean {
  if (reach === "exact" || isSpecial(path)) return watch.path === path;
  const depth = depthBelow(path, watch.path);
  return depth !== undefined && (watch.depth === undefined || depth <= watch.depth);
}

/** The path as the watcher is told it. */
export function pathFor(watch: Watch, path: string): string {
  if (watch.relativeTo === undefined) return path;
  return path === watch.relativeTo ? "" : path.slice(watch.relativeTo.length + 1);
}
