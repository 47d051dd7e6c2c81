/**
 * A whole machine on a scripted engine, and PV guests built through dom0's Gate as a toolstack builds them.
 *
 *   const world = makeWorld();
 *   const guest = world.guest({ vcpus: 2 });       frames mapped from BASE, vCPU 0 with a context; paused once
 *   guest.hypercall("event_channel_op", 6, guest.put(0, [...]))     what its kernel would get in RAX
 */
import {
  FLAT_KERNEL_SS,
  FLAT_RING3_CS64,
  VGCF_in_kernel,
  VGCF_online,
} from "../../../src/abi/arch-x86/xen.ts";
import { ERRNO } from "../../../src/abi/errno.ts";
import { type Gate, HYPERCALL, type HypercallName } from "../../../src/abi/hypercall.ts";
import { DOMID_0, type Domid, Gfn, type Mfn } from "../../../src/abi/types.ts";
import type { VcpuGuestContext } from "../../../src/abi/vcpu-context.ts";
import * as L from "../../../src/cpu/layout.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import type { Domain, Vcpu } from "../../../src/xen/domain/domain.ts";
import { createGate } from "../../../src/xen/gate.ts";
import { dispatchHypercall } from "../../../src/xen/hypercall/dispatch.ts";
import type { RunOutcome, XenOptions } from "../../../src/xen/index.ts";
import { LogRing } from "../../../src/xen/log.ts";
import type { Machine } from "../../../src/xen/machine.ts";
import { createMachine } from "../../../src/xen/power-on.ts";
import { advanceIdle, run } from "../../../src/xen/sched/run.ts";
import { type Program, ScriptedEngine, type Step } from "./scripted-engine.ts";

export const BASE = 0xffff_8800_0000_0000n;
const PAGE_FLAGS = 0x23n; // P RW A
const TABLE_FLAGS = 0x27n;

export interface World {
  readonly machine: Machine;
  readonly engine: ScriptedEngine;
  readonly dom0: Gate;
  readonly log: string[];
  guest(options?: { vcpus?: number; pages?: number; domid?: Domid }): TestGuest;
  /** run() until idle for ever, a limit, or every domain stands still; idles as in warp. */
  settle(limit?: number, budget?: () => number): RunOutcome;
}

export function makeWorld(options: Partial<XenOptions> = {}): World {
  const engine = (options.engine ?? new ScriptedEngine()) as ScriptedEngine; // a real one has no setProgram
  const ring = new LogRing();
  const log: string[] = [];
  ring.onLine = (line) => log.push(line);
  const machine = createMachine(
    {
      engine,
      memoryMib: 64,
      pcpus: 2,
      cpuMhz: 1000,
      dom0MemoryMib: 8,
      dom0Vcpus: 2,
      wallclock: 1_700_000_000,
      seed: 1,
      ...options,
    },
    ring,
  );
  log.length = 0;
  const dom0 = createGate(machine, machine.domains.get(DOMID_0) as Domain, ring);
  return {
    machine,
    engine,
    dom0,
    log,
    guest: (wanted = {}) => new TestGuest(machine, engine, dom0, wanted),
    settle(limit = 1e12, budget = () => 1e9) {
      for (;;) {
        const outcome = run(machine, Nanos(limit), budget());
        if (outcome.state === "sliced") continue;
        if (outcome.state === "limit" || outcome.until === undefined || outcome.until > limit) return outcome;
        advanceIdle(machine, outcome.until);
      }
    },
  };
}

export const must = <T>(result: { ok: true; value: T } | { ok: false; errno: string }): T => {
  if (!result.ok) throw new Error(result.errno);
  return result.value;
};

