/** Transactions: start and end. */
import { ACK, no, type XsResult, yes } from "../outcome.ts";
import { isPrivileged } from "../perms.ts";
import { Transaction } from "../transaction.ts";
import { oneString } from "../wire.ts";
import type { Call } from "./call.ts";

export function transactionStart({ xs, conn, tx }: Call): XsResult {
  if (tx !== undefined) return no("EBUSY");
  if (!isPrivileged(conn) && conn.transactions.size > xs.quota.transactions) return no("ENOSPC");
  while (conn.nextTransaction === 0 || conn.transactions.has(conn.nextTransaction)) conn.nextTransaction++;
  const id = conn.nextTransaction;
  conn.nextTransaction = (id + 1) >>> 0;
  conn.transactions.set(id, new Transaction(id, xs.tree));
  return yes(`${id}\0`);
}

/** T commits, F forgets; the transaction is over either way. */
export function transactionEnd({ xs, conn, tx, payload }: Call): XsResult {
  const verdict = oneString(payload);
  if (verdict !== "T" && verdict !== "F") return no("EINVAL");
  if (tx === undefined) return no("ENOENT");
  conn.transactions.delete(tx.id);
  if (verdict === "F") return ACK;

  if (tx.failed !== undefined) return no(tx.failed);
  if (tx.created && !isPrivileged(conn)) {
    const grown = tx.tree.ownedBy(conn.domid) - tx.ownedAtStart(conn.domid);
    if (xs.tree.ownedBy(conn.domid) + grown >= xs.quota.nodes) return no("ENOSPC");
  }
  if (tx.conflictsWith(xs.tree)) return no("EAGAIN");
  tx.commitTo(xs.tree);
  for (const { path, reach, oldPerms } of tx.events()) xs.fire(path, reach, oldPerms);
  return ACK;
}
