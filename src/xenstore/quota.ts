/** What one unprivileged domain may use up, as C xenstored 4.17 has it by default. dom0 is not bound by any. */
export interface Quota {
  /** Nodes owned (ENOSPC). */
  readonly nodes: number;
  /** Watches set (E2BIG). */
  readonly watches: number;
  /** Bytes of a node: value, permissions, names of children (ENOSPC). */
  readonly entrySize: number;
  /** Transactions open at once (ENOSPC). */
  readonly transactions: number;
  /** Entries in a permission list (ENOSPC). */
  readonly permsPerNode: number;
  /** Nodes touched by one transaction (ENOSPC, and the transaction is lost). */
  readonly transactionNodes: number;
  /** Answers not yet fetched; no further request is read until the domain takes some. */
  readonly outstanding: number;
  /** Bytes of answers and events that wait for the domain; further events are dropped. */
  readonly queuedBytes: number;
}

export const DEFAULT_QUOTA: Quota = {
  nodes: 1000,
  watches: 128,
  entrySize: 2048,
  transactions: 10,
  permsPerNode: 5,
  transactionNodes: 1024,
  outstanding: 20,
  queuedBytes: 2 * 1024 * 1024,
};
