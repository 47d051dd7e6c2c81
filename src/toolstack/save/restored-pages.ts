/** The memory of a domain that is being restored: which machine frame each pfn got, and what it is used as. */
import type { Gate } from "../../abi/hypercall.ts";
import { type Domid, Gfn } from "../../abi/types.ts";
import { ENOMEM, xcFault } from "./xc-fault.ts";

export const NO_FRAME = 0xffff_ffff;
/** What a pfn was never told to be. */
const NO_TYPE = 0xff;

export class RestoredPages {
  readonly #gate: Gate;
  readonly #domid: Domid;
  /** Pages that the domain may have. */
  readonly #most: number;
  #populated = 0;
  /** By pfn. */
  mfns = new Uint32Array(0);
  types = new Uint8Array(0);

  constructor(gate: Gate, domid: Domid, most: number) {
    this.#gate = gate;
    this.#domid = domid;
    this.#most = most;
  }

  get maxPfn(): number {
    return this.mfns.length - 1;
  }

  /** The stream speaks of pfns up to `maxPfn`. More than a few times what the domain may have is no such domain's. */
  expand(maxPfn: number): void {
    if (maxPfn < this.mfns.length) return;
    if (maxPfn >= MOST_PFNS) {
      throw xcFault(`Failed to (re)alloc ${(maxPfn + 1) * 8} bytes for p2m`);
    }
    const { mfns, types } = this;
    this.mfns = new Uint32Array(maxPfn + 1).fill(NO_FRAME);
    this.mfns.set(mfns);
    this.types = new Uint8Array(maxPfn + 1).fill(NO_TYPE);
    this.types.set(types);
  }

  /** Frames for those of `pfns` that have none yet. */
  populate(pfns: readonly number[]): void {
    for (let i = 0; i < pfns.length; ) {
      const first = pfns[i] as number;
      if (this.mfns[first] !== NO_FRAME) {
        i++;
        continue;
      }
      let count = 1;
      while (pfns[i + count] === first + count && this.mfns[first + count] === NO_FRAME) count++;
      this.#run(first, count);
      i += count;
    }
  }

  #run(first: number, count: number): void {
    const left = this.#most - this.#populated;
    const got = count > left ? undefined : this.#gate.memory.populate(this.#domid, Gfn(first), count);
    if (got === undefined || !got.ok || got.value.length < count) {
      const hint =
        got === undefined
          ? "the saved domain has more memory than its config allows"
          : "the machine has not enough memory left: destroy or shrink others, or start the host with more";
      throw xcFault("Failed to populate physmap", ENOMEM, hint);
    }
    got.value.forEach((mfn, i) => {
      this.mfns[first + i] = mfn;
    });
    this.#populated += count;
  }

  /** Undefined: it has no frame. */
  mfnOf(pfn: number): number | undefined {
    const mfn = this.mfns[pfn];
    return mfn === undefined || mfn === NO_FRAME ? undefined : mfn;
  }
}

/** More than any modelled machine has: 64 GiB. */
const MOST_PFNS = 1 << 24;
