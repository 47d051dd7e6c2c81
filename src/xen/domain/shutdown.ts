/** A domain stands still for good, with a reason (`domain_shutdown`); dom0 hears of it by VIRQ_DOM_EXC. */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import { DOMID_0 } from "../../abi/types.ts";
import { VIRQ_DOM_EXC } from "../../abi/xen.ts";
import { sendGuestGlobalVirq } from "../evtchn/send.ts";
import type { Machine } from "../machine.ts";
import { sleepVcpu, wakeVcpu } from "../sched/wake.ts";
import type { Domain } from "./domain.ts";

export function shutdownDomain(machine: Machine, domain: Domain, reason: number): void {
  if (domain.shutdown !== undefined) return;
  domain.shutdown = { code: domain.shutdownCode ?? reason };
  for (const vcpu of domain.vcpus) sleepVcpu(machine, vcpu);
  notifyDom0(machine);
}

/** `domain_resume`: it goes on where it stopped. One that has not shut down is left alone. */
export function resumeDomain(machine: Machine, domain: Domain): void {
  domain.shutdown = undefined;
  domain.shutdownCode = undefined;
  for (const vcpu of domain.vcpus) wakeVcpu(machine, vcpu);
}

/** VIRQ_DOM_EXC: some domain has stopped or gone. */
export function notifyDom0(machine: Machine): void {
  const dom0 = machine.domains.get(DOMID_0);
  if (dom0 !== undefined) sendGuestGlobalVirq(machine, dom0, VIRQ_DOM_EXC);
}

/** SCHEDOP_watchdog's time is up. */
export function watchdogFired(machine: Machine, domain: Domain): void {
  if (domain.shutdown !== undefined || domain.dying) return;
  machine.log(`Watchdog timer fired for domain ${domain.domid}`);
  shutdownDomain(machine, domain, SHUTDOWN.watchdog);
}
