/** domctl for the toolstack's domain: the privileged half of a Gate. Everybody else is refused with EPERM. */
import type { XenResult } from "../../abi/errno.ts";
import { done, ok, refuse } from "../../abi/errno.ts";
import type { DomctlCalls } from "../../abi/hypercall.ts";
import { DOMID_0, type Domid, Mfn } from "../../abi/types.ts";
import { createDomain } from "../domain/create.ts";
import { destroyDomain } from "../domain/destroy.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import { domainInfo, vcpuInfo } from "../domain/info.ts";
import { pauseDomain, unpauseDomain } from "../domain/pause.ts";
import { setTarget } from "../domain/set-target.ts";
import { shutdownDomain } from "../domain/shutdown.ts";
import { softReset } from "../domain/soft-reset.ts";
import { sendTrigger } from "../domain/trigger.ts";
import { setProgram } from "../domain/typescript.ts";
import { getVcpuContext, setVcpuContext } from "../domain/vcpu-context.ts";
import type { Machine } from "../machine.ts";
import { setAffinity } from "../sched/affinity.ts";
import { chargeDomain } from "../time/cost-table.ts";
import { updateWallclock } from "../time/pvclock.ts";
import { fillHypercallPage } from "./hypercall-page.ts";

export function domctlCalls(machine: Machine, caller: Domain): DomctlCalls {
  /** Charges the call, and finds whom it is about. EPERM, ESRCH. */
  const target = (dom: Domid): XenResult<Domain> => {
    chargeDomain(machine, caller, "hypercall");
    if (!caller.privileged) return refuse("EPERM");
    const domain = machine.domains.get(dom);
    return domain === undefined ? refuse("ESRCH") : ok(domain);
  };
  /** One that does not run TypeScript and is not dying. */
  const guest = (dom: Domid): XenResult<Domain> => {
    const found = target(dom);
    if (!found.ok) return found;
    if (found.value.domid === DOMID_0) return refuse("EINVAL");
    return found.value.dying ? refuse("ESRCH") : found;
  };
  const vcpuOf = (found: XenResult<Domain>, id: number): XenResult<Vcpu> => {
    if (!found.ok) return found;
    const vcpu = found.value.vcpus[id];
    return vcpu === undefined ? refuse("EINVAL") : ok(vcpu);
  };

  return {
    create(wanted) {
      chargeDomain(machine, caller, "hypercall");
      if (!caller.privileged) return refuse("EPERM");
      const made = createDomain(machine, wanted);
      return made.ok ? ok(made.value.domid) : made;
    },
    setMaxMem(dom, kib) {
      const found = target(dom);
      if (!found.ok) return found;
      found.value.memory.maxPages = Math.floor(kib / 4);
      return done;
    },
    hypercallInit(dom, frame) {
      const found = guest(dom);
      return found.ok ? fillHypercallPage(machine, found.value, frame) : found;
    },
    setVcpuContext(dom, id, context) {
      const found = guest(dom);
      const vcpu = vcpuOf(found, id);
      if (!vcpu.ok) return vcpu;
      pauseDomain(machine, vcpu.value.domain);
      const result = setVcpuContext(machine, vcpu.value, context);
      unpauseDomain(machine, vcpu.value.domain);
      return result;
    },
    setProgram(dom, begin) {
      const found = guest(dom);
      return found.ok ? setProgram(machine, found.value, begin) : found;
    },
    getVcpuContext(dom, id) {
      const vcpu = vcpuOf(guest(dom), id);
      return vcpu.ok ? getVcpuContext(machine, vcpu.value) : vcpu;
    },
    getInfo(dom) {
      const found = target(dom);
      return found.ok ? ok(domainInfo(machine, found.value)) : found;
    },
    listInfo(first) {
      chargeDomain(machine, caller, "hypercall");
      if (!caller.privileged) return [];
      return [...machine.domains.values()]
        .filter((domain) => domain.domid >= first)
        .sort((a, b) => a.domid - b.domid)
        .map((domain) => domainInfo(machine, domain));
    },
    getVcpuInfo(dom, id) {
      const vcpu = vcpuOf(target(dom), id);
      return vcpu.ok ? ok(vcpuInfo(machine, vcpu.value)) : vcpu;
    },
    setVcpuAffinity(dom, id, hard, soft) {
      const vcpu = vcpuOf(target(dom), id);
      return vcpu.ok ? setAffinity(machine, vcpu.value, hard, soft) : vcpu;
    },
    getSharedInfoFrame(dom) {
      const found = guest(dom);
      if (!found.ok) return found;
      const page = found.value.sharedInfo;
      return page === undefined ? refuse("EINVAL") : ok(Mfn(page.mfn));
    },
    setTarget(dom, served) {
      const found = guest(dom);
      if (!found.ok) return found;
      const other = guest(served);
      return other.ok ? setTarget(found.value, other.value) : refuse("ESRCH");
    },
    pause(dom) {
      const found = guest(dom);
      if (!found.ok) return found;
      pauseDomain(machine, found.value);
      return done;
    },
    unpause(dom) {
      const found = guest(dom);
      return found.ok ? unpauseDomain(machine, found.value) : found;
    },
    destroy(dom) {
      const found = target(dom);
      if (!found.ok) return found;
      if (found.value.domid === DOMID_0) return refuse("EINVAL");
      destroyDomain(machine, found.value);
      return done;
    },
    shutdown(dom, reason) {
      const found = guest(dom);
      if (!found.ok) return found;
      shutdownDomain(machine, found.value, reason);
      return done;
    },
    setTimeOffset(dom, seconds) {
      const found = target(dom);
      if (!found.ok) return found;
      found.value.timeOffset = seconds;
      updateWallclock(machine, found.value);
      return done;
    },
    setSchedCredit(dom, weight, cap) {
      const found = target(dom);
      if (!found.ok) return found;
      return machine.sched.setCredit(found.value, weight, cap);
    },
    getSchedCredit(dom) {
      const found = target(dom);
      return found.ok ? ok({ weight: found.value.credit.weight, cap: found.value.credit.cap }) : found;
    },
    sendTrigger(dom, trigger, vcpu) {
      const found = target(dom);
      return found.ok ? sendTrigger(machine, found.value, trigger, vcpu) : found;
    },
    softReset(dom) {
      const found = guest(dom);
      return found.ok ? softReset(machine, found.value) : found;
    },
    setSymbols(dom, symbols) {
      const found = target(dom);
      if (!found.ok) return found;
      found.value.symbols = symbols;
      return done;
    },
  };
}
