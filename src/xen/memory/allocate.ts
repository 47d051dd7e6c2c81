/**
 * Frames for domains: limits, claims, and giving frames back. `pfn`s enter here: a PV domain's frame numbers of its own,
 * which Xen knows only from the M2P.
 */
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { PGF_ALLOCATED, PGF_XEN_HEAP } from "./frame-table.ts";
import { getFrame, putFrame } from "./references.ts";

/** 2^order consecutive frames more for the domain; the first one, 0 when its limit, others' claims or the machine forbid it. */
export function allocFrames(machine: Machine, domain: Domain, order: number): number {
  const { frames } = machine;
  const { memory } = domain;
  const n = 2 ** order;
  if (domain.dying || memory.totPages + n > memory.maxPages) return 0;
  if (frames.freePages() - frames.outstanding + memory.outstandingPages < n) return 0;
  const mfn = frames.allocRun(domain.domid, 0, order);
  if (mfn !== 0) account(machine, domain, mfn, n);
  return mfn;
}

/** Counts `n` frames from `mfn` on as the domain's memory. */
function account(machine: Machine, domain: Domain, mfn: number, n: number): void {
  const { memory } = domain;
  memory.totPages += n;
  memory.lowest = Math.min(memory.lowest, mfn);
  memory.highest = Math.max(memory.highest, mfn + n - 1);
  const resolved = Math.min(n, memory.outstandingPages);
  memory.outstandingPages -= resolved;
  machine.frames.outstanding -= resolved;
}

/** M2P entries of a run of frames; false when the machine has no memory for them. */
export function setM2p(machine: Machine, mfn: number, pfn: number, n: number): boolean {
  const { frames } = machine;
  for (let i = 0; i < n; i++) {
    const low = (pfn + i) >>> 0;
    const high = Math.floor((pfn + i) / 0x1_0000_0000);
    if (!frames.setPfn(mfn + i, low, high)) return false;
  }
  return true;
}

/**
 * Takes the domain's own reference off a frame (`guest_remove_page`). It is freed once nothing maps it. False: not his, a
 * frame of Xen's, or taken off already.
 */
export function removeFrame(machine: Machine, domain: Domain, mfn: number): boolean {
  const { frames } = machine;
  if (!getFrame(frames, mfn, domain.domid)) return false;
  const meta = frames.info[mfn << 2] as number;
  const removable = (meta & (PGF_ALLOCATED | PGF_XEN_HEAP)) === PGF_ALLOCATED;
  if (removable) {
    frames.info[mfn << 2] = meta & ~PGF_ALLOCATED;
    putFrame(machine, mfn);
  }
  putFrame(machine, mfn);
  return removable;
}

/** Stakes out `pages` for the domain, those it has included; 0 gives the claim up. False: too late, too much, or claimed already. */
export function claim(machine: Machine, domain: Domain, pages: number): "ok" | "EINVAL" | "ENOMEM" {
  const { frames } = machine;
  const { memory } = domain;
  if (pages === 0) {
    frames.outstanding -= memory.outstandingPages;
    memory.outstandingPages = 0;
    return "ok";
  }
  if (memory.outstandingPages !== 0) return "ENOMEM";
  if (pages <= memory.totPages || pages > memory.maxPages) return "EINVAL";
  const more = pages - memory.totPages;
  if (more > frames.freePages() - frames.outstanding) return "ENOMEM";
  memory.outstandingPages = more;
  frames.outstanding += more;
  return "ok";
}
