/** grant_table_op: a table's size and version, and the frames it lies in. */
import { ERRNO } from "../../abi/errno.ts";
import {
  GNTST,
  type GrantStatus,
  gnttabGetStatusFrames,
  gnttabGetVersion,
  gnttabQuerySize,
  gnttabSetupTable,
} from "../../abi/grant-table.ts";
import type { Domain } from "../domain/domain.ts";
import type { Call } from "../hypercall/context.ts";
import { readGuest, readGuestU32, writeGuest, writeGuestU32, writeGuestU64 } from "../memory/guest-access.ts";
import { domainByAnyId, mayActOn } from "../memory/privilege.ts";
import { warn } from "../memory/warn.ts";
import { growGrantTable } from "./grant-table.ts";

/** The domain that a query names, or why not. */
function queried({ machine, domain }: Call, domid: number): Domain | GrantStatus {
  const target = domainByAnyId(machine, domain, domid);
  if (target === undefined) return GNTST.bad_domain;
  return mayActOn(domain, target) ? target : GNTST.permission_denied;
}

/** Grows the table to the frames wanted and lists them; only so many, even if it is larger. */
export function setupTable(call: Call, count: number): number {
  if (count !== 1) return -ERRNO.EINVAL;
  const bytes = new Uint8Array(gnttabSetupTable.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(call.machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const op = gnttabSetupTable.read(view, 0);
  gnttabSetupTable.field.status.set(view, 0, setup(call, op.dom, op.nrFrames, op.frameList));
  return writeGuest(call.machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}

function setup(call: Call, domid: number, frames: number, list: bigint): GrantStatus {
  const { machine } = call;
  const target = queried(call, domid);
  if (typeof target !== "object") return target;
  const table = target.grants;
  if (frames > table.maxFrames) {
    warn(machine, `d${target.domid} is limited to ${table.maxFrames} grant-table frames`);
    return GNTST.general_error;
  }
  if (!growGrantTable(machine, target, frames)) {
    warn(
      machine,
      `Expand grant table of d${target.domid} to ${frames} failed. Current: ${table.frames.length} Max: ${table.maxFrames}`,
    );
    return GNTST.general_error;
  }
  let status: GrantStatus = GNTST.okay;
  for (const [i, mfn] of table.frames.slice(0, frames).entries()) {
    if (!writeGuestU64(machine, BigInt.asUintN(64, list + BigInt(i) * 8n), BigInt(mfn)))
      status = GNTST.bad_virt_addr;
  }
  return status;
}

export function querySize(call: Call, count: number): number {
  if (count !== 1) return -ERRNO.EINVAL;
  const bytes = new Uint8Array(gnttabQuerySize.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(call.machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const { dom, nrFrames, maxNrFrames, status } = gnttabQuerySize.field;
  const target = queried(call, dom.get(view, 0));
  if (typeof target === "object") {
    nrFrames.set(view, 0, target.grants.frames.length);
    maxNrFrames.set(view, 0, target.grants.maxFrames);
  }
  status.set(view, 0, typeof target === "object" ? GNTST.okay : target);
  return writeGuest(call.machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}

/** Version 1 is the only one (gnttab=max-ver:1): 2 answers -ENOSYS as a Xen from before there was a choice. */
export function setVersion({ machine, args }: Call): number {
  const wanted = readGuestU32(machine, args[1]);
  if (wanted === undefined) return -ERRNO.EFAULT;
  const result = wanted === 1 ? 0 : wanted === 2 ? -ERRNO.ENOSYS : -ERRNO.EINVAL;
  return writeGuestU32(machine, args[1], 1) ? result : -ERRNO.EFAULT;
}

export function getVersion(call: Call): number {
  const bytes = new Uint8Array(gnttabGetVersion.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(call.machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const { dom, version } = gnttabGetVersion.field;
  const target = domainByAnyId(call.machine, call.domain, dom.get(view, 0));
  if (target === undefined) return -ERRNO.ESRCH;
  if (!mayActOn(call.domain, target)) return -ERRNO.EPERM;
  version.set(view, 0, target.grants.version);
  return writeGuest(call.machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}

/** There are status frames in version 2 only. */
export function getStatusFrames(call: Call, count: number): number {
  if (count !== 1) return -ERRNO.EINVAL;
  const bytes = new Uint8Array(gnttabGetStatusFrames.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(call.machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const { dom, nrFrames, status } = gnttabGetStatusFrames.field;
  const target = queried(call, dom.get(view, 0));
  const result =
    typeof target === "object" ? (nrFrames.get(view, 0) === 0 ? GNTST.okay : GNTST.general_error) : target;
  status.set(view, 0, result);
  return writeGuest(call.machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}
