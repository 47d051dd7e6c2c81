/**
 * Frames of Xen's own, outside every domain's memory: shared_info, grant tables. One shared with a domain counts as its
 * frame, so it can be mapped (writable, and thus never a page table), but not as its memory.
 */
import { DOMID_XEN, Mfn } from "../../abi/types.ts";
import { bug } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import {
  PGF_ALLOCATED,
  PGF_VALIDATED,
  PGF_XEN_HEAP,
  PGT_writable,
  TYPE_COUNT,
  TYPE_SHIFT,
} from "./frame-table.ts";
import { putFrame, putWritableType } from "./references.ts";

/** A frame full of zeros, shared with `domain` if one is given; undefined when the machine has none left. */
export function allocXenFrame(machine: Machine, domain: Domain | undefined): Mfn | undefined {
  const { frames } = machine;
  const mfn = frames.alloc(domain === undefined ? DOMID_XEN : domain.domid, PGF_XEN_HEAP);
  if (mfn === 0) return undefined;
  if (domain !== undefined) domain.memory.heapPages++;
  const page = mfn << 2;
  frames.info[page] = (frames.info[page] as number) | (PGT_writable << TYPE_SHIFT) | PGF_VALIDATED;
  frames.info[page + TYPE_COUNT] = 1;
  return Mfn(mfn);
}

/** Gives up Xen's own references. The frame is freed when nobody maps it any more. */
export function freeXenFrame(machine: Machine, mfn: number): void {
  const { info } = machine.frames;
  const meta = info[mfn << 2] as number;
  if ((meta & PGF_XEN_HEAP) === 0 || (meta & PGF_ALLOCATED) === 0) bug(`frame ${mfn} is no Xen heap frame`);
  info[mfn << 2] = meta & ~PGF_ALLOCATED;
  putWritableType(machine.frames, mfn);
  putFrame(machine, mfn);
}
