/** GNTTABOP_copy: bytes between frames, each a grant of somebody's or a frame of the caller's. */
import { GNTST, type GrantStatus } from "../../abi/grant-table.ts";
import { DOMID_SELF, type Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { domainByAnyId } from "../memory/privilege.ts";
import { getFrame, getWritableType, putFrame, putWritableType } from "../memory/references.ts";
import { writeAddressOf } from "../memory/slots.ts";
import { hexMfn, warn } from "../memory/warn.ts";
import { pinGrant, unpinGrant } from "./pin.ts";

/** One end of a copy: a frame number of the caller's own, or a grant. */
export interface CopyEnd {
  readonly domid: number;
  readonly by: "frame" | "grant";
  readonly number: number;
  readonly offset: number;
}

interface Claimed {
  readonly mfn: number;
  release(): void;
}

export function copy(
  machine: Machine,
  caller: Domain,
  source: CopyEnd,
  dest: CopyEnd,
  length: number,
): GrantStatus {
  const sourceOwner = endOwner(machine, caller, source);
  if (typeof sourceOwner !== "object") return sourceOwner;
  const destOwner = endOwner(machine, caller, dest);
  if (typeof destOwner !== "object") return destOwner;
  const from = claimEnd(machine, caller, sourceOwner, source, false);
  if (typeof from !== "object") return from;
  const to = claimEnd(machine, caller, destOwner, dest, true);
  if (typeof to !== "object") {
    from.release();
    return to;
  }
  const status = move(machine, from.mfn, source.offset, to.mfn, dest.offset, length);
  to.release();
  from.release();
  return status;
}

/** Grants on one side only: what a TypeScript domain copies out of, or into, its own arrays. Hands the frame's address to `act`. */
export function withGrant(
  machine: Machine,
  caller: Domain,
  dom: Domid,
  ref: number,
  write: boolean,
  act: (mfn: number) => GrantStatus,
): GrantStatus {
  const end: CopyEnd = { domid: dom, by: "grant", number: ref, offset: 0 };
  const owner = endOwner(machine, caller, end);
  if (typeof owner !== "object") return owner;
  const claimed = claimEnd(machine, caller, owner, end, write);
  if (typeof claimed !== "object") return claimed;
  const status = act(claimed.mfn);
  claimed.release();
  return status;
}

function endOwner(machine: Machine, caller: Domain, end: CopyEnd): GrantStatus | Domain {
  if (end.domid !== DOMID_SELF && end.by === "frame") return GNTST.permission_denied;
  return domainByAnyId(machine, caller, end.domid) ?? GNTST.bad_domain;
}

function claimEnd(
  machine: Machine,
  caller: Domain,
  owner: Domain,
  end: CopyEnd,
  write: boolean,
): GrantStatus | Claimed {
  let mfn = end.number;
  const use = write ? "hostWrite" : "hostRead";
  if (end.by === "grant") {
    const grant = pinGrant(machine, owner, end.number, caller.domid, [use], true);
    if (typeof grant !== "object") return grant;
    mfn = grant.mfn;
  } else if (!getFrame(machine.frames, mfn, owner.domid)) {
    warn(machine, `source frame ${hexMfn(mfn)} invalid`);
    return GNTST.bad_page;
  }
  const release = (): void => {
    if (end.by === "grant") unpinGrant(machine, owner, end.number, use);
    putFrame(machine, mfn);
  };
  if (!write) return { mfn, release };
  if (!getWritableType(machine.frames, mfn)) {
    if (!owner.dying) warn(machine, `Could not get writable frame ${hexMfn(mfn)}`);
    release();
    return GNTST.general_error;
  }
  return {
    mfn,
    release: () => {
      putWritableType(machine.frames, mfn);
      release();
    },
  };
}

function move(
  machine: Machine,
  from: number,
  fromOffset: number,
  to: number,
  toOffset: number,
  length: number,
): GrantStatus {
  if (fromOffset + length > 4096 || toOffset + length > 4096) {
    warn(machine, "copy beyond page area");
    return GNTST.bad_copy_arg;
  }
  if (length === 0) return GNTST.okay;
  const at = writeAddressOf(machine, to);
  if (at === 0) return GNTST.general_error;
  const { mem } = machine.engine;
  const source = mem.readAddress(from) + fromOffset;
  mem.u8.copyWithin(at + toOffset, source, source + length);
  mem.noteWrite(to, toOffset, length);
  return GNTST.okay;
}
