/**
 * A domain's end (`domain_kill`): its vCPUs stop at once; its memory goes back step by step at scheduling points; when the
 * last frame is gone its id is free again. Frames that others still map keep it as a zombie.
 */
import { DOMID_0 } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import { closeAllPorts } from "../evtchn/bind.ts";
import type { Machine } from "../machine.ts";
import { isEmpty } from "../memory/references.ts";
import { relinquish } from "../memory/relinquish.ts";
import { freeXenFrame } from "../memory/xen-heap.ts";
import { sleepVcpu } from "../sched/wake.ts";
import { COST, chargeDomain } from "../time/cost-table.ts";
import { localNanos } from "../time/virtual-time.ts";
import type { Domain } from "./domain.ts";
import { forgetTarget } from "./set-target.ts";
import { notifyDom0 } from "./shutdown.ts";
import { releaseVcpu, retireVcpu } from "./vcpu.ts";

/** Frames and entries handled in one step. */
const STEP = 2048;

/** Does nothing to one that is dying already. */
export function destroyDomain(machine: Machine, domain: Domain): void {
  if (domain.dying) return;
  closeAllPorts(machine, domain);
  domain.dying = true;
  for (const vcpu of domain.vcpus) {
    sleepVcpu(machine, vcpu);
    retireVcpu(machine, vcpu);
  }
  machine.sched.forget(domain);
  if (domain.sharedInfo !== undefined) freeXenFrame(machine, domain.sharedInfo.mfn);
  domain.sharedInfo = undefined;
  for (const timer of domain.watchdogs) timer?.cancel();
  scheduleStep(machine, domain);
}

/** dom0's toolstack is in its hypercall meanwhile: it is charged, and the next step waits for it. */
function scheduleStep(machine: Machine, domain: Domain): void {
  const dom0 = machine.domains.get(DOMID_0);
  if (dom0 !== undefined) chargeDomain(machine, dom0, "entry", STEP);
  machine.time.at(Nanos(localNanos(machine) + STEP * COST.entry), () => {
    if (relinquish(machine, domain, STEP)) finish(machine, domain);
    else scheduleStep(machine, domain);
  });
}

function finish(machine: Machine, domain: Domain): void {
  for (const vcpu of domain.vcpus) releaseVcpu(machine, vcpu);
  if (isEmpty(domain)) remove(machine, domain);
  else domain.memory.onEmpty = () => remove(machine, domain);
  notifyDom0(machine);
}

function remove(machine: Machine, domain: Domain): void {
  machine.domains.delete(domain.domid);
  forgetTarget(machine.domains.values(), domain);
  notifyDom0(machine);
}
