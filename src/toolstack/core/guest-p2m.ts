/**
 * The list that a PV guest keeps of its frames (pfn → mfn), found as libxc finds it: through `p2m_cr3` and `p2m_vaddr` of
 * shared_info, a walk of the guest's own page tables; else as the older tree of frames at `pfn_to_mfn_frame_list_list`.
 * All of it is the guest's word: every frame is mapped with the checks of a foreign mapping, and the list is bounded.
 */
import type { Gate } from "../../abi/hypercall.ts";
import { type Domid, Mfn, PAGE_SIZE } from "../../abi/types.ts";
import { sharedInfo } from "../../abi/xen.ts";

const ENTRIES = PAGE_SIZE / 8;
const ADDRESS_BITS = 0x000f_ffff_ffff_f000n;
const HYPERVISOR_START = 0xffff_8000_0000_0000n;
const HYPERVISOR_END = 0xffff_87ff_ffff_ffffn;

export type P2m =
  /** Machine frames by pfn; -1: none. */
  | { readonly ok: true; readonly frames: Float64Array }
  /** libxc's words. */
  | { readonly ok: false; readonly why: string };

/** What the domain says its pfns number (XENMEM_maximum_gpfn + 1). */
export function pfnCount(info: DataView): number {
  const max = sharedInfo.field.archMaxPfn.get(info, 0);
  return max === 0n ? 1 : Number(BigInt.asUintN(40, max));
}

/** `pages`: what the domain owns; `info`: its shared_info page. */
export function readP2m(gate: Gate, domid: Domid, info: DataView, pages: number): P2m {
  const count = pfnCount(info);
  const hex = (n: number): string => n.toString(16);
  if (count < pages - 1)
    return { ok: false, why: `p2m_size < nr_pages -1 (${hex(count)} < ${hex(pages - 1)}` };
  // A guest may claim any number; what it can own is bounded, holes included.
  if (count > pages * 4 + 0x10_0000) return { ok: false, why: `p2m_size ${hex(count)} makes no sense` };
  const cr3 = sharedInfo.field.archP2mCr3.get(info, 0);
  const lists = cr3 === 0n ? frameTree(gate, domid, info, count) : pageTables(gate, domid, info, count, cr3);
  if (typeof lists === "string") return { ok: false, why: lists };
  const frames = new Float64Array(count).fill(-1);
  for (let at = 0; at < count; at += ENTRIES) {
    const list = words(gate, domid, lists[at / ENTRIES] ?? -1);
    if (list === undefined) return { ok: false, why: "Couldn't map p2m table" };
    for (let i = 0; i < ENTRIES && at + i < count; i++) {
      const mfn = list[i] ?? ~0n;
      frames[at + i] = mfn <= 0xffff_ffffn ? Number(mfn) : -1;
    }
  }
  return { ok: true, frames };
}

/** The frames that hold the list, in order; or why not. */
function pageTables(gate: Gate, domid: Domid, info: DataView, count: number, cr3: bigint): number[] | string {
  const start = sharedInfo.field.archP2mVaddr.get(info, 0);
  const pages = Math.ceil(count / ENTRIES);
  const end = start + BigInt(pages * PAGE_SIZE) - 1n;
  const range = `0x${start.toString(16)}-0x${BigInt.asUintN(64, end).toString(16)}`;
  if (
    !isCanonical(start) ||
    end >= 1n << 64n ||
    !isCanonical(end) ||
    (start <= HYPERVISOR_END && end > HYPERVISOR_START)
  )
    return `Bad virtual p2m address range ${range}`;
  const found: number[] = [];
  const known = new Map<number, BigUint64Array | undefined>();
  const table = (mfn: number): BigUint64Array | undefined => {
    if (!known.has(mfn)) known.set(mfn, words(gate, domid, mfn));
    return known.get(mfn);
  };
  for (let page = 0; page < pages; page++) {
    const va = start + BigInt(page * PAGE_SIZE);
    let mfn = Number((cr3 & ADDRESS_BITS) >> 12n);
    for (let level = 4; level > 0; level--) {
      const entries = table(mfn);
      if (entries === undefined) return `Failed to map 1 page table pages for p2m list`;
      const entry = entries[Number((va >> BigInt(level * 9 + 3)) & 511n)] ?? 0n;
      mfn = Number((entry & ADDRESS_BITS) >> 12n);
      if (mfn === 0) {
        return `Bad mfn 0 during page table walk for vaddr 0x${va.toString(16)} at level ${level} of p2m list`;
      }
    }
    found.push(mfn);
  }
  return found;
}

function frameTree(gate: Gate, domid: Domid, info: DataView, count: number): number[] | string {
  const top = words(gate, domid, Number(sharedInfo.field.archPfnToMfnFrameListList.get(info, 0)));
  if (top === undefined) return "Couldn't map p2m_frame_list_list";
  const pages = Math.ceil(count / ENTRIES);
  const found: number[] = [];
  for (let i = 0; found.length < pages; i++) {
    const list = words(gate, domid, Number(top[i] ?? 0n));
    if (list === undefined) return "Couldn't map p2m_frame_list";
    for (const mfn of list) found.push(Number(mfn));
  }
  return found.slice(0, pages);
}

const isCanonical = (va: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, va)) === va;

/** A frame of the domain's as 64-bit words; undefined: it is none of its. */
function words(gate: Gate, domid: Domid, mfn: number): BigUint64Array | undefined {
  if (!(mfn > 0 && mfn <= 0xffff_ffff)) return undefined;
  const mapped = gate.memory.mapForeign(domid, Mfn(mfn), "read");
  if (!mapped.ok) return undefined;
  const bytes = mapped.value.read(0, PAGE_SIZE);
  mapped.value.unmap();
  return new BigUint64Array(bytes.buffer, bytes.byteOffset, ENTRIES);
}