export const emptyContext = (): VcpuGuestContext => ({
  flags: VGCF_in_kernel | VGCF_online,
  userRegs: {
    r15: 0n,
    r14: 0n,
    r13: 0n,
    r12: 0n,
    rbp: 0n,
    rbx: 0n,
    r11: 0n,
    r10: 0n,
    r9: 0n,
    r8: 0n,
    rax: 0n,
    rcx: 0n,
    rdx: 0n,
    rsi: 0n,
    rdi: 0n,
    rip: BASE,
    cs: FLAT_RING3_CS64,
    rflags: 0x202n,
    rsp: 0n,
    ss: FLAT_KERNEL_SS,
    es: 0,
    ds: 0,
    fs: 0,
    gs: 0,
  },
  ldtBase: 0n,
  ldtEntries: 0,
  gdtFrames: [],
  gdtEntries: 0,
  kernelSs: FLAT_KERNEL_SS,
  kernelSp: 0n,
  cr0: 0n,
  cr3: 0n,
  cr3User: 0n,
  cr4: 0n,
  debugreg: [],
  eventCallback: 0n,
  failsafeCallback: 0n,
  syscallCallback: 0n,
  vmAssist: 0n,
  fsBase: 0n,
  gsBaseKernel: 0n,
  gsBaseUser: 0n,
});

/** Pages 0 to 4 are its tables: L4, L3, L2, L1, and the user's L4, which maps the same. Data pages follow from FIRST on. */
export const FIRST = 5;

export class TestGuest {
  readonly domid: Domid;
  readonly mfns: Mfn[];
  readonly domain: Domain;
  readonly context: VcpuGuestContext;
  private readonly machine: Machine;
  private readonly engine: ScriptedEngine;
  private readonly dom0: Gate;

  constructor(
    machine: Machine,
    engine: ScriptedEngine,
    dom0: Gate,
    { vcpus = 1, pages = 32, domid }: { vcpus?: number; pages?: number; domid?: Domid },
  ) {
    this.machine = machine;
    this.engine = engine;
    this.dom0 = dom0;
    this.domid = must(
      dom0.domctl.create({
        handle: new Uint8Array(16).fill(0xab),
        ...(domid === undefined ? {} : { domid }),
        type: "pv",
        maxVcpus: vcpus,
        maxEvtchnPort: 1023,
        maxGrantFrames: 4,
        maxMaptrackFrames: 4,
      }),
    );
    this.domain = machine.domains.get(this.domid) as Domain;
    must(dom0.domctl.setMaxMem(this.domid, pages * 4));
    this.mfns = must(dom0.memory.populate(this.domid, Gfn(0), pages));
    const entry = (pfn: number, flags: bigint): bigint => (BigInt(this.mfns[pfn] as number) << 12n) | flags;
    this.poke(0, 272 * 8, entry(1, TABLE_FLAGS));
    this.poke(4, 272 * 8, entry(1, TABLE_FLAGS));
    this.poke(1, 0, entry(2, TABLE_FLAGS));
    this.poke(2, 0, entry(3, TABLE_FLAGS));
    for (let pfn = 0; pfn < pages; pfn++) {
      this.poke(3, pfn * 8, entry(pfn, pfn < FIRST ? PAGE_FLAGS & ~2n : PAGE_FLAGS));
    }
    this.context = emptyContext();
    this.context.cr3 = BigInt(this.mfns[0] as number) << 12n;
    this.context.cr3User = BigInt(this.mfns[4] as number) << 12n;
    this.context.userRegs.rsp = this.va(FIRST, 0x800);
    this.context.kernelSp = this.va(FIRST + 1, 0x800);
    must(dom0.domctl.setVcpuContext(this.domid, 0, this.context));
  }

  va(pfn: number, offset = 0): bigint {
    return BASE + BigInt(pfn * 4096 + offset);
  }

  get vcpu(): Vcpu {
    return this.domain.vcpus[0] as Vcpu;
  }

  /** Gives another vCPU the first one's context, and brings it up. */
  startVcpu(id: number): Vcpu {
    must(this.dom0.domctl.setVcpuContext(this.domid, id, this.context));
    return this.domain.vcpus[id] as Vcpu;
  }

  setProgram(id: number, program: Program): void {
    this.engine.setProgram((this.domain.vcpus[id] as Vcpu).engineVcpu as number, program);
  }

  /** Bytes of its memory, whatever the page tables say. */
  address(pfn: number, offset = 0): number {
    return this.engine.mem.writeAddress(this.mfns[pfn] as number) + offset;
  }

  poke(pfn: number, offset: number, value: bigint): void {
    this.engine.mem.view.setBigUint64(this.address(pfn, offset), value, true);
  }

  peek(pfn: number, offset: number): bigint {
    return this.engine.mem.view.getBigUint64(this.address(pfn, offset), true);
  }

