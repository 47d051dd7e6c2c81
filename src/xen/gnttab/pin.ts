/**
 * Using a grant: the entry is checked once, when its use begins, and marked; the mark stays while anybody uses it, so the
 * granting guest can see when it may take the grant back.
 */
import {
  GNTST,
  type GrantStatus,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_sub_page,
  GTF_type_mask,
  GTF_writing,
} from "../../abi/grant-table.ts";
import type { Domid } from "../../abi/types.ts";
import { bug } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { getFrame } from "../memory/references.ts";
import { writeAddressOf } from "../memory/slots.ts";
import { hex, hexMfn, warn } from "../memory/warn.ts";
import { type ActiveGrant, entryCount, entryPlace } from "./grant-table.ts";

/** How it is used: counts of {@link ActiveGrant}. */
export type Use = "hostRead" | "hostWrite" | "deviceRead" | "deviceWrite";

const isWrite = (use: Use): boolean => use === "hostWrite" || use === "deviceWrite";
const writers = (grant: ActiveGrant): number => grant.hostWrite + grant.deviceWrite;
const users = (grant: ActiveGrant): number => grant.hostRead + grant.deviceRead + writers(grant);

/**
 * Begins `uses` of `granter`'s grant `ref` by `domid`. On success one general reference is held on the frame, the caller's
 * to give back. `forCopy`: a sub-page entry is no obstacle to the check of its type.
 */
export function pinGrant(
  machine: Machine,
  granter: Domain,
  ref: number,
  domid: Domid,
  uses: readonly Use[],
  forCopy: boolean,
): GrantStatus | ActiveGrant {
  const table = granter.grants;
  if (ref >= entryCount(table)) {
    warn(machine, `Bad ref 0x${hex(ref)} for d${granter.domid}`);
    return GNTST.bad_gntref;
  }
  const known = table.active.get(ref);
  if (known !== undefined && (known.domid !== domid || users(known) >= 255)) {
    warn(machine, `Bad domain (${known.domid} != ${domid}), or risk of counter overflow`);
    return GNTST.general_error;
  }
  const write = uses.some(isWrite);
  let grant = known;
  if (grant === undefined || (write && writers(grant) === 0)) {
    const checked = check(machine, granter, ref, domid, grant !== undefined, write, forCopy);
    if (typeof checked !== "object") return checked;
    grant ??= { domid, mfn: checked.frame, hostRead: 0, hostWrite: 0, deviceRead: 0, deviceWrite: 0 };
  }
  if (!getFrame(machine.frames, grant.mfn, granter.domid)) {
    reduceStatus(machine, granter, ref, grant, write);
    return known === undefined ? GNTST.bad_page : GNTST.general_error;
  }
  table.active.set(ref, grant);
  for (const use of uses) grant[use]++;
  return grant;
}

/** Ends one use. The frame's reference is the caller's to give back. */
export function unpinGrant(machine: Machine, granter: Domain, ref: number, use: Use): void {
  const grant = granter.grants.active.get(ref) ?? bug(`grant ${ref} of d${granter.domid} is not in use`);
  if (grant[use] === 0) bug(`grant ${ref} of d${granter.domid} has no ${use}`);
  grant[use]--;
  reduceStatus(machine, granter, ref, grant, isWrite(use));
  if (users(grant) === 0) granter.grants.active.delete(ref);
}

/** Reads the entry once, checks it and marks it as read or written. */
function check(
  machine: Machine,
  granter: Domain,
  ref: number,
  domid: Domid,
  pinned: boolean,
  write: boolean,
  forCopy: boolean,
): GrantStatus | { frame: number } {
  const place = entryPlace(granter.grants, ref);
  if (place === undefined) return GNTST.bad_gntref;
  const at = writeAddressOf(machine, place.mfn);
  if (at === 0) return GNTST.general_error;
  const { view } = machine.engine.mem;
  const entry = at + place.offset;
  const flags = view.getUint16(entry, true);
  const to = view.getUint16(entry + 2, true);
  const mask = forCopy ? GTF_type_mask : GTF_type_mask | GTF_sub_page;
  if (!pinned && ((flags & mask) !== GTF_permit_access || to !== domid)) {
    warn(machine, `Bad flags (${hex(flags)}) or dom (${to}); expected d${domid}`);
    return GNTST.general_error;
  }
  if (write && flags & GTF_readonly) {
    warn(machine, "Attempt to write-pin a r/o grant entry");
    return GNTST.general_error;
  }
  view.setUint16(entry, flags | GTF_reading | (write ? GTF_writing : 0), true);
  machine.engine.mem.noteWrite(place.mfn, place.offset, 2);
  return { frame: view.getUint32(entry + 4, true) };
}

/** Takes the marks away that no use justifies any more. */
function reduceStatus(
  machine: Machine,
  granter: Domain,
  ref: number,
  grant: ActiveGrant,
  wrote: boolean,
): void {
  const clear = (users(grant) === 0 ? GTF_reading : 0) | (wrote && writers(grant) === 0 ? GTF_writing : 0);
  const place = entryPlace(granter.grants, ref);
  if (clear === 0 || place === undefined) return;
  const { mem } = machine.engine;
  const at = mem.writeAddress(place.mfn);
  if (at === 0) return;
  mem.view.setUint16(at + place.offset, mem.view.getUint16(at + place.offset, true) & ~clear, true);
  mem.noteWrite(place.mfn, place.offset, 2);
}

/** For those who cannot get the frame in the way they want it. */
export function couldNotPin(machine: Machine, granter: Domain, mfn: number): GrantStatus {
  if (!granter.dying) warn(machine, `Could not pin grant frame ${hexMfn(mfn)}`);
  return GNTST.general_error;
}
