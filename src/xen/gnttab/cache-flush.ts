/**
 * GNTTABOP_cache_flush: a range of a page of one's own, or of one that one has mapped by a grant. The model has no caches, so
 * what is left of it are its answers.
 */
import type { Errno } from "../../abi/errno.ts";
import { GNTTAB_CACHE_CLEAN, GNTTAB_CACHE_INVAL, gnttabCacheFlush } from "../../abi/grant-table.ts";
import { DOMID_INVALID, type Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import { argumentAt, minus } from "../hypercall/argument.ts";
import type { Call, CallResult } from "../hypercall/context.ts";

const PAGE = 4096;
/** Elements handled before others get their turn. */
const ELEMENTS_A_SLICE = 128;

/**
 * (cmd, array, count); `cursor`: what stands in cmd above the command, the reference where a search goes on. It stops at the
 * first element that is refused.
 */
export function cacheFlush(call: Call, count: number, cursor: number): CallResult {
  let from = cursor;
  for (let i = 0; i < count; i++) {
    const at = BigInt.asUintN(64, call.args[1] + BigInt(i * gnttabCacheFlush.size));
    if (i === ELEMENTS_A_SLICE) {
      call.setArg(1, at);
      call.setArg(2, BigInt(count - i));
      return "preempted";
    }
    const element = argumentAt(call, at, gnttabCacheFlush.size);
    if (element === undefined) return minus("EFAULT");
    const refused = flushOne(call, element, from);
    if (refused !== undefined) return minus(refused);
    from = 0;
  }
  return 0;
}

function flushOne({ machine, domain }: Call, element: DataView, from: number): Errno | undefined {
  const { devBusAddr, offset, length, op } = gnttabCacheFlush.read(element, 0);
  if (offset >= PAGE || offset + length > PAGE) return "EINVAL";
  if ((op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)) !== 0) return "EINVAL";
  if (length === 0 || op === 0) return from === 0 ? undefined : "EILSEQ";
  const mfn = Number(devBusAddr >> 12n);
  if (mfn >= machine.frames.total) return "EINVAL";
  const owner = machine.frames.owner(mfn);
  if (owner !== domain.domid) {
    const granter = owner === DOMID_INVALID ? undefined : machine.domains.get(owner as Domid);
    if (granter === undefined) return "EPERM";
    if (!hasMapped(domain, granter, mfn)) return "EINVAL";
  }
  return op === GNTTAB_CACHE_INVAL ? "EOPNOTSUPP" : undefined; // x86 cannot drop lines without writing them back
}

/** `grant_map_exists` */
function hasMapped(domain: Domain, granter: Domain, mfn: number): boolean {
  for (const grant of granter.grants.active.values()) {
    const pinned = grant.hostRead + grant.hostWrite + grant.deviceRead + grant.deviceWrite > 0;
    if (pinned && grant.domid === domain.domid && grant.mfn === mfn) return true;
  }
  return false;
}