  peek32(pfn: number, offset: number): number {
    return this.engine.mem.view.getUint32(this.address(pfn, offset), true);
  }

  /** Puts u32 words at a data page and answers their address. */
  words(pfn: number, ...words: number[]): bigint {
    for (const [i, word] of words.entries())
      this.engine.mem.view.setUint32(this.address(pfn, i * 4), word >>> 0, true);
    return this.va(pfn);
  }

  shared(offset: number): number {
    return this.engine.mem.view.getUint32((this.domain.sharedInfo?.address ?? 0) + offset, true);
  }

  setShared(offset: number, value: number): void {
    this.engine.mem.view.setUint32((this.domain.sharedInfo?.address ?? 0) + offset, value >>> 0, true);
  }

  /** Does something as if this vCPU executed. */
  as<T>(vcpu: Vcpu, act: () => T): T {
    this.engine.select(vcpu.engineVcpu as number);
    this.machine.current = vcpu;
    try {
      return act();
    } finally {
      this.machine.current = undefined;
    }
  }

  /** RAX after the hypercall, signed; or the name of the errno. Preempted ones are carried on. */
  hypercall(name: HypercallName | number, ...args: (bigint | number)[]): number | string {
    return this.hypercallOn(this.vcpu, name, ...args);
  }

  hypercallOn(vcpu: Vcpu, name: HypercallName | number, ...args: (bigint | number)[]): number | string {
    return this.as(vcpu, () => {
      const number = typeof name === "number" ? name : HYPERCALL[name];
      const { view } = this.engine.mem;
      const put = (field: number, value: bigint): void =>
        view.setBigUint64(L.CPU + field, BigInt.asUintN(64, value), true);
      [L.RDI, L.RSI, L.RDX, L.R10, L.R8, L.R9].forEach((field, i) => {
        put(field, BigInt(args[i] ?? 0));
      });
      const rip = view.getBigUint64(L.CPU + L.RIP, true);
      do {
        put(L.RAX, BigInt(number));
        put(L.RIP, rip + 2n);
        dispatchHypercall(this.machine, vcpu);
      } while (view.getBigUint64(L.CPU + L.RIP, true) === rip);
      const rax = view.getBigInt64(L.CPU + L.RAX, true);
      const errno = Object.entries(ERRNO).find(([, code]) => BigInt(-code) === rax);
      return errno === undefined ? Number(rax) : errno[0];
    });
  }

  /** A field of the loaded vCPU's state. */
  reg(field: number): bigint {
    return this.engine.mem.view.getBigUint64(
      this.engine.stateAddress(this.vcpu.engineVcpu as number) + field,
      true,
    );
  }

  setReg(field: number, value: bigint): void {
    const state = this.engine.stateAddress(this.vcpu.engineVcpu as number);
    this.engine.mem.view.setBigUint64(state + field, BigInt.asUintN(64, value), true);
  }

  reg16(field: number): number {
    return this.engine.mem.view.getUint16(
      this.engine.stateAddress(this.vcpu.engineVcpu as number) + field,
      true,
    );
  }

  setReg32(field: number, value: number): void {
    this.engine.mem.view.setUint32(
      this.engine.stateAddress(this.vcpu.engineVcpu as number) + field,
      value >>> 0,
      true,
    );
  }

  setReg16(field: number, value: number): void {
    this.engine.mem.view.setUint16(
      this.engine.stateAddress(this.vcpu.engineVcpu as number) + field,
      value,
      true,
    );
  }

  /** A step of a program: SYSCALL with these arguments. */
  call(name: HypercallName, ...args: (bigint | number)[]): Step {
    return {
      exit: L.EXIT_SYSCALL,
      before: () => {
        const { view } = this.engine.mem;
        const put = (field: number, value: bigint): void =>
          view.setBigUint64(L.CPU + field, BigInt.asUintN(64, value), true);
        put(L.RAX, BigInt(HYPERCALL[name]));
        [L.RDI, L.RSI, L.RDX, L.R10, L.R8, L.R9].forEach((field, i) => {
          put(field, BigInt(args[i] ?? 0));
        });
      },
    };
  }

  unpause(): void {
    must(this.dom0.domctl.unpause(this.domid));
  }
}
