/** mmu_update: page-table entries and M2P entries by machine address. */
import { ERRNO } from "../../abi/errno.ts";
import {
  MMU_MACHPHYS_UPDATE,
  MMU_NORMAL_PT_UPDATE,
  MMU_PT_UPDATE_NO_TRANSLATE,
  MMU_PT_UPDATE_PRESERVE_AD,
  PTE_P,
} from "../../abi/mmu.ts";
import type { Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { chargeWork } from "../time/cost-table.ts";
import { PGT_l1, PGT_l2, PGT_l3, PGT_l4, TYPE_COUNT, TYPE_MASK, TYPE_SHIFT } from "./frame-table.ts";
import { frameOf, NO_FRAME } from "./l1-entry.ts";
import { modL1Entry, modTableEntry } from "./mod-entry.ts";
import { mayActOn, pageOwner } from "./privilege.ts";
import { getFrame, getWritableType, putFrame, putWritableType } from "./references.ts";
import { begin, goOnLater, REQUESTS_A_SLICE, readRequest, reportDone, request } from "./requests.ts";
import { writeAddressOf } from "./slots.ts";
import { drain, prepare, settle } from "./stepwise.ts";
import { flushDomain } from "./tlb.ts";
import { warn } from "./warn.ts";

const SIZE = 16;
/** Table entries looked at before others get their turn. */
const ENTRIES_A_SLICE = 16 * 512;
/** Changing an entry counts as so many. */
const ENTRY_COST = 4;

/** (reqs, count, *done, foreigndom): foreigndom's low half owns the mapped frames, its high half − 1 the tables. */
export function doMmuUpdate(call: Call): CallResult {
  const { machine, domain } = call;
  const { count, before } = begin(call);
  const foreign = call.lo(3);
  let ptDomain = domain;
  if (foreign >>> 16 !== 0) {
    const other = machine.domains.get(((foreign >>> 16) - 1) as Domid);
    if (other === undefined) return -ERRNO.ESRCH;
    if (other.vcpus.length === 0) return -ERRNO.EINVAL;
    ptDomain = other;
  }
  const pgOwner = pageOwner(machine, domain, foreign & 0xffff);
  if (pgOwner < 0) return pgOwner;
  let low = call.lo(0);
  let high = call.hi(0);
  let failed = 0;
  let flush = false;
  let i = 0;
  const enough = machine.frames.walked + ENTRIES_A_SLICE;
  let drained = drain(machine, ptDomain);
  for (; i < count && drained && machine.frames.walked < enough; i++) {
    if (i === REQUESTS_A_SLICE) break;
    machine.frames.walked += ENTRY_COST;
    if (!readRequest(machine, low, high, SIZE)) {
      failed = -ERRNO.EFAULT;
      break;
    }
    failed = update(machine, domain, ptDomain, pgOwner);
    if (failed > 0) {
      const later = failed === LATER;
      flush = true;
      failed = 0;
      if (later) break;
      drained = drain(machine, ptDomain);
    }
    if (failed !== 0) break;
    low += SIZE;
    if (low > 0xffff_ffff) {
      low -= 0x1_0000_0000;
      high = (high + 1) >>> 0;
    }
  }
  // Entries above L1 may be cached as part of a linear map.
  if (flush) flushDomain(machine, ptDomain);
  reportDone(call, before + i);
  chargeWork(machine, "entry", i);
  return (i < count || !drained) && failed === 0 ? goOnLater(call, i, count, SIZE) : failed;
}

const NEEDS_FLUSH = 1;
/** A step towards it has been made; it is to be carried out again. */
const LATER = 2;

/** Carries out `request`. 0, -errno, NEEDS_FLUSH or LATER. */
function update(machine: Machine, caller: Domain, ptDomain: Domain, pgOwner: number): number {
  const ptrLow = request[0] as number;
  const ptrHigh = request[1] as number;
  const low = request[2] as number;
  const high = request[3] as number;
  const mfn = ptrHigh > 0xfff ? NO_FRAME : ((ptrLow >>> 12) | (ptrHigh << 20)) >>> 0;
  const command = ptrLow & 7;
  switch (command) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
    case MMU_PT_UPDATE_NO_TRANSLATE: {
      if (!mayActOn(caller, ptDomain)) return -ERRNO.EPERM;
      if (!getFrame(machine.frames, mfn, ptDomain.domid)) {
        warn(machine, "Could not get page for normal update");
        return -ERRNO.EINVAL;
      }
      const result = updateEntry(
        machine,
        ptDomain,
        mfn,
        ptrLow & 0xff8,
        low,
        high,
        pgOwner,
        command === MMU_PT_UPDATE_PRESERVE_AD,
      );
      putFrame(machine, mfn);
      return result;
    }
    case MMU_MACHPHYS_UPDATE: {
      if (caller !== ptDomain) return -ERRNO.EPERM;
      if (!getFrame(machine.frames, mfn, pgOwner)) {
        warn(machine, "Could not get page for mach->phys update");
        return -ERRNO.EINVAL;
      }
      const set = machine.frames.setPfn(mfn, low, high);
      putFrame(machine, mfn);
      if (set) return 0;
      machine.crash(caller, "this host has no memory left for the machine-to-physical table");
      return -ERRNO.ENOMEM;
    }
    default:
      return -ERRNO.ENOSYS;
  }
}

function updateEntry(
  machine: Machine,
  ptDomain: Domain,
  mfn: number,
  offset: number,
  low: number,
  high: number,
  pgOwner: number,
  preserveAd: boolean,
): number {
  const { info } = machine.frames;
  const page = mfn << 2;
  const inUse = info[page + TYPE_COUNT] !== 0;
  switch (((info[page] as number) & TYPE_MASK) >> TYPE_SHIFT) {
    case PGT_l1:
      if (inUse) return modL1Entry(machine, mfn, offset, low, high, pgOwner, preserveAd);
      break;
    case PGT_l2:
    case PGT_l3:
    case PGT_l4:
      if (inUse) {
        if (pgOwner !== ptDomain.domid) return -ERRNO.EINVAL;
        const level = ((info[page] as number) & TYPE_MASK) >> TYPE_SHIFT;
        if (low & PTE_P && !prepare(machine, ptDomain, frameOf(low, high), level - 1)) return LATER;
        const failed = modTableEntry(machine, mfn, level, offset, low, high, preserveAd);
        settle(ptDomain);
        return failed || NEEDS_FLUSH;
      }
      break;
    default:
      break;
  }
  // No table: plain memory, which the guest could write itself.
  if (!getWritableType(machine.frames, mfn)) return -ERRNO.EINVAL;
  const at = writeAddressOf(machine, mfn);
  if (at !== 0) {
    const { mem } = machine.engine;
    mem.u32[(at + offset) >> 2] = low;
    mem.u32[((at + offset) >> 2) + 1] = high;
    mem.noteWrite(mfn, offset, 8);
  }
  putWritableType(machine.frames, mfn);
  return at === 0 ? -ERRNO.ENOMEM : 0;
}
