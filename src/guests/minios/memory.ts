/** Mini-OS's pages: the domain's own frames, handed out one by one. */
import type { Gate, MappedFrame } from "../../abi/hypercall.ts";
import { type Mfn, PAGE_SIZE } from "../../abi/types.ts";
import type { ProgramStart } from "../../dombuild/program.ts";
import { bug } from "../../lib/absurd.ts";

/** A page of the domain's own: mapped for as long as it is held. */
export interface Page {
  readonly pfn: number;
  readonly mfn: Mfn;
  readonly frame: MappedFrame;
}

export class Memory {
  readonly #gate: Gate;
  readonly #p2m: Mfn[];
  readonly #free: number[] = [];
  #next: number;
  readonly #firstFree: number;
  readonly #dirty = new Set<number>();

  constructor(gate: Gate, start: ProgramStart) {
    this.#gate = gate;
    this.#p2m = [...start.p2m];
    this.#next = start.firstFreePfn;
    this.#firstFree = start.firstFreePfn;
  }

  get p2m(): readonly Mfn[] {
    return this.#p2m;
  }

  get freePages(): number {
    return this.#p2m.length - this.#next + this.#free.length;
  }

  /** A page of zeros; undefined: there is none left. */
  allocPage(): Page | undefined {
    const pfn = this.#free.pop() ?? (this.#next < this.#p2m.length ? this.#next++ : undefined);
    if (pfn === undefined) return undefined;
    const mfn = this.#p2m[pfn] ?? bug(`pfn ${pfn}`);
    const frame = this.#gate.memory.mapForeign(this.#gate.domid, mfn, "write");
    if (!frame.ok) return bug(`mini-os: page ${pfn}: ${frame.errno}`);
    if (this.#dirty.has(pfn)) frame.value.write(0, new Uint8Array(PAGE_SIZE));
    this.#dirty.add(pfn);
    return { pfn, mfn, frame: frame.value };
  }

  freePage({ pfn, frame }: Page): void {
    frame.unmap();
    this.#free.push(pfn);
  }

  /** Frames that are no longer all zeros, perhaps. */
  used(): Mfn[] {
    const pfns = [...this.#dirty];
    for (let pfn = 0; pfn < this.#firstFree; pfn++) pfns.push(pfn);
    return pfns.map((pfn) => this.#p2m[pfn] ?? bug(`pfn ${pfn}`));
  }
}
