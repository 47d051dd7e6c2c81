/** What a request came to: the payload of its answer, or the error that is said on the wire. */
import type { XsErrno } from "../abi/io/xs-wire.ts";
import type { Octets } from "./octets.ts";

export type XsResult<T = Octets> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errno: XsErrno };

export const yes = <T>(value: T): XsResult<T> => ({ ok: true, value });
export const no = (errno: XsErrno): { readonly ok: false; readonly errno: XsErrno } => ({ ok: false, errno });

/** Requests that need no answer but "done" get this. */
export const ACK: XsResult = yes("OK\0");
