/** The end of a domain that is beyond help: logged with its registers, code and stack, then SHUTDOWN_crash. */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import type { Machine } from "../machine.ts";
import type { Domain } from "./domain.ts";
import { showExecutionState } from "./dump.ts";
import { shutdownDomain } from "./shutdown.ts";

/** Answers to the caller, which goes on: the domain's vCPUs will not. Says nothing of one that is down already. */
export function crashDomain(machine: Machine, domain: Domain, why: string): void {
  if (domain.shutdown !== undefined || domain.dying) return;
  machine.log(`domain_crash: d${domain.domid}: ${why}`);
  reportCrash(machine, domain);
  shutdownDomain(machine, domain, SHUTDOWN.crash);
}

/** `__domain_crash`'s words and the dump. */
export function reportCrash(machine: Machine, domain: Domain): void {
  const { current } = machine;
  const mine = current?.domain === domain;
  const vcpu = mine ? current : domain.vcpus[0];
  const cpu = current?.processor ?? vcpu?.processor ?? 0;
  if (mine || current === undefined) {
    machine.log(`Domain ${domain.domid} (vcpu#${vcpu?.id ?? 0}) crashed on cpu#${cpu}:`);
  } else {
    machine.log(`Domain ${domain.domid} reported crashed by domain ${current.domain.domid} on cpu#${cpu}:`);
  }
  if (vcpu !== undefined) showExecutionState(machine, vcpu);
}
