/** A xenstore program as a value, what it is handed, and how it fails. */
import type { XsErrno } from "../../abi/io/xs-wire.ts";
import { type Octets, octetsOfText } from "../../xenstore/octets.ts";
import type { XsConnection } from "./connection.ts";
import { ERRNO } from "./errno.ts";
import type { Letter } from "./options.ts";

/** Ends the program with status 1, after a line. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

/** As err(3) words it. */
export const failed = (what: string, errno: XsErrno): ToolError =>
  new ToolError(`${what}: ${ERRNO[errno].words}`);

export interface ToolCall {
  readonly xs: XsConnection;
  /** 0: none. */
  readonly txId: number;
  readonly operands: readonly Octets[];
  has(letter: Letter): boolean;
  /** -n; undefined: not given. */
  readonly number: number | undefined;
  /** Kept till the end: a transaction that must be tried again prints nothing. */
  readonly say: (text: Octets) => void;
  /** At once. */
  readonly print: (text: Octets) => void;
  readonly warn: (line: Octets) => void;
}

export interface Tool {
  readonly name: string;
  /** Behind the program's name. */
  readonly usage: string;
  /** Those of its own; -h and -s all have. */
  readonly letters: string;
  /** Are so many operands right? */
  readonly accepts: (operands: number) => boolean;
  /** Does it work in a transaction? */
  readonly transacts: (operands: number) => boolean;
  /** Its exit status; other than 0 gives the transaction up. */
  readonly run: (call: ToolCall) => Promise<number>;
}

export const octets = octetsOfText;
