/**
 * A guest's descriptor tables: GDT frames set by the guest, LDT pages found through its page tables when first used. Frames
 * in use hold a seg_desc type, so the guest cannot write to them but by update_descriptor.
 */
import { ERRNO } from "../../abi/errno.ts";
import { MAX_GDT_ENTRIES, PTE_P } from "../../abi/mmu.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { PGT_seg_desc, TYPE_MASK, TYPE_SHIFT } from "./frame-table.ts";
import { readGuest } from "./guest-access.ts";
import { frameOf, NO_FRAME } from "./l1-entry.ts";
import { getFrameAndType, getPageType, putFrameAndType, putPageType } from "./page-types.ts";
import { getFrame, getWritableType, putFrame, putWritableType } from "./references.ts";
import { checkDescriptor } from "./seg-desc.ts";
import { writeAddressOf } from "./slots.ts";
import { flushVcpu } from "./tlb.ts";
import { walkToL1 } from "./walk.ts";

/** `mfns` (one for each 512 entries) become the vCPU's GDT. 0, or -EINVAL with the old one left in force. */
export function setGdt(machine: Machine, vcpu: Vcpu, mfns: readonly number[], entries: number): number {
  if (entries > MAX_GDT_ENTRIES) return -ERRNO.EINVAL;
  const taken: number[] = [];
  for (const mfn of mfns.slice(0, Math.ceil(entries / 512))) {
    if (getFrameAndType(machine, mfn, vcpu.domain.domid, PGT_seg_desc) !== 0) {
      for (const held of taken) putFrameAndType(machine, held);
      return -ERRNO.EINVAL;
    }
    taken.push(mfn);
  }
  destroyGdt(machine, vcpu);
  vcpu.gdtFrames = taken;
  vcpu.gdtEntries = entries;
  return 0;
}

export function destroyGdt(machine: Machine, vcpu: Vcpu): void {
  const frames = vcpu.gdtFrames;
  vcpu.gdtFrames = [];
  vcpu.gdtEntries = 0;
  for (const mfn of frames) putFrameAndType(machine, mfn);
}

/** (frame_list, entries) */
export function doSetGdt(call: Call): CallResult {
  const { machine, vcpu } = call;
  const entries = call.lo(1);
  if (entries > MAX_GDT_ENTRIES) return -ERRNO.EINVAL;
  const list = new Uint8Array(Math.ceil(entries / 512) * 8);
  if (!readGuest(machine, call.args[0], list)) return -ERRNO.EFAULT;
  const words = new Uint32Array(list.buffer);
  const mfns: number[] = [];
  for (let i = 0; i < words.length; i += 2) mfns.push(words[i + 1] === 0 ? (words[i] as number) : NO_FRAME);
  const failed = setGdt(machine, vcpu, mfns, entries);
  if (failed === 0) flushVcpu(machine, vcpu);
  return failed;
}

/** (maddr, descriptor): a checked store into a descriptor page, or into plain memory. */
export function doUpdateDescriptor(call: Call): CallResult {
  const { machine, domain } = call;
  const offset = call.lo(0) & 4095;
  const fixed = checkDescriptor(call.lo(1), call.hi(1));
  if ((offset & 7) !== 0 || fixed === undefined) return -ERRNO.EINVAL;
  const mfn = call.hi(0) > 0xfff ? NO_FRAME : ((call.lo(0) >>> 12) | (call.hi(0) << 20)) >>> 0;
  const { frames } = machine;
  if (!getFrame(frames, mfn, domain.domid)) return -ERRNO.EINVAL;
  const asDescriptors = ((frames.info[mfn << 2] as number) & TYPE_MASK) >> TYPE_SHIFT === PGT_seg_desc;
  const got = asDescriptors ? getPageType(machine, mfn, PGT_seg_desc) === 0 : getWritableType(frames, mfn);
  let result: number = -ERRNO.EINVAL;
  if (got) {
    const at = writeAddressOf(machine, mfn);
    result = at === 0 ? -ERRNO.ENOMEM : 0;
    if (at !== 0) {
      const { mem } = machine.engine;
      mem.u32[(at + offset) >> 2] = fixed.low;
      mem.u32[(at + offset + 4) >> 2] = fixed.high;
      mem.noteWrite(mfn, offset, 8);
    }
    if (asDescriptors) putPageType(machine, mfn);
    else putWritableType(frames, mfn);
  }
  putFrame(machine, mfn);
  return result;
}

// ── LDT ──

/**
 * Machine frame of page `index` (512 descriptors) of the vCPU's LDT, found through its kernel page tables at first use;
 * 0: not mapped, or not fit to hold descriptors (the guest then sees its fault). `ldtBase` and `ldtEntries` are the caller's to check.
 */
export function ldtFrame(machine: Machine, vcpu: Vcpu, index: number): number {
  const { ldtFrames } = vcpu.domain.memory;
  let pages = ldtFrames.get(vcpu.id);
  const known = pages?.get(index);
  if (known !== undefined) return known;
  const va = vcpu.ldtBase + BigInt(index) * 4096n;
  const l1 = walkToL1(machine, vcpu.guestTable, Number(va & 0xffff_ffffn), Number(va >> 32n));
  if (l1 === 0) return 0;
  const { mem } = machine.engine;
  const word = (mem.readAddress(l1) >> 2) + Number((va >> 12n) & 511n) * 2;
  const low = mem.u32[word] as number;
  if ((low & PTE_P) === 0) return 0;
  const mfn = frameOf(low, mem.u32[word + 1] as number);
  if (getFrameAndType(machine, mfn, vcpu.domain.domid, PGT_seg_desc) !== 0) return 0;
  if (pages === undefined) {
    pages = new Map();
    ldtFrames.set(vcpu.id, pages);
  }
  pages.set(index, mfn);
  return mfn;
}

/** Forgets the LDT pages found so far. True if there were any (`pv_destroy_ldt`). */
export function destroyLdt(machine: Machine, vcpu: Vcpu): boolean {
  const pages = vcpu.domain.memory.ldtFrames.get(vcpu.id);
  if (pages === undefined) return false;
  vcpu.domain.memory.ldtFrames.delete(vcpu.id);
  for (const mfn of pages.values()) putFrameAndType(machine, mfn);
  return true;
}
