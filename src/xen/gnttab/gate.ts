/** Grants through the TypeScript door. */
import { done, type Errno, ok, refuse, type XenResult } from "../../abi/errno.ts";
import { GNTST, type GrantStatus, GTF_permit_access, grantEntryV1 } from "../../abi/grant-table.ts";
import type { GnttabCalls, MappedFrame } from "../../abi/hypercall.ts";
import type { Domid, Gfn, Gref } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { target } from "../memory/gate.ts";
import { HeldFrame } from "../memory/mapped-frame.ts";
import { getWritableFrame } from "../memory/references.ts";
import { writeAddressOf } from "../memory/slots.ts";
import { withGrant } from "./copy.ts";
import { entryPlace, growGrantTable } from "./grant-table.ts";
import { mapAsFrame } from "./map.ts";

/** Status words as the Gate's errnos. */
function errnoOf(status: GrantStatus): Errno {
  switch (status) {
    case GNTST.bad_domain:
      return "ESRCH";
    case GNTST.permission_denied:
      return "EPERM";
    case GNTST.no_space:
    case GNTST.no_device_space:
      return "ENOSPC";
    case GNTST.eagain:
      return "EAGAIN";
    default:
      return "EINVAL";
  }
}

export const gnttabCalls = (machine: Machine, caller: Domain): GnttabCalls => ({
  map(dom, ref, access) {
    const frame = mapAsFrame(machine, caller, dom, ref, access === "write");
    return typeof frame === "object" ? ok(frame) : refuse(errnoOf(frame));
  },

  copyFrom(dom, ref, offset, length) {
    if (offset < 0 || length < 0 || offset + length > 4096) return refuse("EINVAL");
    let bytes = new Uint8Array(0);
    const status = withGrant(machine, caller, dom, ref, false, (mfn) => {
      const at = machine.engine.mem.readAddress(mfn) + offset;
      bytes = machine.engine.mem.u8.slice(at, at + length);
      return GNTST.okay;
    });
    return status === GNTST.okay ? ok(bytes) : refuse(errnoOf(status));
  },

  copyTo(dom, ref, offset, bytes) {
    if (offset < 0 || offset + bytes.length > 4096) return refuse("EINVAL");
    const status = withGrant(machine, caller, dom, ref, true, (mfn) => {
      const at = writeAddressOf(machine, mfn);
      if (at === 0) return GNTST.general_error;
      machine.engine.mem.u8.set(bytes, at + offset);
      machine.engine.mem.noteWrite(mfn, offset, bytes.length);
      return GNTST.okay;
    });
    return status === GNTST.okay ? done : refuse(errnoOf(status));
  },

  setupTable(frames) {
    if (caller.dying || !growGrantTable(machine, caller, frames)) return refuse("EINVAL");
    const mapped: MappedFrame[] = [];
    for (const mfn of caller.grants.frames) {
      if (!getWritableFrame(machine, mfn, caller.domid)) return refuse("EINVAL");
      mapped.push(new HeldFrame(machine, caller, mfn, true));
    }
    return ok(mapped);
  },

  seed: (dom, ref, to, frame) => seed(machine, caller, dom, ref, to, frame),
});

/** The builder's entries (console, xenstore) in a table that its guest has not set up yet. */
function seed(machine: Machine, caller: Domain, dom: Domid, ref: Gref, to: Domid, frame: Gfn): XenResult {
  const domain = target(machine, caller, dom);
  if (!domain.ok) return domain;
  if (domain.value.grants.frames.length === 0 && !growGrantTable(machine, domain.value, 1))
    return refuse("ENOMEM");
  const place = entryPlace(domain.value.grants, ref);
  if (place === undefined || domain.value.grants.active.has(ref)) return refuse("EINVAL");
  const { mem } = machine.engine;
  const at = writeAddressOf(machine, place.mfn);
  if (at !== 0) {
    grantEntryV1.write(mem.view, at + place.offset, { flags: GTF_permit_access, domid: to, frame });
    mem.noteWrite(place.mfn, place.offset, grantEntryV1.size);
  }
  return at === 0 ? refuse("ENOMEM") : done;
}
