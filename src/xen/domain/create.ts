/** XEN_DOMCTL_createdomain. */
import type { XenResult } from "../../abi/errno.ts";
import { ok, refuse } from "../../abi/errno.ts";
import type { CreateDomain } from "../../abi/hypercall.ts";
import { DOMID_FIRST_RESERVED, Domid } from "../../abi/types.ts";
import { VCPU_INFO_SIZE, XEN_LEGACY_MAX_VCPUS } from "../../abi/xen.ts";
import { createDomainEvents } from "../evtchn/channel.ts";
import { createUpcalls } from "../evtchn/upcalls.ts";
import { createGrantTable, growGrantTable } from "../gnttab/grant-table.ts";
import { releaseGrantTable } from "../gnttab/teardown.ts";
import type { Machine } from "../machine.ts";
import { createDomainMemory } from "../memory/domain-memory.ts";
import { allocXenFrame, freeXenFrame } from "../memory/xen-heap.ts";
import { updateWallclock } from "../time/pvclock.ts";
import type { Domain } from "./domain.ts";
import { createVcpu } from "./vcpu.ts";

/** `domain_max_vcpus` of a PV domain. */
const MAX_VIRT_CPUS = 8192;
export const DEFAULT_WEIGHT = 256;

/** EINVAL: a type or number that this machine does not offer. EEXIST: the id is taken. ENOMEM. */
export function createDomain(machine: Machine, wanted: CreateDomain): XenResult<Domain> {
  if (wanted.handle.length !== 16) return refuse("EINVAL");
  if (wanted.type !== "pv") {
    machine.log(`${wanted.type === "hvm" ? "HVM" : "PVH"} requested but not available`);
    return refuse("EINVAL");
  }
  if (wanted.maxVcpus < 1 || wanted.maxVcpus > MAX_VIRT_CPUS) {
    machine.log(`Requested vCPUs (${wanted.maxVcpus}) exceeds max (${MAX_VIRT_CPUS})`);
    return refuse("EINVAL");
  }
  const domid = chooseDomid(machine, wanted.domid);
  if (!domid.ok) return domid;
  const domain = newDomain(domid.value, wanted, false);
  machine.domains.set(domain.domid, domain);
  const mfn = allocXenFrame(machine, domain);
  const address = mfn === undefined ? 0 : machine.engine.mem.writeAddress(mfn);
  if (mfn === undefined || address === 0 || !growGrantTable(machine, domain, 1)) {
    if (mfn !== undefined) freeXenFrame(machine, mfn);
    releaseGrantTable(machine, domain);
    machine.frames.drain();
    machine.domains.delete(domain.domid);
    return refuse("ENOMEM");
  }
  domain.sharedInfo = { mfn, address };
  for (let i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
    machine.engine.mem.u8[address + i * VCPU_INFO_SIZE + 1] = 1; // evtchn_upcall_mask: nobody is ready for events yet
  }
  for (let i = 0; i < wanted.maxVcpus; i++) domain.vcpus.push(createVcpu(machine, domain, i));
  updateWallclock(machine, domain);
  return ok(domain);
}

/** The record of a domain, without vCPUs and shared_info. */
export function newDomain(domid: Domid, wanted: CreateDomain, privileged: boolean): Domain {
  return {
    domid,
    handle: Uint8Array.from(wanted.handle),
    type: wanted.type,
    privileged,
    target: undefined,
    program: privileged,
    vcpus: [],
    memory: createDomainMemory(0),
    grants: createGrantTable(wanted.maxGrantFrames, wanted.maxMaptrackFrames),
    dying: false,
    vmAssist: 0,
    sharedInfo: undefined,
    events: createDomainEvents(wanted.maxVcpus, wanted.maxEvtchnPort),
    upcalls: createUpcalls(),
    pauseCount: 1,
    shutdown: undefined,
    shutdownCode: undefined,
    credit: { weight: DEFAULT_WEIGHT, cap: 0, capLeft: 0 },
    timeOffset: 0,
    tsc: { mode: 0, incarnation: 0 },
    watchdogs: [undefined, undefined],
    symbols: [],
    ports: { pciConfigAddress: 0, rtcIndex: 0 },
    told: { compatibility: false },
  };
}

/** The id asked for, or the next free one after the last handed out. */
function chooseDomid(machine: Machine, wanted: Domid | undefined): XenResult<Domid> {
  if (wanted !== undefined && wanted > 0) {
    if (wanted >= DOMID_FIRST_RESERVED) return refuse("EINVAL");
    return machine.domains.has(wanted) ? refuse("EEXIST") : ok(wanted);
  }
  let next = machine.domidRover;
  do {
    next = next + 1 >= DOMID_FIRST_RESERVED ? 1 : next + 1;
    if (!machine.domains.has(Domid(next))) {
      machine.domidRover = next;
      return ok(Domid(next));
    }
  } while (next !== machine.domidRover);
  return refuse("ENOMEM");
}
