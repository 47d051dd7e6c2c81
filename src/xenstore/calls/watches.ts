/** Requests about watches. */
import { XENSTORE_REL_PATH_MAX } from "../../abi/io/xs-wire.ts";
import { bytesHeld, forgetWatches } from "../connection.ts";
import { ACK, no, type XsResult, yes } from "../outcome.ts";
import { absolute, isSpecial, isValidPath } from "../path.ts";
import { isPrivileged } from "../perms.ts";
import { newWatch, pathFor } from "../watch.ts";
import { stringsOf, watchEvent } from "../wire.ts";
import type { Call, Done } from "./call.ts";

function watchPath(said: string, domid: number, longest: number): XsResult<string> {
  if (isSpecial(said)) return said.length > XENSTORE_REL_PATH_MAX ? no("EINVAL") : yes(said);
  const path = absolute(said, domid);
  return isValidPath(path, longest) ? yes(path) : no("EINVAL");
}

/** `path|token|`, or with a depth: levels below the path that count. One event is said at once, after the answer. */
export function watch({ xs, conn, payload }: Call): Done {
  const [said, token, depthText, ...rest] = stringsOf(payload);
  if (said === undefined || token === undefined || rest.length > 0) return { result: no("EINVAL") };
  if (depthText !== undefined && !/^\d{1,4}$/.test(depthText)) return { result: no("EINVAL") };
  const path = watchPath(said, conn.domid, xs.quota.pathLength);
  if (!path.ok) return { result: path };
  if (conn.watches.some((known) => known.path === path.value && known.token === token)) {
    return { result: no("EEXIST") };
  }
  if (!isPrivileged(conn)) {
    if (conn.watches.length > xs.quota.watches) return { result: no("E2BIG") };
    const bytes = xs.tree.bytesOf(conn.domid) + bytesHeld(conn) + path.value.length + token.length;
    if (bytes >= xs.quota.memory) return { result: no("ENOMEM") };
  }

  const depth = depthText === undefined ? undefined : Number(depthText);
  const made = newWatch(said, path.value, token, conn.domid, depth);
  conn.watches.push(made);
  conn.watchers.add(conn, made.path);
  return {
    result: ACK,
    after: () => conn.outbox.push(watchEvent(pathFor(made, made.path), made.token)),
  };
}

export function unwatch({ conn, payload }: Call): XsResult {
  const [said, token, ...rest] = stringsOf(payload);
  if (said === undefined || token === undefined || rest.length > 0) return no("EINVAL");
  const path = absolute(said, conn.domid);
  const at = conn.watches.findIndex((known) => known.path === path && known.token === token);
  if (at < 0) return no("ENOENT");
  conn.watches.splice(at, 1);
  conn.watchers.forget(conn, path);
  return ACK;
}

/** A fresh kernel in an old domain (kexec, crash) asks for this: transactions go too. */
export function resetWatches({ conn }: Call): XsResult {
  conn.transactions.clear();
  forgetWatches(conn);
  return ACK;
}
