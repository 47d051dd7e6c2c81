/** One peer of xenstored: a guest's ring, a client in dom0, later a socket. */

import type { Outbox } from "./outbox.ts";
import type { Subject } from "./perms.ts";
import type { Transaction } from "./transaction.ts";
import type { Watch } from "./watch.ts";
import { Watchers } from "./watchers.ts";

export interface Connection extends Subject {
  readonly domid: number;
  /** Who connected later has a higher one. */
  readonly serial: number;
  target: number | undefined;
  readonly watches: Watch[];
  /** Where its watches are found by their paths. */
  readonly watchers: Watchers;
  readonly transactions: Map<number, Transaction>;
  nextTransaction: number;
  readonly outbox: Outbox;
  /** Called when the outbox has something new; the transport sends it when it can. */
  readonly wake: () => void;
}

/** Bytes that its watches, open transactions and waiting messages take. */
export function bytesHeld({ watches, transactions, outbox }: Connection): number {
  let bytes = outbox.bytes;
  for (const { path, token } of watches) bytes += path.length + token.length;
  for (const tx of transactions.values()) bytes += tx.bytes;
  return bytes;
}

export function newConnection(
  domid: number,
  outbox: Outbox,
  wake: () => void,
  serial = 0,
  watchers = new Watchers(),
): Connection {
  return {
    domid,
    serial,
    target: undefined,
    watches: [],
    watchers,
    transactions: new Map(),
    nextTransaction: 1,
    outbox,
    wake,
  };
}

export function forgetWatches(conn: Connection): void {
  for (const { path } of conn.watches.splice(0)) conn.watchers.forget(conn, path);
}

/** Forgets what the peer had under way, as after a reconnect. */
export function resetConnection(conn: Connection): void {
  forgetWatches(conn);
  conn.transactions.clear();
  conn.outbox.clear();
}
