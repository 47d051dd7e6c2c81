/** A Gate: a TypeScript domain's hypercalls, put together from the rooms that own the state. */
import type { Gate } from "../abi/hypercall.ts";
import type { Domain } from "./domain/domain.ts";
import { vcpuCalls } from "./domain/vcpu-gate.ts";
import { domctlCalls } from "./domctl/gate.ts";
import { migrationCalls } from "./domctl/migration.ts";
import { sysctlCalls } from "./domctl/sysctl-gate.ts";
import { evtchnCalls } from "./evtchn/gate.ts";
import { gnttabCalls } from "./gnttab/gate.ts";
import type { LogRing } from "./log.ts";
import type { Machine } from "./machine.ts";
import { memoryCalls, mmuCalls } from "./memory/gate.ts";
import { schedCalls } from "./sched/gate.ts";
import { chargeDomain } from "./time/cost-table.ts";

/** Of a line that a guest writes to the hypervisor's console (`DOMAIN_PBUF_SIZE`). */
const LONGEST_LINE = 200;
/** More work than this in one charge is a mistake. */
const MOST_WORK = 2 ** 32;

export function createGate(machine: Machine, domain: Domain, ring: LogRing): Gate {
  return {
    domid: domain.domid,
    evtchn: evtchnCalls(machine, domain),
    gnttab: gnttabCalls(machine, domain),
    memory: memoryCalls(machine, domain),
    mmu: mmuCalls(machine, domain),
    domctl: domctlCalls(machine, domain),
    vcpu: vcpuCalls(machine, domain),
    migration: migrationCalls(machine, domain),
    sysctl: sysctlCalls(machine, domain, ring),
    sched: schedCalls(machine, domain),
    consoleWrite(text) {
      // The hardware domain's lines stand as they are, everybody else's are marked, and tell a terminal nothing.
      const lines = text.replace(/\n$/, "").split("\n");
      if (domain.privileged) {
        for (const line of lines) ring.add(line);
        return;
      }
      chargeDomain(machine, domain, "hypercall", lines.length);
      for (const line of lines)
        ring.add(`(d${domain.domid}) ${line.slice(0, LONGEST_LINE).replace(/[^ -~]/g, "")}`);
    },
    charge(work, count) {
      // What is no amount of work would turn back the clock, or stop it.
      if (count > 0) chargeDomain(machine, domain, work, Math.min(count, MOST_WORK));
    },
  };
}
