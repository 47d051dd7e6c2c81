/** A vCPU's birth and end. Register state in the engine is made when it first gets a context. */
import { VCPU_INFO_SIZE, XEN_LEGACY_MAX_VCPUS } from "../../abi/xen.ts";
import type { Machine } from "../machine.ts";
import { putWritableFrame } from "../memory/references.ts";
import { createVcpuCredit } from "../sched/credit.ts";
import { createRunstate } from "../time/runstate.ts";
import { createVcpuTimers, stopAllTimers } from "../time/vcpu-timers.ts";
import { PV_CR0, PV_CR4_GUEST_VISIBLE } from "../traps/control-registers.ts";
import { Callbacks, TrapTable } from "../traps/trap-table.ts";
import type { Domain, Vcpu } from "./domain.ts";

export function createVcpu(machine: Machine, domain: Domain, id: number): Vcpu {
  const page = domain.sharedInfo;
  const everywhere = machine.sched.pcpus.map(() => true);
  return {
    domain,
    id,
    engineVcpu: undefined,
    guestTable: 0,
    guestTableUser: 0,
    kernelMode: true,
    gdtFrames: [],
    gdtEntries: 0,
    ldtBase: 0n,
    ldtEntries: 0,
    infoAddress:
      page !== undefined && id < XEN_LEGACY_MAX_VCPUS
        ? page.address + id * VCPU_INFO_SIZE
        : machine.dummyInfo,
    infoFrame: 0,
    traps: new TrapTable(),
    callbacks: new Callbacks(),
    kernelSs: 0,
    kernelSpLo: 0,
    kernelSpHi: 0,
    cr0: PV_CR0,
    cr4: PV_CR4_GUEST_VISIBLE,
    iopl: 0,
    nmiPending: false,
    nmiMasked: false,
    initialised: false,
    down: true,
    blocked: false,
    pauseCount: 0,
    pollPort: 0,
    runstate: createRunstate(machine.time.now()),
    timers: createVcpuTimers(domain.type),
    pauses: 0,
    lastPause: 0,
    tscOffset: 0,
    readyAt: machine.time.ticks,
    processor: id % machine.sched.pcpus.length,
    onCpu: false,
    queued: false,
    credit: createVcpuCredit(),
    hardAffinity: everywhere,
    softAffinity: everywhere,
  };
}

/** The domain dies: its timers stop, vcpu_info goes back to nowhere. Page-table bases are memory/'s to drop. */
export function retireVcpu(machine: Machine, vcpu: Vcpu): void {
  stopAllTimers(vcpu);
  vcpu.infoAddress = machine.dummyInfo;
  if (vcpu.infoFrame !== 0) putWritableFrame(machine, vcpu.infoFrame);
  vcpu.infoFrame = 0;
  vcpu.runstate.area = 0n;
  vcpu.timers.timeArea = 0n;
}

/** Its register state in the engine goes. */
export function releaseVcpu(machine: Machine, vcpu: Vcpu): void {
  if (vcpu.engineVcpu === undefined) return;
  machine.engine.destroyVcpu(vcpu.engineVcpu);
  machine.engineVcpus--;
  vcpu.engineVcpu = undefined;
}
