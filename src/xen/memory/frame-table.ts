/**
 * The frame table (`struct page_info`): who owns each machine frame, how often it is referenced, and as what it is used.
 *
 *   general count   everything that needs the frame to stay: the domain's allocation (ALLOCATED), every page-table entry
 *                   that maps it, every foreign mapping. At 0 the frame is freed.
 *   type count      uses that exclude each other: writable mappings, being an L1..L4 table, holding descriptors.
 *                   Type refs are always taken on top of a general ref.
 *
 * Four words a frame, side by side: this is the hottest data of the hypervisor. Code outside memory/ and gnttab/ uses the
 * functions of references.ts and page-types.ts, never the words.
 *
 * A freed frame is *retired*: no longer owned, still holding its content, until one flush of all TLBs makes it free.
 */
import { DOMID_INVALID, DOMID_XEN, type Mfn } from "../../abi/types.ts";
import type { Engine } from "../../cpu/types.ts";
import { bug } from "../../lib/absurd.ts";
import { FreeFrames } from "./free-frames.ts";
import { M2p } from "./m2p.ts";

/** Words of a frame's entry: `info[(mfn << 2) + …]`. Word 0: owner (bits 0-15), PGT_* type (16-19), PGF_* flags (24-31). */
export const COUNT = 1; //      general references
export const TYPE_COUNT = 2; // references of the type
export const EPOCH = 3; //      FrameTable.epoch when the last writable reference went

export const OWNER_MASK = 0xffff;
export const TYPE_SHIFT = 16;
export const TYPE_MASK = 0xf_0000;

/** `PGT_*`: what a frame is used as, 0 for nothing yet. It stays when the count falls to 0 and changes with the next reference. */
export const PGT_l1 = 1;
export const PGT_l2 = 2;
export const PGT_l3 = 3;
export const PGT_l4 = 4;
export const PGT_seg_desc = 5;
export const PGT_writable = 7;
export type PageType = 1 | 2 | 3 | 4 | 5 | 7;

/** The domain's own reference is held (`PGC_allocated`). */
export const PGF_ALLOCATED = 0x0100_0000;
/** A guest holds its type by a pin (`PGT_pinned`). */
export const PGF_PINNED = 0x0200_0000;
/** The content was checked for its type (`PGT_validated`). */
export const PGF_VALIDATED = 0x0400_0000;
/** Not a domain's memory: Xen's own, perhaps shared with a guest (`PGC_xen_heap`). */
export const PGF_XEN_HEAP = 0x0800_0000;

/** Real Xen never hands out the first MiB; and frame 0 means "none" in many places. */
const LOW_FRAMES = 256;
/** Retired frames that wait at most before TLBs are flushed for them. */
const MAX_RETIRED = 512;

export class FrameTable {
  readonly engine: Engine;
  /** Frames of the machine: 0..total-1 are RAM. */
  readonly total: number;
  readonly info: Uint32Array;
  readonly m2p: M2p;
  /** Counts flushes of all TLBs. */
  epoch = 1;
  /** Table entries that were looked at, since power-on: the measure of work with page tables. */
  walked = 0;
  /** Frames claimed by all domains together and not allocated yet (`outstanding_claims`). */
  outstanding = 0;
  /**
   * Linear (self) maps, by frame: > 0 so many entries of it map other tables of its level, < 0 so many such entries map it.
   * Never both, or tearing down would recurse without end.
   */
  readonly linear = new Map<number, number>();
  private readonly free: FreeFrames;
  private readonly retired: number[] = [];
  private readonly flush = (): void => this.flushAll();

  constructor(engine: Engine, total: number) {
    this.engine = engine;
    this.total = total;
    this.info = new Uint32Array(total * 4);
    this.free = new FreeFrames(total);
    const m2pFirst = total - M2p.framesNeeded(total);
    if (m2pFirst <= LOW_FRAMES) bug(`a machine of ${total} frames is too small`);
    this.free.addRange(LOW_FRAMES, m2pFirst);
    const { info } = this;
    for (let mfn = 0; mfn < total; mfn++) {
      if (mfn === LOW_FRAMES) mfn = m2pFirst;
      // A type reference of none for ever: nobody gets it writable or as a table.
      info[mfn << 2] = DOMID_XEN | PGF_ALLOCATED | PGF_XEN_HEAP;
      info[(mfn << 2) + COUNT] = 1;
      info[(mfn << 2) + TYPE_COUNT] = 1;
    }
    this.m2p = new M2p(engine.mem, m2pFirst, total);
  }

