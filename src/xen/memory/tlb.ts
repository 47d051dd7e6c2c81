/** TLB flushes that a domain's own page-table updates ask for. (Those that Xen's safety asks for: FrameTable.flushAll.) */
import { CPU } from "../../cpu/layout.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";

const isLoaded = (machine: Machine, vcpu: Vcpu): boolean =>
  vcpu.engineVcpu !== undefined && machine.engine.stateAddress(vcpu.engineVcpu) === CPU;

/** One vCPU: cheap when it is the one that is loaded. */
export function flushVcpu(machine: Machine, vcpu: Vcpu): void {
  if (isLoaded(machine, vcpu)) machine.engine.flushTlb();
  else if (vcpu.engineVcpu !== undefined) machine.frames.flushAll();
}

/** Every vCPU of the domain. */
export function flushDomain(machine: Machine, domain: Domain): void {
  const vcpu = domain.vcpus[0];
  if (domain.vcpus.length === 1 && vcpu !== undefined) flushVcpu(machine, vcpu);
  else machine.frames.flushAll();
}

/** One page, in the loaded vCPU's TLBs or in those of the whole domain. */
export function invalidatePage(
  machine: Machine,
  domain: Domain,
  low: number,
  high: number,
  all: boolean,
): void {
  if (all && domain.vcpus.length > 1) machine.frames.flushAll();
  else machine.engine.invlpg(low, high);
}

/** The vCPUs in `mask` (low word of the guest's bitmap first). */
export function flushMask(machine: Machine, domain: Domain, mask: readonly number[]): void {
  let remote = false;
  let local = false;
  for (const vcpu of domain.vcpus) {
    if (((mask[vcpu.id >> 5] ?? 0) & (1 << (vcpu.id & 31))) === 0 || vcpu.engineVcpu === undefined) continue;
    if (isLoaded(machine, vcpu)) local = true;
    else remote = true;
  }
  if (remote) machine.frames.flushAll();
  else if (local) machine.engine.flushTlb();
}
