/** mmuext_op: pins, base pointers, TLB flushes, LDT, and pages cleared and copied by machine frame. */
import { ERRNO } from "../../abi/errno.ts";
import {
  MAX_LDT_ENTRIES,
  MMUEXT_CLEAR_PAGE,
  MMUEXT_COPY_PAGE,
  MMUEXT_FLUSH_CACHE,
  MMUEXT_FLUSH_CACHE_GLOBAL,
  MMUEXT_INVLPG_ALL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_INVLPG_MULTI,
  MMUEXT_MARK_SUPER,
  MMUEXT_NEW_BASEPTR,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L2_TABLE,
  MMUEXT_PIN_L3_TABLE,
  MMUEXT_PIN_L4_TABLE,
  MMUEXT_SET_LDT,
  MMUEXT_TLB_FLUSH_ALL,
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_TLB_FLUSH_MULTI,
  MMUEXT_UNMARK_SUPER,
  MMUEXT_UNPIN_TABLE,
} from "../../abi/mmu.ts";
import type { Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { installKernelBase, installUserBase, switchBase } from "./base-pointer.ts";
import { clearPage, copyPage } from "./copy-page.ts";
import { destroyLdt } from "./descriptors.ts";
import type { PageType } from "./frame-table.ts";
import { NO_FRAME } from "./l1-entry.ts";
import { pinTable, unpinTable } from "./pin.ts";
import { pageOwner } from "./privilege.ts";
import { begin, goOnLater, readRequest, reportDone, request } from "./requests.ts";
import { drain, prepare, settle } from "./stepwise.ts";
import { flushDomain, flushMask, flushVcpu, invalidatePage } from "./tlb.ts";
import { readVcpuMask } from "./vcpu-mask.ts";
import { isGuestAddress } from "./walk.ts";
import { hex, hex64, warn } from "./warn.ts";

const SIZE = 24;
/** Stop for others after so many operations, or table entries that they looked at. */
const OPS_A_SLICE = 64;
const ENTRIES_A_SLICE = 16 * 512;

/** (ops, count, *done, foreigndom) */
export function doMmuextOp(call: Call): CallResult {
  const { machine, domain } = call;
  const { count, before } = begin(call);
  const owner = pageOwner(machine, domain, call.lo(3) & 0xffff);
  if (owner < 0) return owner;
  if (owner >= 0x7ff0) return -ERRNO.EINVAL;
  let low = call.lo(0);
  let high = call.hi(0);
  const target = machine.domains.get(owner as Domid) ?? domain;
  const enough = machine.frames.walked + ENTRIES_A_SLICE;
  let failed = 0;
  let i = 0;
  let drained = drain(machine, target);
  for (; i < count && drained && machine.frames.walked < enough; i++) {
    if (i === OPS_A_SLICE) break;
    const result = readRequest(machine, low, high, SIZE) ? one(call, owner, target) : -ERRNO.EFAULT;
    if (result === "later") break;
    failed = result;
    if (failed !== 0) break;
    drained = drain(machine, target);
    low += SIZE;
    if (low > 0xffff_ffff) {
      low -= 0x1_0000_0000;
      high = (high + 1) >>> 0;
    }
  }
  reportDone(call, before + i);
  return (i < count || !drained) && failed === 0 ? goOnLater(call, i, count, SIZE) : failed;
}

/** Carries out `request` on frames of `owner`, the domain `target`. 0, -errno, or "later": a step of it is done. */
function one(call: Call, owner: number, target: Domain): number | "later" {
  const { machine, domain, vcpu } = call;
  const command = request[0] as number;
  const low = request[2] as number;
  const high = request[3] as number;
  const mfn = high === 0 ? low : NO_FRAME;
  switch (command) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
      return pin(machine, target, mfn, (command - MMUEXT_PIN_L1_TABLE + 1) as PageType);
    case MMUEXT_UNPIN_TABLE:
      return unpinTable(machine, mfn, owner);
    case MMUEXT_CLEAR_PAGE:
      return clearPage(machine, mfn, owner);
    case MMUEXT_COPY_PAGE:
      return copyPage(machine, mfn, request[5] === 0 ? (request[4] as number) : NO_FRAME, owner);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
      return -ERRNO.EOPNOTSUPP;
    default:
      break;
  }
  if (command > MMUEXT_UNMARK_SUPER || command === 14) return -ERRNO.ENOSYS;
  // What is left concerns the calling vCPU, or its domain's.
  if (owner !== domain.domid) return -ERRNO.EPERM;
  switch (command) {
    case MMUEXT_NEW_BASEPTR:
      return switchBase(machine, vcpu, mfn, installKernelBase);
    case MMUEXT_NEW_USER_BASEPTR:
      return switchBase(machine, vcpu, mfn, installUserBase);
    case MMUEXT_TLB_FLUSH_LOCAL:
      flushVcpu(machine, vcpu);
      return 0;
    case MMUEXT_INVLPG_LOCAL:
      if (isGuestAddress(high)) invalidatePage(machine, domain, low, high, false);
      return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI: {
      const mask = readVcpuMask(
        machine,
        domain,
        (BigInt(request[5] as number) << 32n) | BigInt(request[4] as number),
      );
      if (mask === undefined) return -ERRNO.EINVAL;
      flushMask(machine, domain, mask);
      return 0;
    }
    case MMUEXT_TLB_FLUSH_ALL:
      flushDomain(machine, domain);
      return 0;
    case MMUEXT_INVLPG_ALL:
      if (isGuestAddress(high)) invalidatePage(machine, domain, low, high, true);
      return 0;
    case MMUEXT_FLUSH_CACHE:
      return domain.privileged ? 0 : -ERRNO.EACCES;
    case MMUEXT_FLUSH_CACHE_GLOBAL:
      return domain.privileged ? 0 : -ERRNO.EINVAL;
    case MMUEXT_SET_LDT:
      return setLdt(call, low, high, request[4] as number);
    default:
      return -ERRNO.ENOSYS;
  }
}

function pin(machine: Machine, owner: Domain, mfn: number, level: PageType): number | "later" {
  if (!prepare(machine, owner, mfn, level)) return "later";
  const failed = pinTable(machine, mfn, owner.domid, level);
  settle(owner);
  return failed;
}

function setLdt(call: Call, low: number, high: number, entries: number): number {
  const { machine, vcpu } = call;
  if (entries > MAX_LDT_ENTRIES || (entries !== 0 && ((low & 4095) !== 0 || !isGuestAddress(high)))) {
    warn(machine, `Bad args to SET_LDT: ptr=${hex64(low, high)}, ents=${hex(entries)}`);
    return -ERRNO.EINVAL;
  }
  const base = entries === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low);
  if (vcpu.ldtEntries === entries && vcpu.ldtBase === base) return 0;
  if (destroyLdt(machine, vcpu)) flushVcpu(machine, vcpu);
  vcpu.ldtBase = base;
  vcpu.ldtEntries = entries;
  return 0;
}
