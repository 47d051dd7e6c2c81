/**
 * A guest's own list of its machine frames, found as the guest says in shared_info: by the page tables that map it
 * (`p2m_cr3`, `p2m_vaddr`: Linux since 4.1), or by a tree of frame numbers (`pfn_to_mfn_frame_list_list`: all before).
 * Everything in it is the guest's word: checked against what Xen says of each frame.
 */
import type { Gate } from "../../abi/hypercall.ts";
import { type Domid, PAGE_SIZE } from "../../abi/types.ts";
import { sharedInfo } from "../../abi/xen.ts";
import type { Plan } from "../wait.ts";
import { readFrame } from "./foreign.ts";
import { SUCCESS, type XcFault, xcFault } from "./xc-fault.ts";

/** Numbers in a frame. */
const PER_FRAME = 512;
/** More than any modelled machine has: 64 GiB. */
const MOST_PFNS = 1 << 24;
const XEN_START = 0xffff_8000_0000_0000n;
const XEN_END = 0xffff_8800_0000_0000n;
const NO_FRAME = 0xffff_ffff;
/** Frames of a table that are looked at before others get a turn. */
const FRAMES_PER_TURN = 256;

export interface GuestP2m {
  readonly maxPfn: number;
  /** Machine frame of each pfn; {@link NO_FRAME}: none. */
  readonly mfns: Uint32Array;
  /** pfns of the frames that the list lies in. */
  readonly frames: Uint32Array;
  /** The pfn of one of the domain's frames; undefined: it is not in the list. */
  pfnOf(mfn: number): number | undefined;
}

const hex = (n: number | bigint): string => `0x${n.toString(16)}`;

/** Reads the list of a domain that is not running. Throws {@link XcFault}. */
export function* readGuestP2m(gate: Gate, domid: Domid): Plan<GuestP2m> {
  const shared = gate.domctl.getSharedInfoFrame(domid);
  const page = shared.ok ? readFrame(gate, domid, shared.value) : undefined;
  if (page === undefined) throw xcFault("Failed to map shared info frame", SUCCESS);
  const view = new DataView(page.buffer);
  const said = sharedInfo.field.archMaxPfn.get(view, 0);
  const cr3 = sharedInfo.field.archP2mCr3.get(view, 0);
  const reader = new Reader(gate, domid);
  const leaves =
    cr3 === 0n
      ? treeLeaves(reader, said, sharedInfo.field.archPfnToMfnFrameListList.get(view, 0))
      : listLeaves(reader, said, cr3, sharedInfo.field.archP2mVaddr.get(view, 0));
  return yield* readLeaves(gate, domid, Number(said - 1n), leaves);
}

class Reader {
  readonly #gate: Gate;
  readonly #domid: Domid;

  constructor(gate: Gate, domid: Domid) {
    this.#gate = gate;
    this.#domid = domid;
  }

