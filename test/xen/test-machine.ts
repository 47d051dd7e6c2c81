/**
 * A machine with only what memory/ and gnttab/ look at, and PV guests with page tables of their own, on the fake engine.
 */
import { PTE_A, PTE_P, PTE_RW, PTE_US } from "../../src/abi/mmu.ts";
import { type Domid, Gfn, type Mfn } from "../../src/abi/types.ts";
import type { Engine } from "../../src/cpu/types.ts";
import type { Domain, Vcpu } from "../../src/xen/domain/domain.ts";
import { createGrantTable, growGrantTable } from "../../src/xen/gnttab/grant-table.ts";
import type { Call, CallResult, Handler } from "../../src/xen/hypercall/context.ts";
import type { Machine } from "../../src/xen/machine.ts";
import { installKernelBase } from "../../src/xen/memory/base-pointer.ts";
import { createDomainMemory } from "../../src/xen/memory/domain-memory.ts";
import {
  COUNT,
  createFrameTable,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "../../src/xen/memory/frame-table.ts";
import { memoryCalls, mmuCalls } from "../../src/xen/memory/gate.ts";
import { relinquish } from "../../src/xen/memory/relinquish.ts";
import { FakeEngine } from "./fake-engine.ts";

export interface TestMachine<E extends Engine = FakeEngine> {
  readonly machine: Machine;
  readonly engine: E;
  readonly log: string[];
  readonly crashed: { readonly domain: Domain; readonly why: string }[];
}

export function makeMachine(memoryMib = 64, slots = 4096): TestMachine {
  return makeMachineOn(new FakeEngine(slots), memoryMib);
}

export function makeMachineOn<E extends Engine>(engine: E, memoryMib: number): TestMachine<E> {
  const frames = createFrameTable(engine, memoryMib);
  const log: string[] = [];
  const crashed: { domain: Domain; why: string }[] = [];
  const machine = {
    engine,
    frames,
    domains: new Map<Domid, Domain>(),
    xenL3: frames.xenL3,
    current: undefined,
    clock: { now: () => log.length * 1e10 },
    crash: (domain: Domain, why: string) => crashed.push({ domain, why }),
    log: (line: string) => log.push(line),
  } as unknown as Machine;
  return { machine, engine, log, crashed };
}

export interface DomainOptions {
  readonly privileged?: boolean;
  readonly vcpus?: number;
  readonly maxPages?: number;
  readonly maxGrantFrames?: number;
  readonly maxMaptrackFrames?: number;
}

export function addDomain(machine: Machine, domid: number, options: DomainOptions = {}): Domain {
  const domain = {
    domid: domid as Domid,
    type: "pv",
    privileged: options.privileged ?? false,
    target: undefined,
    vcpus: [] as Vcpu[],
    memory: createDomainMemory(options.maxPages ?? 1_000_000),
    grants: createGrantTable(options.maxGrantFrames ?? 4, options.maxMaptrackFrames ?? 1),
    dying: false,
    vmAssist: 0,
    sharedInfo: undefined,
  } as unknown as Domain;
  for (let id = 0; id < (options.vcpus ?? 1); id++) {
    domain.vcpus.push({
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
    } as unknown as Vcpu);
  }
  machine.domains.set(domain.domid, domain);
  growGrantTable(machine, domain, 1);
  return domain;
}

/** What a general hypercall handler is called with. */
export function call(
  machine: Machine,
  vcpu: Vcpu,
  handler: Handler,
  ...args: (bigint | number)[]
): CallResult {
  const values = [0, 1, 2, 3, 4, 5].map((i) => BigInt.asUintN(64, BigInt(args[i] ?? 0)));
  const inFlight: Call = {
    machine,
    domain: vcpu.domain,
    vcpu,
    get args() {
      return values as unknown as Call["args"];
    },
    lo: (i) => Number((values[i] as bigint) & 0xffff_ffffn),
    hi: (i) => Number((values[i] as bigint) >> 32n),
    num: (i) => Number(values[i]),
    setArg: (i, value) => {
      values[i] = BigInt.asUintN(64, value);
    },
    inMulticall: false,
  };
  for (;;) {
    const result = handler(inFlight);
    if (result !== "preempted") return result;
  }
}

/** Where a test guest's frames are mapped: pfn n at BASE + n * 4096. */
export const BASE = 0xffff_8800_0000_0000n;

/**
 * A PV guest that runs: `pages` frames mapped from BASE, page tables among them (read-only), L4 pinned and in force, vCPU 0
 * loaded. Its tables are pfn 0 (L4), 1 (L3), 2 (L2), 3… (L1s).
 */
export interface Guest {
  readonly domain: Domain;
  readonly vcpu: Vcpu;
  readonly mfns: Mfn[];
  readonly l4: Mfn;
  readonly l1s: Mfn[];
  /** First pfn that is no table. */
  readonly firstFree: number;
  va(pfn: number): bigint;
  call(handler: Handler, ...args: (bigint | number)[]): CallResult;
  /** Puts 64-bit words into the guest's memory at a pfn (through Xen) and answers their address. */
  put(pfn: number, words: readonly (bigint | number)[], offset?: number): bigint;
  get(pfn: number, offset: number): bigint;
  /** Content of an L1 entry that maps a pfn. */
  entry(pfn: number): bigint;
  /** Machine address of the L1 entry that maps a pfn. */
  entryAddress(pfn: number): bigint;
}

export function makeGuest(
  test: TestMachine<Engine>,
  domid: number,
  pages = 64,
  options: DomainOptions = {},
): Guest {
  const { machine, engine } = test;
  const domain = addDomain(machine, domid, options);
  const dom0 = {
    ...domain,
    domid: 0x7ffe as Domid,
    privileged: true,
    memory: createDomainMemory(0),
  } as Domain;
  const memory = memoryCalls(machine, dom0);
  const populated = memory.populate(domain.domid, Gfn(0), pages);
  if (!populated.ok || populated.value.length !== pages) throw new Error("not enough frames");
  const mfns = populated.value;
  const l1Count = Math.ceil(pages / 512);
  const firstFree = 3 + l1Count;
  const write = (pfn: number, slot: number, entry: bigint): void => {
    const frame = memory.mapForeign(domain.domid, mfns[pfn] as Mfn, "write");
    if (!frame.ok) throw new Error(frame.errno);
    frame.value.setBigUint64(slot * 8, entry);
    frame.value.unmap();
  };
  const pointer = (pfn: number, flags: number): bigint =>
    (BigInt(mfns[pfn] as number) << 12n) | BigInt(flags);
  write(0, 272, pointer(1, PTE_P | PTE_RW | PTE_A));
  write(1, 0, pointer(2, PTE_P | PTE_RW | PTE_A));
  for (let i = 0; i < l1Count; i++) write(2, i, pointer(3 + i, PTE_P | PTE_RW | PTE_A));
  for (let pfn = 0; pfn < pages; pfn++) {
    write(3 + (pfn >> 9), pfn & 511, pointer(pfn, pfn < firstFree ? PTE_P | PTE_A : PTE_P | PTE_RW | PTE_A));
  }
  const pinned = mmuCalls(machine, dom0).pinL4(domain.domid, mfns[0] as Mfn);
  if (!pinned.ok) throw new Error(`pin: ${pinned.errno}: ${test.log.join("; ")}`);
  const vcpu = domain.vcpus[0] as Vcpu;
  for (const each of domain.vcpus) {
    each.engineVcpu = engine.createVcpu();
    engine.select(each.engineVcpu);
    if (installKernelBase(machine, each, mfns[0] as Mfn) !== 0) throw new Error("no base");
  }
  engine.select(vcpu.engineVcpu as number);
  const at = (pfn: number): number => engine.mem.writeAddress(mfns[pfn] as number);
  const l1Of = (pfn: number): number => mfns[3 + (pfn >> 9)] as number;
  return {
    domain,
    vcpu,
    mfns,
    l4: mfns[0] as Mfn,
    l1s: mfns.slice(3, firstFree),
    firstFree,
    va: (pfn) => BASE + BigInt(pfn) * 4096n,
    call(handler, ...args) {
      engine.select(vcpu.engineVcpu as number);
      return call(machine, vcpu, handler, ...args);
    },
    put(pfn, words, offset = 0) {
      for (const [i, word] of words.entries()) {
        engine.mem.view.setBigUint64(at(pfn) + offset + i * 8, BigInt.asUintN(64, BigInt(word)), true);
      }
      return BASE + BigInt(pfn) * 4096n + BigInt(offset);
    },
    get: (pfn, offset) =>
      engine.mem.view.getBigUint64(engine.mem.readAddress(mfns[pfn] as number) + offset, true),
    entry: (pfn) => engine.mem.view.getBigUint64(engine.mem.readAddress(l1Of(pfn)) + (pfn & 511) * 8, true),
    entryAddress: (pfn) => (BigInt(l1Of(pfn)) << 12n) + BigInt((pfn & 511) * 8),
  };
}

/** The counts of a frame, for assertions. */
export function counts(machine: Machine, mfn: number): { count: number; type: number; typeCount: number } {
  const { info } = machine.frames;
  const page = mfn << 2;
  return {
    count: info[page + COUNT] as number,
    type: ((info[page] as number) & TYPE_MASK) >> TYPE_SHIFT,
    typeCount: info[page + TYPE_COUNT] as number,
  };
}

/** Kills a guest and takes everything of it apart that can be. */
export function destroy(test: TestMachine<Engine>, domain: Domain, budget = 100_000): void {
  domain.dying = true;
  while (!relinquish(test.machine, domain, budget)) {}
  for (const vcpu of domain.vcpus) {
    if (vcpu.engineVcpu !== undefined) test.engine.destroyVcpu(vcpu.engineVcpu);
    vcpu.engineVcpu = undefined;
  }
}

/** PTE flags of tests. */
export const KERNEL_RW = BigInt(PTE_P | PTE_RW | PTE_A);
export const KERNEL_RO = BigInt(PTE_P | PTE_A);
export const USER_RW = BigInt(PTE_P | PTE_RW | PTE_US | PTE_A);
