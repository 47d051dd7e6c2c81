/** Whole frames filled and copied for a guest (MMUEXT_CLEAR_PAGE, MMUEXT_COPY_PAGE). 0 or -errno. */
import { ERRNO } from "../../abi/errno.ts";
import type { Machine } from "../machine.ts";
import { getFrame, getWritableFrame, putFrame, putWritableFrame } from "./references.ts";
import { writeAddressOf } from "./slots.ts";
import { hex, warn } from "./warn.ts";

export function clearPage(machine: Machine, mfn: number, domid: number): number {
  if (!getWritableFrame(machine, mfn, domid)) {
    warn(machine, `Error clearing mfn ${hex(mfn)}`);
    return -ERRNO.EINVAL;
  }
  const at = writeAddressOf(machine, mfn);
  if (at !== 0) {
    machine.engine.mem.u8.fill(0, at, at + 4096);
    machine.engine.mem.noteWrite(mfn, 0, 4096);
  }
  putWritableFrame(machine, mfn);
  return at === 0 ? -ERRNO.ENOMEM : 0;
}

export function copyPage(machine: Machine, to: number, from: number, domid: number): number {
  if (!getFrame(machine.frames, from, domid)) {
    warn(machine, `Error copying from mfn ${hex(from)}`);
    return -ERRNO.EINVAL;
  }
  if (!getWritableFrame(machine, to, domid)) {
    putFrame(machine, from);
    warn(machine, `Error copying to mfn ${hex(to)}`);
    return -ERRNO.EINVAL;
  }
  const at = writeAddressOf(machine, to);
  if (at !== 0) {
    const { mem } = machine.engine;
    const source = mem.readAddress(from);
    mem.u8.copyWithin(at, source, source + 4096);
    mem.noteWrite(to, 0, 4096);
  }
  putWritableFrame(machine, to);
  putFrame(machine, from);
  return at === 0 ? -ERRNO.ENOMEM : 0;
}
