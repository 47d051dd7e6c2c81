/**
 * References to frames: general ones keep a frame where it is, writable ones keep it from becoming a page table besides.
 *
 *   if (!getFrame(frames, mfn, domid)) return refuse("EINVAL");  …  putFrame(machine, mfn);
 *
 * Whoever writes to a guest's frame for longer than the call at hand (vcpu_info, a foreign mapping) holds a writable one.
 */
import { DOMID_XEN } from "../../abi/types.ts";
import { bug } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import {
  COUNT,
  EPOCH,
  type FrameTable,
  OWNER_MASK,
  PGF_VALIDATED,
  PGF_XEN_HEAP,
  PGT_writable,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "./frame-table.ts";

const WRITABLE = PGT_writable << TYPE_SHIFT;

/** A general reference, if the frame is `domid`'s. */
export function getFrame(frames: FrameTable, mfn: number, domid: number): boolean {
  if (mfn >= frames.total) return false;
  const { info } = frames;
  const page = mfn << 2;
  if (info[page + COUNT] === 0 || ((info[page] as number) & OWNER_MASK) !== domid) return false;
  info[page + COUNT] = (info[page + COUNT] as number) + 1;
  return true;
}

/** Gives a general reference back; with the last one the frame is freed. */
export function putFrame(machine: Machine, mfn: number): void {
  const { info } = machine.frames;
  const at = (mfn << 2) + COUNT;
  const count = info[at] as number;
  if (count === 0) bug(`frame ${mfn} has no reference to give back`);
  info[at] = count - 1;
  if (count === 1) free(machine, mfn);
}

function free(machine: Machine, mfn: number): void {
  const meta = machine.frames.info[mfn << 2] as number;
  machine.frames.retire(mfn);
  const owner = meta & OWNER_MASK;
  if (owner === DOMID_XEN) return;
  const domain = machine.domains.get(owner as never) ?? bug(`frame ${mfn} outlived its owner`);
  const { memory } = domain;
  if (meta & PGF_XEN_HEAP) memory.heapPages--;
  else memory.totPages--;
  if (domain.dying && isEmpty(domain)) memory.onEmpty?.();
}

/** Nothing of the domain's is left that somebody could hold. */
export const isEmpty = ({ memory }: Domain): boolean => memory.totPages === 0 && memory.heapPages === 0;

/** A writable type reference, on top of a general one. False while the frame is a page table or holds descriptors. */
export function getWritableType(frames: FrameTable, mfn: number): boolean {
  const { info } = frames;
  const page = mfn << 2;
  const meta = info[page] as number;
  const count = info[page + TYPE_COUNT] as number;
  if ((meta & TYPE_MASK) !== WRITABLE) {
    if (count !== 0) return false;
    info[page] = (meta & ~(TYPE_MASK | PGF_VALIDATED)) | WRITABLE;
  }
  info[page + TYPE_COUNT] = count + 1;
  return true;
}

export function putWritableType(frames: FrameTable, mfn: number): void {
  const { info } = frames;
  const page = mfn << 2;
  const count = info[page + TYPE_COUNT] as number;
  if (count === 0 || ((info[page] as number) & TYPE_MASK) !== WRITABLE)
    bug(`frame ${mfn} is not held writable`);
  info[page + TYPE_COUNT] = count - 1;
  if (count === 1) info[page + EPOCH] = frames.epoch;
}

/** Both references at once: for those who keep writing to a frame of `domid`. */
export function getWritableFrame(machine: Machine, mfn: number, domid: number): boolean {
  if (!getFrame(machine.frames, mfn, domid)) return false;
  if (getWritableType(machine.frames, mfn)) return true;
  putFrame(machine, mfn);
  return false;
}

export function putWritableFrame(machine: Machine, mfn: number): void {
  putWritableType(machine.frames, mfn);
  putFrame(machine, mfn);
}
