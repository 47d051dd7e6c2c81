/** The builder's hands in a domain's memory. */
import type { Gate } from "../abi/hypercall.ts";
import { type Domid, type Mfn, PAGE_SIZE } from "../abi/types.ts";
import { must } from "./refused.ts";

/** Pages between two yields: a millisecond of host time or two. */
const PAGES_PER_STEP = 96;

/** Writes into the domain's pseudo-physical memory; pages that would stay zero are not touched. */
export class DomainWriter {
  readonly #gate: Gate;
  readonly #domid: Domid;
  readonly #mfnOf: (pfn: number) => Mfn;
  #pages = 0;

  constructor(gate: Gate, domid: Domid, mfnOf: (pfn: number) => Mfn) {
    this.#gate = gate;
    this.#domid = domid;
    this.#mfnOf = mfnOf;
  }

  *write(paddr: number, bytes: Uint8Array): Generator<undefined, void> {
    let done = 0;
    while (done < bytes.length) {
      const at = paddr + done;
      const offset = at % PAGE_SIZE;
      const piece = bytes.subarray(done, done + Math.min(PAGE_SIZE - offset, bytes.length - done));
      if (!isZero(piece)) {
        const frame = must(
          "build-image",
          "foreign mapping",
          this.#gate.memory.mapForeign(this.#domid, this.#mfnOf(Math.floor(at / PAGE_SIZE)), "write"),
        );
        frame.write(offset, piece);
        frame.unmap();
      }
      done += piece.length;
      if (++this.#pages % PAGES_PER_STEP === 0) yield;
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words =
    bytes.byteOffset % 4 === 0
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
      : undefined;
  if (words !== undefined) for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  for (let i = words === undefined ? 0 : words.length * 4; i < bytes.length; i++)
    if (bytes[i] !== 0) return false;
  return true;
}
