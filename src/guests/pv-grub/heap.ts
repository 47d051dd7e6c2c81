/** Large contents kept in pages of the domain's own memory, and nowhere else. */
import { PAGE_SIZE } from "../../abi/types.ts";
import type { Memory, Page } from "../minios/memory.ts";
import { schedule, type Thread } from "../minios/threads.ts";

/** Pages that are moved between two turns of the machine. */
const PAGES_PER_STEP = 128;

/** The domain has no page left. */
export class OutOfPages extends Error {
  override readonly name = "OutOfPages";
}

/** A page of zeros. Throws OutOfPages. */
export function takePage(memory: Memory): Page {
  const page = memory.allocPage();
  if (page === undefined) throw new OutOfPages("the domain has no page left");
  return page;
}

/** Grows at its end, by whole pages. */
export class Content {
  readonly #memory: Memory;
  readonly #pages: Page[] = [];
  #length = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  get pages(): readonly Page[] {
    return this.#pages;
  }

  /** Throws OutOfPages. */
  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const offset = this.#length % PAGE_SIZE;
      if (offset === 0) this.#pages.push(takePage(this.#memory));
      const piece = bytes.subarray(done, done + PAGE_SIZE - offset);
      this.#pages.at(-1)?.frame.write(offset, piece);
      done += piece.length;
      this.#length += piece.length;
    }
  }

  /** All of it in one piece. */
  *bytes(): Thread<Uint8Array> {
    const whole = new Uint8Array(this.#length);
    for (const [i, { frame }] of this.#pages.entries()) {
      const at = i * PAGE_SIZE;
      whole.set(frame.read(0, Math.min(PAGE_SIZE, this.#length - at)), at);
      if (i % PAGES_PER_STEP === PAGES_PER_STEP - 1) yield* schedule();
    }
    return whole;
  }

  /** Every page goes back. */
  free(): void {
    for (const page of this.#pages) this.#memory.freePage(page);
    this.#pages.length = 0;
    this.#length = 0;
  }
}

/** Pages of the memory that is being laid out for a kernel, by their pfn there. */
export class Image {
  readonly #memory: Memory;
  readonly #pages = new Map<number, Page>();

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  get pages(): ReadonlyMap<number, Page> {
    return this.#pages;
  }

  /** The page at `pfn`: taken now when nothing lies there yet. Throws OutOfPages. */
  page(pfn: number): Page {
    const known = this.#pages.get(pfn);
    if (known !== undefined) return known;
    const page = takePage(this.#memory);
    this.#pages.set(pfn, page);
    return page;
  }

  /** A page that lies here from now on. */
  place(pfn: number, page: Page): void {
    this.#pages.set(pfn, page);
  }

  /** Throws OutOfPages. */
  *write(paddr: number, bytes: Uint8Array): Thread<void> {
    for (let done = 0, pages = 1; done < bytes.length; pages++) {
      const at = paddr + done;
      const offset = at % PAGE_SIZE;
      const piece = bytes.subarray(done, done + PAGE_SIZE - offset);
      if (piece.some((byte) => byte !== 0)) this.page(Math.floor(at / PAGE_SIZE)).frame.write(offset, piece);
      done += piece.length;
      if (pages % PAGES_PER_STEP === 0) yield* schedule();
    }
  }

  /** A copy of the list: what is added to it is not added here. */
  copy(): Image {
    const copy = new Image(this.#memory);
    for (const [pfn, page] of this.#pages) copy.#pages.set(pfn, page);
    return copy;
  }

  /** Gives back what the copy has and `kept` has not. */
  freeExcept(kept: ReadonlySet<Page>): void {
    for (const page of this.#pages.values()) if (!kept.has(page)) this.#memory.freePage(page);
    this.#pages.clear();
  }
}
