/**
 * Machine memory: sparse 4 KiB frames in one WebAssembly.Memory (the map is in layout.ts). The records that say which slot
 * backs a frame are shared with the engine's core, which hands slots out.
 */
import { SLOT_FLAGS, SLOT_HAS_CODE, SLOT_OF, ZERO_SLOT } from "./layout.ts";
import type { MachineMemory } from "./types.ts";

const PAGE = 4096;
/** 64 KiB pages; the last entry is the least with which a small guest runs. */
const SIZES = [65_536, 32_768, 16_384, 8_192, 6_144];

/** The largest WebAssembly.Memory that can be had (a limited address space may refuse 4 GiB), at most `pages` 64 KiB pages. */
export function allocateMemory(pages = 65_536): WebAssembly.Memory {
  let refusal: unknown;
  for (const size of [pages, ...SIZES.filter((s) => s < pages)]) {
    try {
      return new WebAssembly.Memory({ initial: size, maximum: size });
    } catch (error) {
      refusal = error;
    }
  }
  throw new Error("no address space for the machine's memory (384 MiB at least)", { cause: refusal });
}

/** The core's part of the work. */
export interface SlotExports {
  slotsFree(): number;
  slotToWrite(mfn: number): number;
  releaseFrame(mfn: number): void;
  noteWrite(mfn: number, offset: number, length: number): void;
}

export class FrameMemory implements MachineMemory {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;
  readonly #core: SlotExports;

  constructor(memory: WebAssembly.Memory, core: SlotExports) {
    const { buffer } = memory;
    this.memory = memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.view = new DataView(buffer);
    this.#core = core;
  }

  slotsFree(): number {
    return this.#core.slotsFree();
  }

  readAddress(mfn: number): number {
    return (this.#slotOf(mfn) || ZERO_SLOT) * PAGE;
  }

  writeAddress(mfn: number): number {
    const slot = this.#slotOf(mfn);
    return (slot || this.#core.slotToWrite(mfn) >>> 0) * PAGE;
  }

  release(mfn: number): void {
    this.#core.releaseFrame(mfn);
  }

  noteWrite(mfn: number, offset: number, length: number): void {
    const flags = this.u8[SLOT_FLAGS + this.#slotOf(mfn)] ?? 0;
    if (flags & SLOT_HAS_CODE) this.#core.noteWrite(mfn, offset, length);
  }

  #slotOf(mfn: number): number {
    return this.u32[(SLOT_OF >>> 2) + mfn] ?? 0;
  }
}