  /** The frame as 64-bit numbers; a number that no frame has reads as {@link NO_FRAME}. */
  numbers(mfn: number, what: string): BigUint64Array {
    const bytes = readFrame(this.#gate, this.#domid, mfn);
    if (bytes === undefined) throw xcFault(what, SUCCESS);
    return new BigUint64Array(bytes.buffer, 0, PER_FRAME);
  }
}

/** How many pfns there are, if that is a number the saver can work with. */
function checkCount(said: bigint): number {
  if (said < 1n || said > BigInt(MOST_PFNS)) {
    throw xcFault("Cannot save this big a guest", "7 = Argument list too long");
  }
  return Number(said);
}

function treeLeaves(reader: Reader, said: bigint, top: bigint): number[] {
  const maxPfn = BigInt.asUintN(64, said - 1n);
  const entries = Number(BigInt.asUintN(32, maxPfn / BigInt(PER_FRAME * PER_FRAME) + 1n));
  if (entries > PER_FRAME) throw xcFault(`max_pfn ${hex(maxPfn)} too large for p2m tree`);
  if (top === 0n || top >= BigInt(NO_FRAME)) {
    const hint = "the guest has not told Xen where its list of frames is: it has not run, or cannot be saved";
    throw xcFault(`Bad mfn ${top === 0n ? "0" : hex(top)} for p2m frame list list`, undefined, hint);
  }
  const frames = Math.ceil(checkCount(said) / PER_FRAME);
  const mids = reader.numbers(Number(top), `Failed to map p2m frame list list at ${hex(top)}`);
  const leaves: number[] = [];
  for (let i = 0; i < entries; i++) {
    const mid = frameNumber(mids[i]);
    if (mid === undefined) {
      throw xcFault(`Bad mfn ${hex(mids[i] ?? 0n)} at index ${i} (of ${entries}) in p2m frame list list`);
    }
    const list = reader.numbers(mid, "Failed to map p2m frame list");
    for (let j = 0; j < PER_FRAME && leaves.length < frames; j++) {
      const leaf = frameNumber(list[j]);
      if (leaf === undefined) {
        throw xcFault(
          `Bad mfn ${hex(list[j] ?? 0n)} at index ${leaves.length} (of ${frames}) in p2m frame list`,
        );
      }
      leaves.push(leaf);
    }
  }
  return leaves;
}

const frameNumber = (value: bigint | undefined): number | undefined =>
  value === undefined || value === 0n || value >= BigInt(NO_FRAME) ? undefined : Number(value);

const PRESENT = 1n;
const FRAME_BITS = 0x000f_ffff_ffff_f000n;

function listLeaves(reader: Reader, said: bigint, cr3: bigint, start: bigint): number[] {
  const root = frameNumber(cr3 >> 12n);
  if (root === undefined) throw xcFault(`Bad p2m_cr3 value ${hex(cr3)}`);
  const frames = Math.ceil(checkCount(said) / PER_FRAME);
  const end = start + BigInt(frames) * BigInt(PAGE_SIZE) - 1n;
  const canonical = (va: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, va)) === va;
  if (!canonical(start) || !canonical(end) || (start < XEN_END && end >= XEN_START)) {
    throw xcFault(`Bad virtual p2m address range ${hex(start)}-${hex(end)}`);
  }
  let tables = [root];
  for (let level = 4; level > 0; level--) {
    const shift = BigInt(level * 9 + 3);
    const first = (start & 0xffff_ffff_ffffn) >> shift;
    const last = (end & 0xffff_ffff_ffffn) >> shift;
    const base = (first >> 9n) << 9n;
    const next: number[] = [];
    let loaded: { readonly index: number; readonly entries: BigUint64Array } | undefined;
    for (let index = first; index <= last; index++) {
      const at = Number((index - base) >> 9n);
      if (loaded?.index !== at) {
        const what = `Failed to map ${tables.length} page table pages for p2m list`;
        loaded = { index: at, entries: reader.numbers(tables[at] ?? 0, what) };
      }
      const entry = loaded.entries[Number(index & 511n)] ?? 0n;
      const frame = (entry & PRESENT) === 0n ? undefined : frameNumber((entry & FRAME_BITS) >> 12n);
      if (frame === undefined) {
        const va = BigInt.asUintN(64, BigInt.asIntN(48, index << shift));
        throw xcFault(
          `Bad mfn ${hex((entry & FRAME_BITS) >> 12n)} during page table walk for vaddr ${hex(va)} at level ${level} of p2m list`,
        );
      }
      next.push(frame);
    }
    tables = next;
  }
  return tables;
}

function* readLeaves(gate: Gate, domid: Domid, maxPfn: number, leaves: readonly number[]): Plan<GuestP2m> {
  const mfns = new Uint32Array(maxPfn + 1).fill(NO_FRAME);
  for (const [i, leaf] of leaves.entries()) {
    const bytes = readFrame(gate, domid, leaf);
    if (bytes === undefined) throw xcFault("Failed to map p2m frames", SUCCESS);
    const words = new Uint32Array(bytes.buffer, 0, PAGE_SIZE / 4);
    for (let j = 0; j < PER_FRAME && i * PER_FRAME + j <= maxPfn; j++) {
      if (words[j * 2 + 1] === 0) mfns[i * PER_FRAME + j] = words[j * 2] as number;
    }
    if (i % FRAMES_PER_TURN === FRAMES_PER_TURN - 1) yield { wait: "turn" };
  }
  const pfnOf = (mfn: number): number | undefined => {
    const pfn = gate.migration.machineToPhys(mfn);
    return pfn !== undefined && pfn <= maxPfn && mfns[pfn] === mfn ? pfn : undefined;
  };
  const frames = Uint32Array.from(leaves, (leaf, i) => pfnOf(leaf) ?? badLeaf(i));
  return { maxPfn, mfns, frames, pfnOf };
}

function badLeaf(index: number): never {
  throw xcFault(`Bad mfn in p2m_frame_list[${index}]`) satisfies XcFault;
}
