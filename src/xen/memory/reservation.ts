/** memory_op: a domain's memory grows and shrinks (the balloon), and how much it has. */
import { ERRNO } from "../../abi/errno.ts";
import {
  MEMOP_EXTENT_SHIFT,
  memoryReservation,
  XENMEM_current_reservation,
  XENMEM_increase_reservation,
  XENMEM_maximum_reservation,
  XENMEM_populate_physmap,
  XENMEMF_exact_node_request,
  XENMEMF_populate_on_demand,
} from "../../abi/memory.ts";
import type { Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { allocFrames, claim, removeFrame, setM2p } from "./allocate.ts";
import { readGuest, readGuestU64, writeGuestU64 } from "./guest-access.ts";
import { domainByAnyId, mayActOn } from "./privilege.ts";
import { logForGuest } from "./warn.ts";

/** Largest extents: 2 MiB for guests (CONFIG_DOMU_MAX_ORDER), 1 GiB for the control domain. */
export const maxOrder = (caller: Domain): number => (caller.privileged ? 18 : 9);
/** Frames handled before others get their turn. */
const FRAMES_A_SLICE = 1024;

interface Request {
  readonly domain: Domain;
  readonly list: bigint;
  readonly extents: number;
  readonly order: number;
}

/** increase_reservation, decrease_reservation, populate_physmap: answers how many extents are done; short when one failed. */
export function reservation(call: Call, command: number, start: number): CallResult {
  const request = readReservation(call);
  if (request === undefined || start >= request.extents) return start;
  const { machine } = call;
  const slice = Math.max(1, FRAMES_A_SLICE >> request.order);
  let done = start;
  for (; done < request.extents; done++) {
    if (done - start >= slice) {
      call.setArg(0, BigInt(command) + (BigInt(done) << BigInt(MEMOP_EXTENT_SHIFT)));
      return "preempted";
    }
    if (!oneExtent(machine, request, command, done)) break;
  }
  return done;
}

function readReservation(call: Call): Request | undefined {
  const { machine, domain: caller } = call;
  const bytes = new Uint8Array(memoryReservation.size);
  if (!readGuest(machine, call.args[1], bytes)) return undefined;
  const r = memoryReservation.read(new DataView(bytes.buffer), 0);
  if (r.nrExtents > 0xffff_ffff / 2 ** MEMOP_EXTENT_SHIFT || r.extentOrder > maxOrder(caller))
    return undefined;
  const domain = domainByAnyId(machine, caller, r.domid);
  if (domain === undefined || !mayActOn(caller, domain)) return undefined;
  // No NUMA nodes to choose for a guest, and populate-on-demand is not for PV.
  if (r.memFlags & (XENMEMF_populate_on_demand | (caller.privileged ? 0 : XENMEMF_exact_node_request)))
    return undefined;
  return { domain, list: r.extentStart, extents: r.nrExtents, order: r.extentOrder };
}

function oneExtent(
  machine: Machine,
  { domain, list, order }: Request,
  command: number,
  index: number,
): boolean {
  const at = BigInt.asUintN(64, list + BigInt(index) * 8n);
  if (command === XENMEM_increase_reservation) {
    const mfn = allocFrames(machine, domain, order);
    return mfn !== 0 && (list === 0n || writeGuestU64(machine, at, BigInt(mfn)));
  }
  const number = readGuestU64(machine, at);
  if (number === undefined) return false;
  if (command === XENMEM_populate_physmap) {
    const mfn = allocFrames(machine, domain, order);
    if (mfn === 0) return false;
    return setM2p(machine, mfn, Number(number), 2 ** order) && writeGuestU64(machine, at, BigInt(mfn));
  }
  for (let i = 0n; i < 2n ** BigInt(order); i++) {
    const mfn = number + i;
    if (mfn > 0xffff_ffffn || !removeFrame(machine, domain, Number(mfn))) {
      logForGuest(machine, `Bad page free for Dom${domain.domid} GFN ${mfn.toString(16)}`);
      return false;
    }
  }
  return true;
}

/** current_reservation, maximum_reservation, maximum_gpfn. */
export function reservationSize(call: Call, command: number): number {
  const { machine, domain: caller } = call;
  const bytes = new Uint8Array(2);
  if (!readGuest(machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const domain = domainByAnyId(machine, caller, new DataView(bytes.buffer).getUint16(0, true));
  if (domain === undefined) return -ERRNO.ESRCH;
  if (!mayActOn(caller, domain)) return -ERRNO.EPERM;
  if (command === XENMEM_current_reservation) return domain.memory.totPages;
  if (command === XENMEM_maximum_reservation) return domain.memory.maxPages;
  // A PV guest says itself how far its frame numbers go: shared_info's arch.max_pfn.
  const maxPfn =
    domain.sharedInfo === undefined
      ? 0
      : machine.engine.mem.view.getUint32(domain.sharedInfo.address + 0xc10, true);
  return Math.max(maxPfn, 1) - 1;
}

export function claimPages(call: Call): number {
  const { machine, domain: caller } = call;
  const bytes = new Uint8Array(memoryReservation.size);
  if (!readGuest(machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const r = memoryReservation.read(new DataView(bytes.buffer), 0);
  if (r.extentStart !== 0n || r.extentOrder !== 0 || r.memFlags !== 0) return -ERRNO.EINVAL;
  const domain = machine.domains.get(r.domid as Domid);
  if (domain === undefined) return -ERRNO.EINVAL;
  if (!caller.privileged) return -ERRNO.EPERM;
  const result = claim(machine, domain, r.nrExtents);
  return result === "ok" ? 0 : -ERRNO[result];
}
