/** A request as its handler gets it, and a row of the table of requests. */
import type { Connection } from "../connection.ts";
import type { Octets } from "../octets.ts";
import type { XsResult } from "../outcome.ts";
import type { Transaction } from "../transaction.ts";
import type { View } from "../view.ts";
import type { Xenstored } from "../xenstored.ts";

export interface Call {
  readonly xs: Xenstored;
  readonly conn: Connection;
  readonly tx: Transaction | undefined;
  readonly view: View;
  readonly payload: Octets;
}

export interface Done {
  readonly result: XsResult;
  /** What is said after the answer. */
  readonly after?: () => void;
}

export interface CallRow {
  readonly name: string;
  readonly handle: (call: Call) => Done;
  /** dom0 only (EACCES). */
  readonly privileged?: true;
  readonly ignoresTransaction?: true;
}

/** A handler that only has an answer. */
export const answering =
  (handle: (call: Call) => XsResult): CallRow["handle"] =>
  (call) => ({ result: handle(call) });
