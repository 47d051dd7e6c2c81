/** sysctl and xen_version for the toolstack's domain: the machine as `xl info` shows it. */
import { done, ok, refuse } from "../../abi/errno.ts";
import type { SysctlCalls } from "../../abi/hypercall.ts";
import type { Domain } from "../domain/domain.ts";
import type { XenOptions } from "../index.ts";
import { handleKeypress } from "../keyhandler/keyhandler.ts";
import type { LogRing } from "../log.ts";
import type { Machine } from "../machine.ts";
import { chargeDomain } from "../time/cost-table.ts";
import { cpuidLeaf } from "../traps/cpuid.ts";
import { XEN_VERSION } from "../version/version.ts";

/** dom0's size is fixed, and `dom0_mem` says so: xl then leaves ballooning alone. */
const commandLine = ({ dom0MemoryMib, dom0Vcpus }: XenOptions): string =>
  `dom0_mem=${dom0MemoryMib}M,max:${dom0MemoryMib}M dom0_max_vcpus=${dom0Vcpus} `;

export function sysctlCalls(machine: Machine, caller: Domain, ring: LogRing): SysctlCalls {
  return {
    physinfo() {
      chargeDomain(machine, caller, "hypercall");
      if (!caller.privileged) return refuse("EPERM");
      const { frames, options } = machine;
      const [, , c1, d1] = cpuidLeaf(options.cpuMhz, 0, 1, 0);
      const [, , ce1, de1] = cpuidLeaf(options.cpuMhz, 0, 0x8000_0001, 0);
      return ok({
        threadsPerCore: 1,
        coresPerSocket: options.pcpus,
        nrCpus: options.pcpus,
        nrNodes: 1,
        cpuKhz: options.cpuMhz * 1000,
        totalPages: frames.total,
        freePages: frames.freePages(),
        scrubPages: 0,
        outstandingPages: frames.outstanding,
        maxMfn: frames.total - 1,
        hwCap: [d1, c1, de1, ce1, 0, 0, 0, 0],
        virtCaps: ["pv", "gnttab-v1"],
      });
    },
    version: () => ({
      ...XEN_VERSION,
      scheduler: machine.sched.name,
      commandline: commandLine(machine.options),
    }),
    getCreditParams() {
      chargeDomain(machine, caller, "hypercall");
      return caller.privileged ? ok(machine.sched.params) : refuse("EPERM");
    },
    setCreditParams(params) {
      chargeDomain(machine, caller, "hypercall");
      return caller.privileged ? machine.sched.setParams(params) : refuse("EPERM");
    },
    debugKeys(keys) {
      chargeDomain(machine, caller, "hypercall");
      if (!caller.privileged) return refuse("EPERM");
      for (const key of keys) handleKeypress(machine, key);
      return done;
    },
    readConsole(clear) {
      chargeDomain(machine, caller, "hypercall");
      return caller.privileged ? ok(ring.read(clear)) : refuse("EPERM");
    },
  };
}
