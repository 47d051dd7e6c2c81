/** Mapping other domains' frames by grant, and unmapping them: what both doors share. */
import {
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST,
  type GrantStatus,
} from "../../abi/grant-table.ts";
import type { Domid } from "../../abi/types.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { HeldFrame } from "../memory/mapped-frame.ts";
import { getFrame, getWritableType, putFrame, putWritableType } from "../memory/references.ts";
import { hex, warn } from "../memory/warn.ts";
import { dropHandle, type Mapping, newHandle } from "./grant-table.ts";
import { couldNotPin, pinGrant, type Use, unpinGrant } from "./pin.ts";
import { createGrantMapping, replaceGrantMapping } from "./pte.ts";

export interface Mapped {
  readonly handle: number;
  readonly mfn: number;
}

const usesOf = (flags: number): Use[] => {
  const uses: Use[] = [];
  if (flags & GNTMAP_device_map) uses.push(flags & GNTMAP_readonly ? "deviceRead" : "deviceWrite");
  if (flags & GNTMAP_host_map) uses.push(flags & GNTMAP_readonly ? "hostRead" : "hostWrite");
  return uses;
};

/**
 * Maps grant `ref` of `dom` for `mapper`. `install` makes the host mapping: the frame's references (general, and writable
 * unless read-only) are then its own; it answers a status.
 */
function mapGrant(
  machine: Machine,
  mapper: Domain,
  dom: Domid,
  ref: number,
  flags: number,
  install: (mapping: Mapping, mfn: number, handle: number) => GrantStatus,
): GrantStatus | Mapped {
  const uses = usesOf(flags);
  if (uses.length === 0) {
    warn(machine, `Bad flags in grant map op: ${hex(flags)}`);
    return GNTST.bad_gntref;
  }
  const granter = machine.domains.get(dom);
  if (granter === undefined) {
    warn(machine, `Could not find domain ${dom}`);
    return GNTST.bad_domain;
  }
  const handle = newHandle(mapper.grants);
  if (handle === undefined) {
    warn(machine, "Failed to obtain maptrack handle");
    return GNTST.no_space;
  }
  const status = attempt(machine, mapper, granter, ref, flags, uses, handle, install);
  if (typeof status !== "object") dropHandle(mapper.grants, handle);
  return status;
}

function attempt(
  machine: Machine,
  mapper: Domain,
  granter: Domain,
  ref: number,
  flags: number,
  uses: readonly Use[],
  handle: number,
  install: (mapping: Mapping, mfn: number, handle: number) => GrantStatus,
): GrantStatus | Mapped {
  const grant = pinGrant(machine, granter, ref, mapper.domid, uses, false);
  if (typeof grant !== "object") return grant;
  const { mfn } = grant;
  const { frames } = machine;
  const writable = (flags & GNTMAP_readonly) === 0;
  // One reference came with the pin; a second kind of use needs its own.
  let held = 1;
  let typed = 0;
  let status: GrantStatus = GNTST.okay;
  for (let i = 1; i < uses.length; i++) if (getFrame(frames, mfn, granter.domid)) held++;
  if (writable) for (const _ of uses) if (getWritableType(frames, mfn)) typed++;
  if (held < uses.length || (writable && typed < uses.length)) {
    status = couldNotPin(machine, granter, mfn);
  } else {
    const mapping: Mapping = { domid: granter.domid, granter, ref, flags, held: undefined };
    if (flags & GNTMAP_host_map) status = install(mapping, mfn, handle);
    if (status === GNTST.okay) {
      mapper.grants.maptrack[handle] = mapping;
      return { handle, mfn };
    }
  }
  for (const use of uses) unpinGrant(machine, granter, ref, use);
  for (; typed > 0; typed--) putWritableType(frames, mfn);
  for (; held > 0; held--) putFrame(machine, mfn);
  return status;
}

/** As an executing guest asks for it: a page-table entry at `hostAddr`. */
export const mapIntoTable = (
  machine: Machine,
  vcpu: Vcpu,
  dom: Domid,
  ref: number,
  flags: number,
  hostAddr: bigint,
): GrantStatus | Mapped =>
  mapGrant(machine, vcpu.domain, dom, ref, flags, (_, mfn) =>
    createGrantMapping(machine, vcpu, hostAddr, mfn, flags),
  );

/** As a TypeScript domain asks for it. */
export function mapAsFrame(
  machine: Machine,
  mapper: Domain,
  dom: Domid,
  ref: number,
  writable: boolean,
): GrantStatus | HeldFrame {
  let frame: HeldFrame | undefined;
  const flags = GNTMAP_host_map | (writable ? 0 : GNTMAP_readonly);
  const status = mapGrant(machine, mapper, dom, ref, flags, (mapping, mfn, handle) => {
    const { granter } = mapping;
    frame = new HeldFrame(machine, mapper, mfn, writable, () => {
      unpinGrant(machine, granter, ref, writable ? "hostWrite" : "hostRead");
      dropHandle(mapper.grants, handle);
    });
    mapping.held = frame;
    return GNTST.okay;
  });
  return typeof status === "object" && frame !== undefined ? frame : (status as GrantStatus);
}

/** GNTTABOP_unmap_grant_ref and unmap_and_replace. The caller flushes TLBs before its guest goes on. */
export function unmapGrant(
  machine: Machine,
  vcpu: Vcpu,
  handle: number,
  hostAddr: bigint,
  devBusAddr: bigint,
  newAddr: bigint,
): GrantStatus {
  const table = vcpu.domain.grants;
  const mapping = table.maptrack[handle];
  if (mapping === undefined || mapping.held !== undefined) {
    warn(machine, `Bad d${vcpu.domain.domid} handle 0x${hex(handle)}`);
    return GNTST.bad_handle;
  }
  const { granter, ref, flags } = mapping;
  const grant = granter.grants.active.get(ref);
  if (grant === undefined) return GNTST.bad_handle;
  const { mfn } = grant;
  const readonly = (flags & GNTMAP_readonly) !== 0;
  const done: Use[] = [];
  if (devBusAddr !== 0n && flags & GNTMAP_device_map && devBusAddr !== BigInt(mfn) << 12n) {
    warn(machine, "Bus address doesn't match gntref");
    return GNTST.bad_dev_addr;
  }
  if (hostAddr !== 0n && flags & GNTMAP_host_map) {
    const status = replaceGrantMapping(machine, vcpu, hostAddr, mfn, newAddr, flags);
    if (status !== GNTST.okay) return status;
    mapping.flags &= ~GNTMAP_host_map;
    done.push(readonly ? "hostRead" : "hostWrite");
  }
  if (devBusAddr !== 0n && flags & GNTMAP_device_map) {
    mapping.flags &= ~GNTMAP_device_map;
    done.push(readonly ? "deviceRead" : "deviceWrite");
  }
  if ((mapping.flags & (GNTMAP_device_map | GNTMAP_host_map)) === 0) dropHandle(table, handle);
  for (const use of done) {
    unpinGrant(machine, granter, ref, use);
    if (!readonly) putWritableType(machine.frames, mfn);
    putFrame(machine, mfn);
  }
  return GNTST.okay;
}
