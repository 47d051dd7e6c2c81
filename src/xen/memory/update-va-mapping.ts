/** update_va_mapping: one L1 entry of the address space in force, named by the virtual address it maps. */
import { ERRNO } from "../../abi/errno.ts";
import { UVMF_ALL, UVMF_FLUSHTYPE_MASK, UVMF_INVLPG, UVMF_LOCAL, UVMF_TLB_FLUSH } from "../../abi/mmu.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import { OWNER_MASK, PGT_l1, TYPE_MASK, TYPE_SHIFT } from "./frame-table.ts";
import { modL1Entry } from "./mod-entry.ts";
import { pageOwner } from "./privilege.ts";
import { flushDomain, flushMask, flushVcpu, invalidatePage } from "./tlb.ts";
import { readVcpuMask } from "./vcpu-mask.ts";
import { walkToL1 } from "./walk.ts";

/** (va, entry, flags) */
export const doUpdateVaMapping = (call: Call): CallResult => update(call, call.domain.domid);

/** (va, entry, flags, domid): the frame is that domain's. */
export function doUpdateVaMappingOtherdomain(call: Call): CallResult {
  const owner = pageOwner(call.machine, call.domain, call.lo(3) & 0xffff);
  return owner < 0 ? owner : update(call, owner);
}

function update(call: Call, pgOwner: number): number {
  const { machine, domain, vcpu } = call;
  const low = call.lo(0);
  const high = call.hi(0);
  const table = walkToL1(machine, vcpu.guestTable, low, high);
  if (table === 0) return -ERRNO.EINVAL;
  const meta = machine.frames.info[table << 2] as number;
  // A linear map makes tables of higher levels look like an L1.
  if ((meta & OWNER_MASK) !== domain.domid || (meta & TYPE_MASK) >> TYPE_SHIFT !== PGT_l1)
    return -ERRNO.EINVAL;
  const failed = modL1Entry(machine, table, (low >>> 9) & 0xff8, call.lo(1), call.hi(1), pgOwner, false);
  if (failed !== 0) return failed;
  return (call.lo(2) | call.hi(2)) === 0 ? 0 : flush(call, call.args[2]);
}

function flush(call: Call, flags: bigint): number {
  const { machine, domain, vcpu } = call;
  const type = flags & UVMF_FLUSHTYPE_MASK;
  if (type !== UVMF_TLB_FLUSH && type !== UVMF_INVLPG) return 0;
  const whom = flags & ~UVMF_FLUSHTYPE_MASK;
  if (whom === UVMF_LOCAL || whom === UVMF_ALL) {
    const all = whom === UVMF_ALL;
    if (type === UVMF_INVLPG) invalidatePage(machine, domain, call.lo(0), call.hi(0), all);
    else if (all) flushDomain(machine, domain);
    else flushVcpu(machine, vcpu);
    return 0;
  }
  const mask = readVcpuMask(machine, domain, whom);
  if (mask === undefined) return -ERRNO.EFAULT;
  flushMask(machine, domain, mask);
  return 0;
}
