/**
 * Memory behind the machine's frames can run out (the modelled host owns more than it backs). Then the domain whose frame
 * is to be written falls, and nobody else.
 */
import { DOMID_INVALID } from "../../abi/types.ts";
import type { Machine } from "../machine.ts";

/** Byte address to write `mfn` at; 0 when there is no memory: its owner has been crashed. */
export function writeAddressOf(machine: Machine, mfn: number): number {
  const at = machine.engine.mem.writeAddress(mfn);
  return at !== 0 ? at : afterReclaim(machine, mfn);
}

function afterReclaim(machine: Machine, mfn: number): number {
  if (machine.frames.drain() > 0) {
    const at = machine.engine.mem.writeAddress(mfn);
    if (at !== 0) return at;
  }
  const owner = machine.frames.owner(mfn);
  const domain = owner === DOMID_INVALID ? undefined : machine.domains.get(owner as never);
  if (domain !== undefined) {
    machine.crash(domain, "this host has no memory left to back the domain's frames");
  }
  return 0;
}
