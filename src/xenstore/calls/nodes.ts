/** Requests about nodes: read, list, write, remove, permissions. */
import { XENSTORE_PAYLOAD_MAX } from "../../abi/io/xs-wire.ts";
import { ACK, no, type XsResult, yes } from "../outcome.ts";
import { isSpecial } from "../path.ts";
import { formatPerms, isPrivileged, PERM_OWNER, parsePerms, permsFor } from "../perms.ts";
import { oneString, stringsOf } from "../wire.ts";
import type { Call } from "./call.ts";

const terminated = (strings: Iterable<string>): string => {
  let out = "";
  for (const text of strings) out += `${text}\0`;
  return out;
};

const ack = (done: XsResult<void>): XsResult => (done.ok ? ACK : done);

export function read({ view, payload }: Call): XsResult {
  const node = view.readable(oneString(payload));
  return node.ok ? yes(node.value.value) : node;
}

export function directory({ view, payload }: Call): XsResult {
  const node = view.readable(oneString(payload));
  if (!node.ok) return node;
  if (node.value.childBytes > XENSTORE_PAYLOAD_MAX) return no("E2BIG");
  return yes(terminated(node.value.children.keys()));
}

/** `path|offset|` → `generation|` and as many whole names as fit; an empty name ends the list. */
export function directoryPart({ view, payload }: Call): XsResult {
  const [path, offset, ...rest] = stringsOf(payload);
  if (offset === undefined || rest.length > 0) return no("EINVAL");
  const node = view.readable(path);
  if (!node.ok) return node;
  const from = Number.parseInt(offset, 10);
  if (!(from >= 0)) return no("EINVAL");

  const head = `${node.value.generation}\0`;
  const list = terminated(node.value.children.keys());
  if (from >= list.length) return yes(`${head}\0`);
  const room = XENSTORE_PAYLOAD_MAX - head.length - 1;
  const part = list.slice(from, from + room);
  const whole = part.slice(0, part.lastIndexOf("\0") + 1);
  return yes(head + whole + (from + whole.length === list.length ? "\0" : ""));
}

export function write({ view, payload }: Call): XsResult {
  const nul = payload.indexOf("\0");
  if (nul < 0) return no("EINVAL");
  const path = view.path(payload.slice(0, nul));
  return path.ok ? ack(view.write(path.value, payload.slice(nul + 1))) : path;
}

export function mkdir({ view, payload }: Call): XsResult {
  const path = view.path(oneString(payload));
  return path.ok ? ack(view.mkdir(path.value)) : path;
}

export function rm({ view, payload }: Call): XsResult {
  const path = view.path(oneString(payload));
  return path.ok ? ack(view.remove(path.value)) : path;
}

export function getPerms({ view, payload }: Call): XsResult {
  const node = view.readable(oneString(payload));
  return node.ok ? yes(terminated(formatPerms(node.value.perms))) : node;
}

/** An owner that is not there is refused (ENOENT); any other domain that is not there is noted, and gets nothing. */
export function setPerms({ xs, conn, view, payload }: Call): XsResult {
  const [said, ...strings] = stringsOf(payload);
  if (said === undefined || strings.length === 0) return no("EINVAL");
  if (!isPrivileged(conn) && strings.length > xs.quota.permsPerNode) return no("ENOSPC");
  const parsed = parsePerms(strings);
  if (parsed === undefined) return no("EINVAL");
  if (!xs.domains.knows(parsed[0].domid)) return no("ENOENT");
  const perms = xs.domains.settle(parsed);
  if (isSpecial(said)) {
    const old = xs.specialPerms.get(said);
    if (old === undefined) return no("EINVAL");
    if ((permsFor(conn, old) & PERM_OWNER) === 0) return no("EACCES");
    xs.specialPerms.set(said, perms);
    return ACK;
  }
  const path = view.path(said);
  return path.ok ? ack(view.setPerms(path.value, perms)) : path;
}
