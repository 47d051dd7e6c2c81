/**
 * Virtual memory of a Mini-OS program: ranges of pages over the domain's own frames, each page read-only, writable, or one of
 * the zeros that all share until it is written (arch/x86/mm.c: do_map_zero).
 *
 *   const array = os.space.mapZeros(1 << 30);      a frame is taken only where it is written
 *   array.setUint32(123_456_000, 7);
 *   array.protect();                               from now on a write faults: the end of the domain, told on its console
 *   array.unmap();                                 its frames are free again
 */
import { type Mfn, PAGE_SIZE } from "../../abi/types.ts";
import type { Memory, Page } from "./memory.ts";
import { PageFault } from "./report.ts";

/** Where Mini-OS maps on demand (`VIRT_DEMAND_AREA`). */
const FIRST_ADDRESS = 0x80_0000_0000;

const PROTECTION = 1;
const WRITE = 2;

/** No frame is left for a page that is written for the first time. The write has not happened. */
export class OutOfMemory extends Error {
  override readonly name = "OutOfMemory";
}

export interface SpaceOptions {
  readonly memory: Memory;
  /** Work done, by the cost table. */
  readonly charge: (work: "byte" | "entry", count: number) => void;
}

export class AddressSpace {
  readonly #options: SpaceOptions;
  #next = FIRST_ADDRESS;
  #zero: Page | undefined;

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** `size` bytes of zeros, whole pages. Throws {@link OutOfMemory} when there is no frame for the zeros themselves. */
  mapZeros(size: number): Mapping {
    if (!Number.isSafeInteger(size) || size <= 0) throw new RangeError(`cannot map ${size} bytes`);
    const { memory } = this.#options;
    this.#zero ??= memory.allocPage() ?? outOfMemory(FIRST_ADDRESS);
    const mapping = new Mapping(this.#options, this.#zero.mfn, this.#next, size);
    // A page between two mappings belongs to neither.
    this.#next += (Math.ceil(size / PAGE_SIZE) + 1) * PAGE_SIZE;
    return mapping;
  }

  /** The same, with a frame behind every page at once; undefined: there are not so many. */
  allocBuffer(size: number): Mapping | undefined {
    if (Math.ceil(size / PAGE_SIZE) + (this.#zero === undefined ? 1 : 0) > this.#options.memory.freePages)
      return undefined;
    const mapping = this.mapZeros(size);
    mapping.populate();
    return mapping;
  }
}

function outOfMemory(address: number): never {
  throw new OutOfMemory(`no frame is left for the page at 0x${address.toString(16)}`);
}

export class Mapping {
  /** Virtual, of its first byte. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
  readonly #options: SpaceOptions;
  readonly #zeroMfn: Mfn;
  readonly #pages = new Map<number, Page>();
  #readonly = false;
  #mapped = true;

  constructor(options: SpaceOptions, zeroMfn: Mfn, address: number, size: number) {
    this.#options = options;
    this.#zeroMfn = zeroMfn;
    this.address = address;
    this.size = size;
  }

  /** Frames that it has of its own. */
  get frames(): number {
    return this.#pages.size;
  }

  getUint8(offset: number): number {
    const page = this.#forRead(offset, 1);
    return page === undefined ? 0 : page.frame.getUint8(offset % PAGE_SIZE);
  }

  /** Little-endian; `offset` is a multiple of 4. */
  getUint32(offset: number): number {
    const page = this.#forRead(offset, 4);
    return page === undefined ? 0 : page.frame.getUint32(offset % PAGE_SIZE);
  }

  setUint8(offset: number, value: number): void {
    this.#forWrite(offset, 1).frame.setUint8(offset % PAGE_SIZE, value);
  }

  setUint32(offset: number, value: number): void {
    this.#forWrite(offset, 4).frame.setUint32(offset % PAGE_SIZE, value);
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#check(offset, length, 0);
    for (let at = offset; at < offset + length; ) {
      const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), offset + length - at);
      const page = this.#pages.get(Math.floor(at / PAGE_SIZE));
      if (page !== undefined) bytes.set(page.frame.read(at % PAGE_SIZE, count), at - offset);
      at += count;
    }
    this.#options.charge("byte", length);
    return bytes;
  }

  /** All of it, or up to where the frames ran out ({@link OutOfMemory}). */
  write(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length, WRITE);
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), bytes.length - done);
      this.#forWrite(at, count).frame.write(at % PAGE_SIZE, bytes.subarray(done, done + count));
      done += count;
    }
    this.#options.charge("byte", bytes.length);
  }

  /** A frame behind every page. */
  populate(): void {
    for (let at = 0; at < this.size; at += PAGE_SIZE) this.#forWrite(at, 1);
  }

  /** From now on it can only be read. */
  protect(): void {
    this.#readonly = true;
  }

  /** Its frames are free again, and touching it faults. */
  unmap(): void {
    for (const page of this.#pages.values()) this.#options.memory.freePage(page);
    this.#pages.clear();
    this.#mapped = false;
  }

  /** Undefined: the page of zeros. */
  #forRead(offset: number, length: number): Page | undefined {
    this.#check(offset, length, 0);
    return this.#pages.get(Math.floor(offset / PAGE_SIZE));
  }

  #forWrite(offset: number, length: number): Page {
    this.#check(offset, length, WRITE);
    const index = Math.floor(offset / PAGE_SIZE);
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    // The fault that copies the zeros: a frame is cleared and entered in the place of the shared one.
    const page = this.#options.memory.allocPage() ?? outOfMemory(this.address + index * PAGE_SIZE);
    this.#options.charge("entry", 1);
    this.#options.charge("byte", PAGE_SIZE);
    this.#pages.set(index, page);
    return page;
  }

  #check(offset: number, length: number, access: number): void {
    const address = this.address + offset;
    if (!Number.isInteger(offset) || offset < 0 || length < 0 || offset + length > this.size || !this.#mapped)
      throw new PageFault(address, access, "nothing: no page is mapped there");
    if (access !== WRITE || !this.#readonly) return;
    const page = this.#pages.get(Math.floor(offset / PAGE_SIZE));
    const what =
      page === undefined ? `mfn 0x${this.#zeroMfn.toString(16)}, the page of zeros` : pageName(page);
    throw new PageFault(address, PROTECTION | WRITE, `a read-only page: ${what}`);
  }
}

const pageName = ({ pfn, mfn }: Page): string => `pfn ${pfn}, mfn 0x${mfn.toString(16)}`;
