/** Mini-OS's grant table: entries of its own shared table, handed out and taken back. */
import {
  GNTTAB_NR_RESERVED_ENTRIES,
  GRANTS_PER_FRAME,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_writing,
} from "../../abi/grant-table.ts";
import type { Gate, MappedFrame } from "../../abi/hypercall.ts";
import { type Domid, Gref, type Mfn } from "../../abi/types.ts";
import { bug } from "../../lib/absurd.ts";

/** Mini-OS asks for so many pages of table; a domain that may have fewer (`max_grant_frames=`) gets those. */
const TABLE_FRAMES = 4;
const ENTRY_SIZE = 8;

export class GrantTable {
  readonly #frames: readonly MappedFrame[];
  readonly #free: number[] = [];

  constructor(gate: Gate) {
    let wanted = TABLE_FRAMES;
    let frames = gate.gnttab.setupTable(wanted);
    while (!frames.ok && --wanted > 0) frames = gate.gnttab.setupTable(wanted);
    this.#frames = frames.ok ? frames.value : bug(`mini-os: grant table: ${frames.errno}`);
    for (let ref = this.#frames.length * GRANTS_PER_FRAME - 1; ref >= GNTTAB_NR_RESERVED_ENTRIES; ref--)
      this.#free.push(ref);
  }

  /** Undefined: no entry is free. */
  grantAccess(to: Domid, frame: Mfn, access: "read" | "write"): Gref | undefined {
    const ref = this.#free.pop();
    if (ref === undefined) return undefined;
    const [page, at] = this.#place(ref);
    page.setUint32(at + 4, frame);
    // Domid first: the flags make the entry good.
    page.setUint32(at, (to << 16) | GTF_permit_access | (access === "read" ? GTF_readonly : 0));
    return Gref(ref);
  }

  /** False: it is still in use. */
  endAccess(ref: Gref): boolean {
    const [page, at] = this.#place(ref);
    if ((page.getUint32(at) & (GTF_reading | GTF_writing)) !== 0) return false;
    page.setUint32(at, 0);
    this.#free.push(ref);
    return true;
  }

  /** Another kernel takes over. */
  release(): void {
    for (const frame of this.#frames) frame.unmap();
  }

  #place(ref: number): [MappedFrame, number] {
    const frame = this.#frames[Math.floor(ref / GRANTS_PER_FRAME)] ?? bug(`grant reference ${ref}`);
    return [frame, (ref % GRANTS_PER_FRAME) * ENTRY_SIZE];
  }
}
