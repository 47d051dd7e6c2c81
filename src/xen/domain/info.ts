/** What `xl list` and `xl vcpu-list` ask (getdomaininfo, getvcpuinfo). */
import type { DomainInfo, VcpuInfo } from "../../abi/hypercall.ts";
import { Mfn } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Machine } from "../machine.ts";
import { cpuTimeOf } from "../time/runstate.ts";
import type { Domain, Vcpu } from "./domain.ts";
import { commandVcpu } from "./program-work.ts";

export const vcpuCpuTime = (machine: Machine, vcpu: Vcpu): Nanos =>
  Nanos(cpuTimeOf(vcpu, machine.time.nanosOf(Math.max(vcpu.readyAt, 0))));

/** Who asks this very question is running. */
const asks = ({ domain, id }: Vcpu): boolean =>
  domain.program && domain.privileged && commandVcpu(domain)?.id === id;
const isRunning = (vcpu: Vcpu): boolean => vcpu.onCpu || asks(vcpu);
const isBlocked = (vcpu: Vcpu): boolean => vcpu.blocked && !asks(vcpu);

export function domainInfo(machine: Machine, domain: Domain): DomainInfo {
  const online = domain.vcpus.filter((vcpu) => !vcpu.down);
  return {
    domid: domain.domid,
    dying: domain.dying,
    shutdown: domain.shutdown !== undefined,
    shutdownCode: domain.shutdown?.code ?? 0,
    paused: domain.pauseCount > 0,
    blocked: online.length > 0 && online.every(isBlocked),
    running: online.some(isRunning),
    type: domain.type,
    totPages: domain.memory.totPages,
    outstandingPages: domain.memory.outstandingPages,
    maxPages: domain.memory.maxPages,
    sharedInfoFrame: Mfn(domain.sharedInfo?.mfn ?? 0),
    cpuTime: Nanos(domain.vcpus.reduce((sum, vcpu) => sum + vcpuCpuTime(machine, vcpu), 0)),
    onlineVcpus: online.length,
    maxVcpuId: domain.vcpus.length - 1,
    ssidref: 0,
    cpupool: 0,
    handle: domain.handle,
  };
}

export function vcpuInfo(machine: Machine, vcpu: Vcpu): VcpuInfo {
  return {
    vcpu: vcpu.id,
    online: !vcpu.down,
    blocked: isBlocked(vcpu),
    running: isRunning(vcpu),
    cpuTime: vcpuCpuTime(machine, vcpu),
    cpu: vcpu.processor,
    hardAffinity: vcpu.hardAffinity,
    softAffinity: vcpu.softAffinity,
  };
}