  /** L3 to be put into slot 256 of every L4: the M2P lies behind it. */
  get xenL3(): Mfn {
    return this.m2p.l3;
  }

  /** Frames that belong to nobody, claims not subtracted. */
  freePages(): number {
    return this.free.count + this.retired.length;
  }

  /** Free frames of first..end-1, retired ones not counted. */
  freeIn(first: number, end: number): number {
    return this.free.countIn(first, end);
  }

  /** Who owns it; DOMID_INVALID for a free frame and for what is no frame of this machine. */
  owner(mfn: number): number {
    if (mfn >= this.total || this.info[(mfn << 2) + COUNT] === 0) return DOMID_INVALID;
    return (this.info[mfn << 2] as number) & OWNER_MASK;
  }

  /**
   * A frame for `owner`, its content zero, one reference held. Guests' memory comes from below, ascending; Xen's own frames
   * from above, so that they leave no holes in it. 0: none is left.
   */
  alloc(owner: number, flags: number): number {
    let mfn = flags & PGF_XEN_HEAP ? this.free.highest() : this.free.lowest();
    if (mfn < 0) {
      if (this.retired.length === 0) return 0;
      this.drain();
      mfn = flags & PGF_XEN_HEAP ? this.free.highest() : this.free.lowest();
    }
    this.take(mfn, owner, flags);
    return mfn;
  }

  /** 2^order consecutive frames, aligned; the first, or 0. */
  allocRun(owner: number, flags: number, order: number): number {
    if (order === 0) return this.alloc(owner, flags);
    let first = this.free.lowestRun(order);
    if (first < 0 && this.retired.length > 0) {
      this.drain();
      first = this.free.lowestRun(order);
    }
    if (first < 0) return 0;
    for (let i = 0; i < 2 ** order; i++) this.take(first + i, owner, flags);
    return first;
  }

  /** The last reference is gone: the frame is nobody's, and free once no TLB can hold it. Counts of its owner are the caller's. */
  retire(mfn: number): void {
    const page = mfn << 2;
    if (this.info[page + COUNT] !== 0 || this.info[page + TYPE_COUNT] !== 0)
      bug(`frame ${mfn} freed while in use`);
    this.info[page] = DOMID_INVALID;
    this.m2p.clear(mfn);
    this.retired.push(mfn);
    if (this.retired.length >= MAX_RETIRED) this.drain();
  }

  /** Makes retired frames free, their slots too. Answers how many there were. */
  drain(): number {
    const { retired } = this;
    const n = retired.length;
    if (n === 0) return 0;
    this.flushAll();
    for (const mfn of retired) {
      this.engine.mem.release(mfn);
      this.free.add(mfn);
    }
    retired.length = 0;
    return n;
  }

  /** Fills in the M2P: the owner of `mfn` knows it by this number (two halves). False: no memory for the table is left. */
  setPfn(mfn: number, low: number, high: number): boolean {
    return this.m2p.set(mfn, low, high, this.flush);
  }

  /** Drops every TLB entry of every vCPU. */
  flushAll(): void {
    this.engine.flushAllTlbs();
    this.epoch++;
  }

  private take(mfn: number, owner: number, flags: number): void {
    this.free.remove(mfn);
    const page = mfn << 2;
    this.info[page] = owner | flags | PGF_ALLOCATED;
    this.info[page + COUNT] = 1;
    this.info[page + TYPE_COUNT] = 0;
    this.info[page + EPOCH] = 0;
  }
}

export const createFrameTable = (engine: Engine, memoryMib: number): FrameTable =>
  new FrameTable(engine, memoryMib * 256);
