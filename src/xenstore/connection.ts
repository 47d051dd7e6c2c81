/** One peer of xenstored: a guest's ring, a client in dom0, later a socket. */

import type { Outbox } from "./outbox.ts";
import type { Subject } from "./perms.ts";
import type { Transaction } from "./transaction.ts";
import type { Watch } from "./watch.ts";

export interface Connection extends Subject {
  readonly domid: number;
  target: number | undefined;
  watches: Watch[];
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

export function newConnection(domid: number, outbox: Outbox, wake: () => void): Connection {
  return {
    domid,
    target: undefined,
    watches: [],
    transactions: new Map(),
    nextTransaction: 1,
    outbox,
    wake,
  };
}

/** Forgets what the peer had under way, as after a reconnect. */
export function resetConnection(conn: Connection): void {
  conn.watches = [];
  conn.transactions.clear();
  conn.outbox.clear();
}
