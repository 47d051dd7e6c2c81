import { XENSTORE_REL_PATH_MAX } from "../abi/io/xs-wire.ts";

/**
 * What one unprivileged domain may use up, as C xenstored 4.17 has it by default; `xenstore-control quota set` changes
 * them. dom0 is not bound by any.
 */
export interface Quota {
  /** Nodes owned (ENOSPC). A transaction that creates may not even reach it. */
  readonly nodes: number;
  /** Watches set, beyond the first (E2BIG). */
  readonly watches: number;
  /** Bytes of a node: value, permissions, names of children (ENOSPC). */
  readonly entrySize: number;
  /** Transactions open at once, beyond the first (ENOSPC). */
  readonly transactions: number;
  /** Entries in a permission list (ENOSPC). */
  readonly permsPerNode: number;
  /** Nodes touched by one transaction (ENOSPC, and the transaction is lost). */
  readonly transactionNodes: number;
  /** Answers not yet fetched; no further request is read until the domain takes some. */
  readonly outstanding: number;
  /** Bytes of nodes, watches, open transactions and messages that wait (ENOMEM; an event is dropped). */
  readonly memory: number;
  /** Bytes of a path, behind `/local/domain/N/` where it begins so (EINVAL; dom0 too). */
  readonly pathLength: number;
}

export const DEFAULT_QUOTA: Quota = {
  nodes: 1000,
  watches: 128,
  entrySize: 2048,
  transactions: 10,
  permsPerNode: 5,
  transactionNodes: 1024,
  outstanding: 20,
  memory: 2.5 * 1024 * 1024,
  pathLength: XENSTORE_REL_PATH_MAX,
};
