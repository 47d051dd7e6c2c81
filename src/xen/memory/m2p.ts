/**
 * The machine-to-physical table: for each machine frame, the frame number its owner knows it by (~0: none). Guests read it
 * at MACH2PHYS_VIRT_START, through Xen's own tables, which hang in slot 256 of every L4.
 *
 *   L3 → L2 → L1 tables → table frames (512 entries of 8 bytes each)
 *
 * All of them lie at the top of the machine. A table frame that was never set is not touched: its L1 entry points at one
 * frame full of ones instead.
 */
import { PTE_A, PTE_HI_NX, PTE_P, PTE_US } from "../../abi/mmu.ts";
import { Mfn } from "../../abi/types.ts";
import type { MachineMemory } from "../../cpu/types.ts";
import { bug } from "../../lib/absurd.ts";

const ENTRIES = 512;
const TABLE = PTE_P | PTE_US | PTE_A;

export class M2p {
  readonly l3: Mfn;
  private readonly ones: number;
  private readonly l1First: number;
  /** First frame of the table itself. */
  readonly first: number;
  readonly frames: number;
  /** Which table frames are real. */
  private readonly real: Uint8Array;
  private readonly mem: MachineMemory;

  /** Frames that the table of a machine with `total` frames takes. */
  static framesNeeded(total: number): number {
    const frames = Math.ceil(total / ENTRIES);
    return 3 + Math.ceil(frames / ENTRIES) + frames;
  }

  constructor(mem: MachineMemory, base: number, total: number) {
    this.mem = mem;
    this.frames = Math.ceil(total / ENTRIES);
    const l1Tables = Math.ceil(this.frames / ENTRIES);
    if (l1Tables > ENTRIES) bug(`the M2P of ${total} frames needs a second L2`);
    this.l3 = Mfn(base);
    const l2 = base + 1;
    this.ones = base + 2;
    this.l1First = base + 3;
    this.first = this.l1First + l1Tables;
    this.real = new Uint8Array(this.frames);
    const at = this.address(this.ones);
    mem.u8.fill(0xff, at, at + 4096);
    this.setEntry(this.l3, 0, l2, 0);
    for (let i = 0; i < l1Tables; i++) this.setEntry(l2, i, this.l1First + i, 0);
    for (let i = 0; i < l1Tables; i++) {
      const slots = Math.min(ENTRIES, this.frames - i * ENTRIES);
      const word = this.address(this.l1First + i) >> 2;
      for (let slot = 0; slot < slots; slot++) this.store(word + slot * 2, this.ones, PTE_HI_NX);
    }
  }

  /**
   * Records that `mfn` is its owner's frame `low`, `high` (two halves of 64 bits). False when the machine has no memory
   * left for the table. `flush` is called when a table frame has taken the place of the ones.
   */
  set(mfn: number, low: number, high: number, flush: () => void): boolean {
    const index = mfn >>> 9;
    const frame = this.first + index;
    const at = this.mem.writeAddress(frame);
    if (at === 0) return false;
    if (this.real[index] === 0) {
      this.mem.u8.fill(0xff, at, at + 4096);
      this.mapTableFrame(index, frame);
      this.real[index] = 1;
      flush();
    }
    const word = (at >> 2) + (mfn & 511) * 2;
    this.mem.u32[word] = low;
    this.mem.u32[word + 1] = high;
    return true;
  }

  /** Nobody's frame any more. */
  clear(mfn: number): void {
    if (this.real[mfn >>> 9] === 0) return;
    const word = (this.mem.writeAddress(this.first + (mfn >>> 9)) >> 2) + (mfn & 511) * 2;
    this.mem.u32[word] = 0xffff_ffff;
    this.mem.u32[word + 1] = 0xffff_ffff;
  }

  /** The owner's number of `mfn`; undefined when there is none (or none that a frame can have). */
  get(mfn: number): number | undefined {
    if (mfn >>> 9 >= this.frames || this.real[mfn >>> 9] === 0) return undefined;
    const word = (this.mem.readAddress(this.first + (mfn >>> 9)) >> 2) + (mfn & 511) * 2;
    return this.mem.u32[word + 1] === 0 ? this.mem.u32[word] : undefined;
  }

  private mapTableFrame(index: number, frame: number): void {
    this.setEntry(this.l1First + (index >>> 9), index & 511, frame, PTE_HI_NX);
  }

  private setEntry(table: number, slot: number, frame: number, high: number): void {
    this.store((this.address(table) >> 2) + slot * 2, frame, high);
  }

  private store(word: number, frame: number, high: number): void {
    this.mem.u32[word] = (frame << 12) | TABLE;
    this.mem.u32[word + 1] = (frame >>> 20) | high;
  }

  private address(mfn: number): number {
    return this.mem.writeAddress(mfn) || bug("no memory for the M2P at power-on");
  }
}
