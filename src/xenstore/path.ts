/** Paths of the tree: which are valid, whose they are, what lies in what (docs/misc/xenstore.txt). */
import { XENSTORE_REL_PATH_MAX } from "../abi/io/xs-wire.ts";

/** `/local/domain/N`, where relative paths of domain N start. */
export const domainPath = (domid: number): string => `/local/domain/${domid}`;

const CHARACTERS = /^[0-9A-Za-z/_@-]+$/;
const DOMAIN_PREFIX = /^\/local\/domain\/\d{1,5}\//;

/** An absolute path that may name a node. Behind `/local/domain/N/` the count begins anew. */
export function isValidPath(path: string, longest = XENSTORE_REL_PATH_MAX): boolean {
  if (!path.startsWith("/")) return false;
  if (path !== "/" && path.endsWith("/")) return false;
  if (path.includes("//") || !CHARACTERS.test(path)) return false;
  const own = DOMAIN_PREFIX.exec(path)?.[0].length ?? 0;
  return path.length <= own + longest;
}

/** `@introduceDomain`, `@releaseDomain`: events that are no nodes. */
export const isSpecial = (path: string): boolean => path.startsWith("@");

/** Absolute form of a path as domain `domid` says it. */
export const absolute = (path: string, domid: number): string =>
  path.startsWith("/") || isSpecial(path) ? path : `${domainPath(domid)}/${path}`;

/** Parent of a path other than "/". */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === 0 ? "/" : path.slice(0, slash);
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const SLASH = 0x2f;

/** How many levels `path` lies below `above`; 0: the same; undefined: not in it. */
export function depthBelow(path: string, above: string): number | undefined {
  if (path === above) return 0;
  const length = above === "/" ? 0 : above.length;
  // Asked of every watch at every change: most are told apart by this one character.
  if (path.charCodeAt(length) !== SLASH || !path.startsWith(above)) return undefined;
  return path.slice(length + 1).split("/").length;
}
