/** The machine is switched on: frames, clock, scheduler, and Domain-0, whose programs are TypeScript. */
import { DOMID_0, type Domid } from "../abi/types.ts";
import { RUNSTATE_blocked } from "../abi/vcpu.ts";
import { bug } from "../lib/absurd.ts";
import { crashDomain } from "./domain/crash.ts";
import { newDomain } from "./domain/create.ts";
import type { Domain } from "./domain/domain.ts";
import { createVcpu } from "./domain/vcpu.ts";
import type { XenOptions } from "./index.ts";
import type { LogRing } from "./log.ts";
import type { Machine } from "./machine.ts";
import { allocFrames } from "./memory/allocate.ts";
import { createFrameTable } from "./memory/frame-table.ts";
import { allocXenFrame } from "./memory/xen-heap.ts";
import { CreditScheduler } from "./sched/credit.ts";
import { changeRunstate } from "./time/runstate.ts";
import { VirtualTime } from "./time/virtual-time.ts";
import { XEN_VERSION } from "./version/version.ts";

const PAGES_PER_MIB = 256;
/** dom0's memory is taken in runs of 2 MiB. */
const RUN_ORDER = 9;

export function createMachine(options: XenOptions, ring: LogRing): Machine {
  const { engine } = options;
  const frames = createFrameTable(engine, options.memoryMib);
  const time = new VirtualTime(options.cpuMhz);
  const machine: Machine = {
    options,
    engine,
    clock: time,
    time,
    sched: new CreditScheduler(options.pcpus, time),
    frames,
    domains: new Map<Domid, Domain>(),
    domidRover: 0,
    xenL3: frames.xenL3,
    dummyInfo: 0,
    engineVcpus: 0,
    current: undefined,
    crash: (domain, why) => crashDomain(machine, domain, why),
    log: (line) => ring.add(`(XEN) ${line}`),
  };
  const dummy = allocXenFrame(machine, undefined) ?? bug("no frame for dummy_vcpu_info");
  machine.dummyInfo = engine.mem.writeAddress(dummy);
  engine.mem.u8[machine.dummyInfo + 1] = 1; // evtchn_upcall_mask
  sayHello(machine);
  createDom0(machine);
  return machine;
}

function sayHello(machine: Machine): void {
  const { major, minor, extra, compileBy, compileDomain, compiler, compileDate } = XEN_VERSION;
  const { options, log } = machine;
  log(
    `Xen version ${major}.${minor}${extra} (${compileBy}@${compileDomain}) (${compiler}) debug=n ${compileDate}`,
  );
  log(`System RAM: ${options.memoryMib}MB (${options.memoryMib * 1024}kB)`);
  log(`Using scheduler: SMP Credit Scheduler (${machine.sched.name})`);
  log(`Detected ${options.cpuMhz}.000 MHz processor.`);
  log(`Brought up ${options.pcpus} CPUs`);
}

function createDom0(machine: Machine): void {
  const { options } = machine;
  const wanted = {
    handle: new Uint8Array(16),
    type: "pv",
    maxVcpus: options.dom0Vcpus,
    maxEvtchnPort: 4095,
    maxGrantFrames: 64,
    maxMaptrackFrames: 1024,
  } as const;
  const dom0 = newDomain(DOMID_0, wanted, true);
  machine.domains.set(DOMID_0, dom0);
  dom0.pauseCount = 0;
  for (let id = 0; id < options.dom0Vcpus; id++) {
    const vcpu = createVcpu(machine, dom0, id);
    vcpu.initialised = true;
    vcpu.down = false;
    vcpu.blocked = true;
    changeRunstate(vcpu, RUNSTATE_blocked, 0);
    dom0.vcpus.push(vcpu);
  }
  const pages = options.dom0MemoryMib * PAGES_PER_MIB;
  dom0.memory.maxPages = pages;
  while (dom0.memory.totPages < pages) {
    const order = pages - dom0.memory.totPages >= 2 ** RUN_ORDER ? RUN_ORDER : 0;
    if (allocFrames(machine, dom0, order) === 0) bug(`no memory for dom0 (${options.dom0MemoryMib} MiB)`);
  }
  machine.log(`Dom0 has maximum ${options.dom0Vcpus} VCPUs`);
}
