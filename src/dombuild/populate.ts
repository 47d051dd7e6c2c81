/** The domain's frames. */
import type { Errno } from "../abi/errno.ts";
import type { Gate } from "../abi/hypercall.ts";
import { type Domid, Gfn, type Mfn } from "../abi/types.ts";
import { type BuildFault, buildFault, panic } from "./fault.ts";

/** Pages asked for at a time, with a yield between. */
const POPULATE_STEP = 4_096;

export const outOfMemory = (wantedMib: number, hadMib: number, errno: Errno): BuildFault =>
  buildFault(
    "boot-mem",
    `the machine has no ${wantedMib} MiB left for the domain (${hadMib} MiB could be had): destroy or shrink others, or start the host with more memory`,
    panic("xg_dom_boot.c:119", "xc_dom_boot_mem_init: can't allocate low memory for domain", "Out of memory"),
    errno,
  );

/** A machine frame for every pfn of the domain. */
export function* populate(
  gate: Gate,
  domid: Domid,
  nrPages: number,
): Generator<undefined, Mfn[] | BuildFault> {
  const p2m: Mfn[] = [];
  while (p2m.length < nrPages) {
    const wanted = Math.min(POPULATE_STEP, nrPages - p2m.length);
    const got = gate.memory.populate(domid, Gfn(p2m.length), wanted);
    if (got.ok) for (const mfn of got.value) p2m.push(mfn);
    if (!got.ok || got.value.length < wanted) {
      return outOfMemory(nrPages / 256, Math.floor(p2m.length / 256), got.ok ? "ENOMEM" : got.errno);
    }
    yield;
  }
  return p2m;
}
