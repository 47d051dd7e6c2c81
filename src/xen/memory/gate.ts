/** Memory and page tables through the TypeScript door: the same rules as for the registers, with records. */
import { done, ERRNO, type Errno, ok, refuse, type XenResult } from "../../abi/errno.ts";
import type { MappedFrame, MemoryCalls, MmuCalls } from "../../abi/hypercall.ts";
import type { E820Entry } from "../../abi/memory.ts";
import { type Domid, type Gfn, Mfn } from "../../abi/types.ts";
import { bug } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { allocFrames, claim, setM2p } from "./allocate.ts";
import { type PageType, PGT_l4 } from "./frame-table.ts";
import { HeldFrame } from "./mapped-frame.ts";
import { pinTable, unpinTable } from "./pin.ts";
import { domainByAnyId, mayActOn } from "./privilege.ts";
import { getFrame, getWritableFrame } from "./references.ts";
import { drain, prepare, settle } from "./stepwise.ts";

const NAME = new Map<number, Errno>(Object.entries(ERRNO).map(([name, number]) => [number, name as Errno]));

/** 0 or -errno as the Gate words it. */
const asResult = (rc: number): XenResult =>
  rc === 0 ? done : refuse(NAME.get(-rc) ?? bug(`no errno ${rc}`));

/** {@link pinTable} as the Gate words it. */
export const pinResult = (machine: Machine, frame: number, domid: number, level: PageType): XenResult =>
  asResult(pinTable(machine, frame, domid, level));

/** The domain named, if the caller may act on it; ESRCH, EPERM. */
export function target(machine: Machine, caller: Domain, dom: Domid): XenResult<Domain> {
  const domain = domainByAnyId(machine, caller, dom);
  if (domain === undefined) return refuse("ESRCH");
  return mayActOn(caller, domain) ? ok(domain) : refuse("EPERM");
}

export const memoryCalls = (machine: Machine, caller: Domain): MemoryCalls => ({
  populate: (dom, first, count) => populate(machine, caller, dom, first, count),
  claim: (dom, pages) => {
    if (!caller.privileged) return refuse("EPERM");
    const domain = target(machine, caller, dom);
    if (!domain.ok) return domain;
    const result = claim(machine, domain.value, pages);
    return result === "ok" ? done : refuse(result);
  },
  mapForeign: (dom, frame, access) => mapForeign(machine, caller, dom, frame, access),
  setMemoryMap: (dom, map) => setMemoryMap(machine, caller, dom, map),
});

export const mmuCalls = (machine: Machine, caller: Domain): MmuCalls => ({
  prepareL4(dom, frame) {
    const domain = target(machine, caller, dom);
    if (!domain.ok) return domain;
    if (domain.value.dying) return refuse("EINVAL");
    return ok(prepare(machine, domain.value, frame, PGT_l4));
  },
  pinL4(dom, frame) {
    const domain = target(machine, caller, dom);
    if (!domain.ok) return domain;
    if (domain.value.dying) return refuse("EINVAL");
    const result = pinResult(machine, frame, domain.value.domid, PGT_l4);
    settle(domain.value);
    while (!drain(machine, domain.value)) {} // all at once: nobody executes this again
    return result;
  },
  unpin(dom, frame) {
    const domain = target(machine, caller, dom);
    if (!domain.ok) return domain;
    const result = asResult(unpinTable(machine, frame, domain.value.domid));
    while (!drain(machine, domain.value)) {}
    return result;
  },
  setMachphys(frame, pfn) {
    if (machine.frames.owner(frame) !== caller.domid) return refuse("EINVAL");
    return setM2p(machine, frame, pfn, 1) ? done : refuse("ENOMEM");
  },
});

function populate(machine: Machine, caller: Domain, dom: Domid, first: Gfn, count: number): XenResult<Mfn[]> {
  const domain = target(machine, caller, dom);
  if (!domain.ok) return domain;
  const got: Mfn[] = [];
  for (let i = 0; i < count; i++) {
    const mfn = allocFrames(machine, domain.value, 0);
    if (mfn === 0) break;
    got.push(Mfn(mfn));
    if (!setM2p(machine, mfn, first + i, 1)) break;
  }
  return got.length === 0 && count > 0 ? refuse("ENOMEM") : ok(got);
}

function mapForeign(
  machine: Machine,
  caller: Domain,
  dom: Domid,
  frame: Mfn,
  access: "read" | "write",
): XenResult<MappedFrame> {
  const domain = target(machine, caller, dom);
  if (!domain.ok) return domain;
  const { domid } = domain.value;
  if (access === "read") {
    return getFrame(machine.frames, frame, domid)
      ? ok(new HeldFrame(machine, caller, frame, false))
      : refuse("EINVAL");
  }
  if (machine.frames.owner(frame) !== domid) return refuse("EINVAL");
  // EBUSY: it is a page table, or holds descriptors.
  return getWritableFrame(machine, frame, domid)
    ? ok(new HeldFrame(machine, caller, frame, true))
    : refuse("EBUSY");
}

function setMemoryMap(machine: Machine, caller: Domain, dom: Domid, map: readonly E820Entry[]): XenResult {
  const domain = target(machine, caller, dom);
  if (!domain.ok) return domain;
  if (map.length > 128) return refuse("EINVAL");
  domain.value.memory.memoryMap = [...map];
  return done;
}
