/**
 * Page tables on their way: in a stream their entries name pfns, in a domain machine frames. Entries that are not present
 * stay as they are.
 */
import { PTE_P } from "../../abi/mmu.ts";
import { PAGE_SIZE } from "../../abi/types.ts";
import { xcFault } from "./xc-fault.ts";

const ENTRIES = 512;
const PSE = 0x80;
/** Slots of an L4 that are Xen's. */
const XEN_FIRST = 256;
const XEN_LAST = 271;
/** Bits 32..51 of an entry, a frame number's upper ones: the low 20 of its upper half. */
const HIGH_FRAME = 0xf_ffff;

const wordsOf = (page: Uint8Array): Uint32Array => {
  const copy = new Uint32Array(PAGE_SIZE / 4);
  new Uint8Array(copy.buffer).set(page);
  return copy;
};
const frameOf = (low: number, high: number): number => (high & HIGH_FRAME) * 2 ** 20 + (low >>> 12);

/**
 * A copy of a table of this level with pfns for frames, and Xen's own entries gone. `pfnOf`: undefined for a frame that is
 * not the domain's.
 */
export function normaliseTable(
  page: Uint8Array,
  level: number,
  pfnOf: (mfn: number) => number | undefined,
): Uint8Array {
  const words = wordsOf(page);
  for (let i = 0; i < ENTRIES; i++) {
    const low = words[i * 2] as number;
    if (level === 4 && i >= XEN_FIRST && i <= XEN_LAST) {
      words[i * 2] = 0;
      words[i * 2 + 1] = 0;
      continue;
    }
    if ((low & PTE_P) === 0) continue;
    const high = words[i * 2 + 1] as number;
    if (level > 1 && (low & PSE) !== 0) {
      const pte = (BigInt(high) << 32n) | BigInt(low);
      throw xcFault(`Cannot migrate superpage (L${level}[${i}]: 0x${pte.toString(16).padStart(16, "0")})`);
    }
    const pfn = pfnOf(frameOf(low, high));
    if (pfn === undefined) throw xcFault(`Bad mfn for L${level}[${i}]`);
    setFrame(words, i, pfn);
  }
  return new Uint8Array(words.buffer);
}

/** The reverse. `mfnOf`: undefined for a pfn that the domain has not, and cannot be given. */
export function localiseTable(
  page: Uint8Array,
  level: number,
  mfnOf: (pfn: number) => number | undefined,
): Uint8Array {
  const words = wordsOf(page);
  for (let i = 0; i < ENTRIES; i++) {
    const low = words[i * 2] as number;
    if ((low & PTE_P) === 0) continue;
    const high = words[i * 2 + 1] as number;
    const mfn = mfnOf(frameOf(low, high));
    if (mfn === undefined) {
      const pte = (BigInt(high) << 32n) | BigInt(low);
      throw xcFault(`Bad mfn for L${level}[${i}] - pte ${pte.toString(16)}`);
    }
    setFrame(words, i, mfn);
  }
  return new Uint8Array(words.buffer);
}

function setFrame(words: Uint32Array, entry: number, frame: number): void {
  const low = words[entry * 2] as number;
  const high = words[entry * 2 + 1] as number;
  words[entry * 2] = ((low & 0xfff) | (frame << 12)) >>> 0;
  words[entry * 2 + 1] = ((high & ~HIGH_FRAME) | (frame >>> 20)) >>> 0;
}
