/** Requests about domains: the toolstack's, and GET_DOMAIN_PATH, which anybody may ask. */
import { DOMID_0, DOMID_SELF, Domid, Mfn, Port } from "../../abi/types.ts";
import { ACK, no, type XsResult, yes } from "../outcome.ts";
import { domainPath } from "../path.ts";
import { oneString, stringsOf } from "../wire.ts";
import type { Call } from "./call.ts";

const NUMBER = /^\d{1,15}$/;

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && NUMBER.test(text) ? Number(text) : undefined;

/** `domid|mfn|port|`: from now on the domain's ring is answered. */
export function introduce({ xs, payload }: Call): XsResult {
  const [domid, mfn, port] = stringsOf(payload).map(numberOf);
  if (domid === undefined || mfn === undefined || port === undefined || port === 0) return no("EINVAL");
  return xs.domains.introduce(Domid(domid), Mfn(mfn), Port(port));
}

export function release({ xs, payload }: Call): XsResult {
  const domid = numberOf(oneString(payload));
  if (domid === undefined || domid === 0) return no("EINVAL");
  return xs.domains.release(Domid(domid)) ? ACK : no("ENOENT");
}

export function getDomainPath({ payload }: Call): XsResult {
  const domid = numberOf(oneString(payload));
  return domid === undefined ? no("EINVAL") : yes(`${domainPath(domid)}\0`);
}

export function isDomainIntroduced({ xs, payload }: Call): XsResult {
  const domid = numberOf(oneString(payload));
  if (domid === undefined) return no("EINVAL");
  return yes(domid === DOMID_0 || domid === DOMID_SELF || xs.domains.has(Domid(domid)) ? "T\0" : "F\0");
}

/** The domain runs again after a suspend: its next shutdown is news. */
export function resume({ xs, payload }: Call): XsResult {
  const domid = numberOf(oneString(payload));
  if (domid === undefined || domid === 0) return no("EINVAL");
  return xs.domains.resume(Domid(domid)) ? ACK : no("ENOENT");
}

/** `domid|target|`: a stub domain gets the rights of the domain that it serves. */
export function setTarget({ xs, payload }: Call): XsResult {
  const [domid, target] = stringsOf(payload).map(numberOf);
  if (domid === undefined || target === undefined) return no("EINVAL");
  return xs.domains.setTarget(Domid(domid), Domid(target)) ? ACK : no("ENOENT");
}
