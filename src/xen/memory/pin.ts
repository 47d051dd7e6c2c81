/** Pins: a guest's own typed reference on a page table, so that it stays validated while no CR3 and no entry names it. */
import { ERRNO } from "../../abi/errno.ts";
import type { Domid } from "../../abi/types.ts";
import type { Machine } from "../machine.ts";
import { type PageType, PGF_PINNED } from "./frame-table.ts";
import { getPageType, putFrameAndType, putPageType } from "./page-types.ts";
import { getFrame, putFrame } from "./references.ts";
import { releaseLater } from "./stepwise.ts";
import { hex, hexMfn, warn } from "./warn.ts";

/** Pins `mfn`, a frame of `domid`, as a table of this level. 0 or -errno: EINVAL for whatever is wrong with it, a second pin too. */
export function pinTable(machine: Machine, mfn: number, domid: number, level: PageType): number {
  const { frames } = machine;
  if (!getFrame(frames, mfn, domid)) return -ERRNO.EINVAL;
  const failed = getPageType(machine, mfn, level);
  if (failed !== 0) {
    warn(machine, `Error ${failed} while pinning mfn ${hexMfn(mfn)}`);
    putFrame(machine, mfn);
    return failed;
  }
  const meta = frames.info[mfn << 2] as number;
  if (meta & PGF_PINNED) {
    warn(machine, `mfn ${hexMfn(mfn)} already pinned`);
    putPageType(machine, mfn);
    putFrame(machine, mfn);
    return -ERRNO.EINVAL;
  }
  frames.info[mfn << 2] = meta | PGF_PINNED;
  return 0;
}

/** The pin's references go with the next {@link drain}. */
export function unpinTable(machine: Machine, mfn: number, domid: number): number {
  const { frames } = machine;
  if (!getFrame(frames, mfn, domid)) {
    warn(machine, `mfn ${hex(mfn)} bad, or bad owner d${domid}`);
    return -ERRNO.EINVAL;
  }
  const meta = frames.info[mfn << 2] as number;
  if ((meta & PGF_PINNED) === 0) {
    putFrame(machine, mfn);
    warn(machine, `mfn ${hex(mfn)} not pinned`);
    return -ERRNO.EINVAL;
  }
  frames.info[mfn << 2] = meta & ~PGF_PINNED;
  putFrame(machine, mfn);
  const owner = machine.domains.get(domid as Domid);
  if (owner === undefined) putFrameAndType(machine, mfn);
  else releaseLater(owner, mfn);
  return 0;
}
