/** grant_table_op: (cmd, array, count). Each element carries its own status; the call itself fails only for bad arguments. */
import { ERRNO } from "../../abi/errno.ts";
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST,
  GNTTABOP_cache_flush,
  GNTTABOP_copy,
  GNTTABOP_get_status_frames,
  GNTTABOP_get_version,
  GNTTABOP_map_grant_ref,
  GNTTABOP_query_size,
  GNTTABOP_set_version,
  GNTTABOP_setup_table,
  GNTTABOP_swap_grant_ref,
  GNTTABOP_transfer,
  GNTTABOP_unmap_and_replace,
  GNTTABOP_unmap_grant_ref,
  gnttabCopy,
  gnttabMapGrantRef,
  gnttabSwapGrantRef,
  gnttabTransfer,
  gnttabUnmapAndReplace,
  gnttabUnmapGrantRef,
} from "../../abi/grant-table.ts";
import type { Domid } from "../../abi/types.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import { readGuest, writeGuest } from "../memory/guest-access.ts";
import { flushDomain } from "../memory/tlb.ts";
import { cacheFlush } from "./cache-flush.ts";
import { copy } from "./copy.ts";
import { mapIntoTable, unmapGrant } from "./map.ts";
import { getStatusFrames, getVersion, querySize, setupTable, setVersion } from "./queries.ts";
import { swapGrants } from "./swap.ts";

/** Elements handled before others get their turn. */
const ELEMENTS_A_SLICE = 128;
/** cmd's bits above these carry a cache flush's progress (GNTTABOP_CMD_MASK). */
const CMD_MASK = 0xf_ffff;

export function doGrantTableOp(call: Call): CallResult {
  const command = call.lo(0) & CMD_MASK;
  const count = call.lo(2);
  if (count > 0x7fff_ffff) return -ERRNO.EINVAL;
  if (command === GNTTABOP_cache_flush) return cacheFlush(call, count, call.lo(0) - command);
  if (call.lo(0) !== command) return -ERRNO.EINVAL;
  switch (command) {
    case GNTTABOP_map_grant_ref:
      return eachElement(call, count, gnttabMapGrantRef.size, mapOne);
    case GNTTABOP_unmap_grant_ref:
      return flushed(call, eachElement(call, count, gnttabUnmapGrantRef.size, unmapOne));
    case GNTTABOP_unmap_and_replace:
      return flushed(call, eachElement(call, count, gnttabUnmapAndReplace.size, replaceOne));
    case GNTTABOP_setup_table:
      return setupTable(call, count);
    case GNTTABOP_transfer:
      return eachElement(call, count, gnttabTransfer.size, refuseTransfer);
    case GNTTABOP_copy:
      return eachElement(call, count, gnttabCopy.size, copyOne);
    case GNTTABOP_query_size:
      return querySize(call, count);
    case GNTTABOP_set_version:
      return setVersion(call);
    case GNTTABOP_get_status_frames:
      return getStatusFrames(call, count);
    case GNTTABOP_get_version:
      return getVersion(call);
    case GNTTABOP_swap_grant_ref:
      return eachElement(call, count, gnttabSwapGrantRef.size, swapOne);
    // dump_table went away; it answers like a command that never was.
    default:
      return -ERRNO.ENOSYS;
  }
}

function eachElement(
  call: Call,
  count: number,
  size: number,
  act: (call: Call, element: DataView) => void,
): CallResult {
  const { machine } = call;
  const array = call.args[1];
  const bytes = new Uint8Array(size);
  const element = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const at = BigInt.asUintN(64, array + BigInt(i * size));
    if (i === ELEMENTS_A_SLICE) {
      call.setArg(1, at);
      call.setArg(2, BigInt(count - i));
      return "preempted";
    }
    if (!readGuest(machine, at, bytes)) return -ERRNO.EFAULT;
    act(call, element);
    if (!writeGuest(machine, at, bytes)) return -ERRNO.EFAULT;
  }
  return 0;
}

/** No TLB may keep what a batch has unmapped. */
function flushed(call: Call, result: CallResult): CallResult {
  flushDomain(call.machine, call.domain);
  return result;
}

function mapOne({ machine, vcpu }: Call, element: DataView): void {
  const op = gnttabMapGrantRef.read(element, 0);
  const { status, handle, devBusAddr } = gnttabMapGrantRef.field;
  const result = mapIntoTable(machine, vcpu, op.dom as Domid, op.ref, op.flags, op.hostAddr);
  if (typeof result !== "object") {
    status.set(element, 0, result);
    return;
  }
  status.set(element, 0, GNTST.okay);
  handle.set(element, 0, result.handle);
  devBusAddr.set(element, 0, BigInt(result.mfn) << 12n);
}

function unmapOne({ machine, vcpu }: Call, element: DataView): void {
  const op = gnttabUnmapGrantRef.read(element, 0);
  gnttabUnmapGrantRef.field.status.set(
    element,
    0,
    unmapGrant(machine, vcpu, op.handle, op.hostAddr, op.devBusAddr, 0n),
  );
}

function replaceOne({ machine, vcpu }: Call, element: DataView): void {
  const op = gnttabUnmapAndReplace.read(element, 0);
  gnttabUnmapAndReplace.field.status.set(
    element,
    0,
    unmapGrant(machine, vcpu, op.handle, op.hostAddr, 0n, op.newAddr),
  );
}

/** Page flipping died with netback 1: bad_page is the status that leaves the page with its owner. */
function refuseTransfer(_call: Call, element: DataView): void {
  gnttabTransfer.field.status.set(element, 0, GNTST.bad_page);
}

function copyOne({ machine, domain }: Call, element: DataView): void {
  const op = gnttabCopy.read(element, 0);
  const end = (value: bigint, isGrant: boolean, domid: number, offset: number) => ({
    domid,
    by: isGrant ? ("grant" as const) : ("frame" as const),
    number: isGrant ? Number(value & 0xffff_ffffn) : Number(value),
    offset,
  });
  const status = copy(
    machine,
    domain,
    end(op.source, (op.flags & GNTCOPY_source_gref) !== 0, op.sourceDomid, op.sourceOffset),
    end(op.dest, (op.flags & GNTCOPY_dest_gref) !== 0, op.destDomid, op.destOffset),
    op.len,
  );
  gnttabCopy.field.status.set(element, 0, status);
}

function swapOne({ machine, domain }: Call, element: DataView): void {
  const { refA, refB, status } = gnttabSwapGrantRef.field;
  status.set(element, 0, swapGrants(machine, domain, refA.get(element, 0), refB.get(element, 0)));
}
