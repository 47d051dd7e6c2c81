/**
 * The hypercall fuzzer: two guests of two vCPUs each make random calls through the registers, store into their page tables,
 * execute odd instructions; TypeScript makes calls through their Gates and through dom0's; guests that fall are replaced.
 * A third domain does nothing, and must not notice.
 */
import { createHash } from "node:crypto";
import type { Gate, MappedFrame } from "../../src/abi/hypercall.ts";
import { DOMID_0, type Domid, Gfn, Gref, Mfn, Port } from "../../src/abi/types.ts";
import { createEngine, type EngineOptions } from "../../src/cpu/engine.ts";
import * as L from "../../src/cpu/layout.ts";
import { Nanos } from "../../src/lib/brand.ts";
import type { Domain, Vcpu } from "../../src/xen/domain/domain.ts";
import { createGate } from "../../src/xen/gate.ts";
import { dispatchHypercall } from "../../src/xen/hypercall/dispatch.ts";
import { LogRing } from "../../src/xen/log.ts";
import type { Machine } from "../../src/xen/machine.ts";
import { createMachine } from "../../src/xen/power-on.ts";
import { advanceIdle, run } from "../../src/xen/sched/run.ts";
import { isRunnable, unblockVcpu, wakeVcpu } from "../../src/xen/sched/wake.ts";
import { handleExit } from "../../src/xen/traps/exits.ts";
import { Arena, nextCall } from "./calls.ts";
import { CODE, FuzzGuest } from "./guest.ts";
import { findFault } from "./invariants.ts";
import { Random } from "./random.ts";

export interface FuzzOptions {
  readonly core: EngineOptions["core"];
  readonly calls: number;
  readonly seed: number;
  /** Calls between two looks at the invariants. */
  readonly auditEvery?: number;
  /** Milliseconds. */
  readonly now: () => number;
  readonly progress?: (done: number) => void;
}

export interface FuzzResult {
  readonly calls: number;
  /** Guests that fell, or were shut down, and were replaced. */
  readonly fallen: number;
  /** Answers by sign: what was accepted, what refused. */
  readonly accepted: number;
  readonly refused: number;
  /** The longest that the model was busy with one step of a call, in ms, and which call it was. */
  readonly slowest: { readonly ms: number; readonly what: string };
  readonly fault: string | undefined;
}

/** Stores, odd jumps and loads: RDI, RAX, RCX are random. All end in SYSCALL. */
const SNIPPETS: readonly (readonly number[])[] = [
  [0x48, 0x89, 0x07], //                    mov %rax,(%rdi)
  [0x89, 0x07],
  [0x66, 0x89, 0x07],
  [0x88, 0x07],
  [0x48, 0x87, 0x07], //                    xchg
  [0xf0, 0x48, 0x0f, 0xb1, 0x0f], //        lock cmpxchg %rcx,(%rdi)
  [0x48, 0x01, 0x07], //                    add
  [0xf0, 0x48, 0x0f, 0xba, 0x2f, 0x01], //  lock btsq $1
  [0x0f, 0x11, 0x07], //                    movups %xmm0,(%rdi)
  [0xf3, 0x48, 0xab], //                    rep stosq
  [0x48, 0xc7, 0x07, 0x67, 0, 0, 0], //     movq $0x67
  [0x48, 0x8b, 0x07], //                    mov (%rdi),%rax
  [0x48, 0xcf], //                          iretq
  [0x48, 0xcb], //                          lretq
  [0x8e, 0xd8], //                          mov %eax,%ds
  [0x8e, 0xd0],
  [0x8e, 0xe8],
  [0x0f, 0x22, 0xd8], //                    mov %rax,%cr3
  [0x0f, 0x20, 0xd8],
  [0x0f, 0x22, 0xc0],
  [0x0f, 0x23, 0xf8], //                    mov %rax,%dr7
  [0x0f, 0x30], //                          wrmsr
  [0x0f, 0x32],
  [0xee], //                                out
  [0x6c], //                                insb
  [0xcd, 0x80],
  [0xcd, 0x0e],
  [0x0f, 0x0b],
  [0x0f, 0xa2],
  [0x0f, 0x01, 0x3f], //                    invlpg (%rdi)
  [0xff, 0x2f], //                          ljmp (%rdi)
  [0xf4],
];

/** Virtual time that passes at once. A guest may spend it in a loop of hypercalls. */
const PASS_NANOS = 20_000;

class Fuzzer {
  readonly machine: Machine;
  readonly random: Random;
  readonly options: FuzzOptions;
  readonly dom0: Gate;
  private readonly ring = new LogRing();
  private readonly guests: FuzzGuest[] = [];
  private readonly victim: FuzzGuest;
  private readonly held: MappedFrame[] = [];
  fallen = 0;
  accepted = 0;
  refused = 0;
  slowest = { ms: 0, what: "" };
  private last = "";
  constructor(options: FuzzOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    const engine = createEngine({ core: options.core, memoryPages: 6144 });
    this.machine = createMachine(
      {
        engine,
        memoryMib: 32,
        pcpus: 2,
        cpuMhz: 1000,
        dom0MemoryMib: 4,
        dom0Vcpus: 1,
        wallclock: 1_700_000_000,
        seed: options.seed,
      },
      this.ring,
    );
    this.dom0 = this.gateOf(this.machine.domains.get(DOMID_0) as Domain);
    this.victim = this.build();
    for (let pfn = 10; pfn < 40; pfn++) {
      const at = engine.mem.writeAddress(this.victim.mfns[pfn] as number);
      engine.mem.u8.fill(0xa0 + (pfn & 15), at, at + 4096);
    }
    this.dom0.domctl.pause(this.victim.domid);
    this.guests.push(this.build(), this.build());
  }

  private readonly gateOf = (domain: Domain): Gate => createGate(this.machine, domain, this.ring);
  private readonly build = (): FuzzGuest => new FuzzGuest(this.machine, this.dom0, this.gateOf, this.random);

  /** Everything of the neighbour that a guest could want to change: its frames, and the M2P's tables. */
  fingerprint(): string {
    const { mem } = this.machine.engine;
    const hash = createHash("sha1");
    for (const mfn of this.victim.mfns) {
      const at = mem.readAddress(mfn);
      hash.update(mem.u8.subarray(at, at + 4096));
    }
    const at = mem.readAddress(this.victim.domain.grants.frames[0] as number);
    return hash.update(mem.u8.subarray(at, at + 4096)).digest("hex");
  }

  step(): void {
    const { random } = this;
    const which = random.below(2);
    const guest = this.guests[which] as FuzzGuest;
    if (!guest.alive) {
      this.replace(which);
      return;
    }
    const other = this.guests[1 - which];
    const vcpu = guest.domain.vcpus[random.below(2)] as Vcpu;
    this.revive(guest, vcpu);
    if (!isRunnable(vcpu)) {
      this.wakeUp(guest, vcpu);
      return;
    }
    const kind = random.below(40);
    if (kind < 30) this.asVcpu(vcpu, () => this.hypercall(guest, other, vcpu));
    else if (kind < 35) this.asVcpu(vcpu, () => this.execute(guest, other, vcpu));
    else if (kind === 35) this.seedGrant(guest, other);
    else if (kind === 36) this.gateCall(guest, guest.gate, other);
    else if (kind === 37) this.gateCall(guest, this.dom0, other);
    else this.passTime();
  }

  private asVcpu(vcpu: Vcpu, act: () => void): void {
    this.machine.engine.select(vcpu.engineVcpu as number);
    this.machine.current = vcpu;
    act();
    this.machine.current = undefined;
  }

  private replace(which: number): void {
    const guest = this.guests[which] as FuzzGuest;
    this.fallen++;
    this.dom0.domctl.destroy(guest.domid);
    for (const frame of this.held.splice(0)) if (isMapped(frame)) frame.unmap();
    const other = this.guests[1 - which] as FuzzGuest;
    if (other.alive) this.dom0.domctl.pause(other.domid);
    for (let i = 0; this.machine.domains.has(guest.domid) && i < 10_000; i++) this.passTime();
    if (other.alive) this.dom0.domctl.unpause(other.domid);
    this.guests[which] = this.build();
  }

  /** A vCPU that lost its ground under its feet goes on at a known place. */
  private revive(guest: FuzzGuest, vcpu: Vcpu): void {
    if (vcpu.pauseCount !== 0) vcpu.pauseCount = 0;
    if (guest.domain.pauseCount > 0) this.dom0.domctl.unpause(guest.domid);
  }

  private wakeUp(guest: FuzzGuest, vcpu: Vcpu): void {
    if (vcpu.down) {
      if (!guest.domain.vcpus.every((each) => each.down)) {
        vcpu.down = false;
        wakeVcpu(this.machine, vcpu);
      } else this.dom0.domctl.shutdown(guest.domid, 1);
    }
    unblockVcpu(this.machine, vcpu);
  }

  private hypercall(guest: FuzzGuest, other: FuzzGuest | undefined, vcpu: Vcpu): void {
    const { machine, random } = this;
    if (!vcpu.kernelMode) this.backToKernel(vcpu);
    guest.rewind(vcpu);
    const scratch = guest.scratch() ?? guest.va(20);
    const arena = new Arena(scratch);
    const { number, args } = nextCall(guest, other, arena);
    guest.store(scratch, arena.bytes);
    const { u64 } = machine.engine.mem;
    const at = (L.CPU + L.RIP) >>> 3;
    const rip = u64[at] as bigint;
    [L.RDI, L.RSI, L.RDX, L.R10, L.R8, L.R9].forEach((field, i) => {
      u64[(L.CPU + field) >>> 3] = BigInt.asUintN(64, args[i] ?? 0n);
    });
    this.last = `d${guest.domid}v${vcpu.id} hypercall ${number}(${args.map((x) => x.toString(16)).join(", ")})`;
    for (let go = 0; go < 8 && isRunnable(vcpu); go++) {
      u64[(L.CPU + L.RAX) >>> 3] = BigInt(number);
      u64[at] = rip + 2n;
      const before = this.options.now();
      dispatchHypercall(machine, vcpu);
      const ms = this.options.now() - before;
      if (ms > this.slowest.ms) this.slowest = { ms, what: this.last };
      if (u64[at] !== rip) break;
    }
    if (BigInt.asIntN(64, u64[(L.CPU + L.RAX) >>> 3] as bigint) < 0n) this.refused++;
    else this.accepted++;
    // Its kernel's way back to where it was is no matter here.
    if (!random.chance(4)) guest.rewind(vcpu);
  }

  private backToKernel(vcpu: Vcpu): void {
    handleExit(this.machine, vcpu, L.EXIT_SYSCALL); // as user mode does: through its callback
  }

  private execute(guest: FuzzGuest, other: FuzzGuest | undefined, vcpu: Vcpu): void {
    const { machine, random } = this;
    const { engine } = machine;
    guest.rewind(vcpu);
    const code = new Uint8Array([...random.pick(SNIPPETS), 0x0f, 0x05, 0xeb, 0xfe]);
    if (!vcpu.kernelMode || !guest.store(guest.va(CODE), code)) return;
    const { u64 } = engine.mem;
    const set = (field: number, value: bigint): void => {
      u64[(L.CPU + field) >>> 3] = BigInt.asUintN(64, value);
    };
    const tableEntry = guest.va(3, random.below(512) * 8 + (random.chance(4) ? random.below(8) : 0));
    set(
      L.RDI,
      random.chance(3) ? guest.address() : random.chance(8) ? guest.va(4, -random.below(8)) : tableEntry,
    );
    set(L.RAX, random.chance(5) ? BigInt(guest.small()) : guest.pte(other));
    set(L.RCX, BigInt(random.below(5)));
    this.last = `d${guest.domid}v${vcpu.id} executes ${[...code].map((x) => x.toString(16)).join(" ")}`;
    for (let go = 0; go < 4 && isRunnable(vcpu); go++) {
      const exit = engine.run(20);
      if (exit === L.EXIT_SYSCALL && vcpu.kernelMode) break;
      if (exit !== L.EXIT_BUDGET) handleExit(machine, vcpu, exit);
    }
  }

  /** What a guest writes into its own grant table. */
  private seedGrant(guest: FuzzGuest, other: FuzzGuest | undefined): void {
    const { random } = this;
    const frame = guest.domain.grants.frames[0];
    if (frame === undefined) return;
    const { mem } = this.machine.engine;
    const at = mem.writeAddress(frame) + random.below(12) * 8;
    mem.view.setUint16(at, random.pick([1, 1, 1, 5, 0, 2, 3, 0x101, random.u32() & 0xffff]), true);
    mem.view.setUint16(at + 2, random.pick([other?.domid ?? 0, other?.domid ?? 0, 0, guest.domid]), true);
    mem.view.setUint32(at + 4, guest.mfn(other), true);
  }

  private gateCall(guest: FuzzGuest, gate: Gate, other: FuzzGuest | undefined): void {
    const { random } = this;
    const domid = (): Domid =>
      random.pick([guest.domid, other?.domid ?? guest.domid, 0 as Domid, 0x7ff0 as Domid]);
    const mfn = (): Mfn => Mfn(guest.mfn(other) >>> 0);
    const port = (): Port => Port(random.below(24));
    const access = (): "read" | "write" => (random.chance(2) ? "read" : "write");
    const keep = (result: { ok: true; value: MappedFrame } | { ok: false; errno: string }): void => {
      if (result.ok) this.held.push(result.value);
    };
    const act = random.below(16);
    this.last = `Gate of d${gate.domid}, act ${act}`;
    switch (act) {
      case 0:
        gate.evtchn.allocUnbound(domid(), domid());
        break;
      case 1:
        gate.evtchn.bindInterdomain(domid(), port());
        break;
      case 2:
        gate.evtchn.close(port());
        break;
      case 3:
        gate.evtchn.send(port());
        break;
      case 4:
        gate.evtchn.bindVirq(random.below(24), random.below(3));
        break;
      case 5:
        keep(gate.gnttab.map(domid(), Gref(random.below(12)), access()));
        break;
      case 6:
        gate.gnttab.copyFrom(domid(), Gref(random.below(12)), random.below(4096), random.below(64));
        break;
      case 7:
        gate.gnttab.copyTo(domid(), Gref(random.below(12)), 64, new Uint8Array(random.below(32)));
        break;
      case 8:
        keep(gate.memory.mapForeign(domid(), mfn(), access()));
        break;
      case 9:
        gate.memory.populate(domid(), Gfn(random.below(64)), random.below(3));
        break;
      case 10:
        gate.mmu.pinL4(domid(), mfn());
        break;
      case 11:
        gate.mmu.unpin(domid(), mfn());
        break;
      case 12:
        gate.domctl.getVcpuContext(domid(), random.below(3));
        break;
      case 13:
        gate.memory.claim(domid(), random.below(100));
        break;
      default: {
        const frame = this.held.splice(random.below(Math.max(1, this.held.length)), 1)[0];
        if (frame !== undefined && isMapped(frame)) frame.unmap();
      }
    }
  }

  private passTime(): void {
    const { machine } = this;
    const outcome = run(machine, Nanos(machine.clock.now() + PASS_NANOS), 500);
    if (outcome.state === "idle" && outcome.until !== undefined) advanceIdle(machine, outcome.until);
  }

  go(): FuzzResult {
    const { calls, auditEvery = 5000, progress } = this.options;
    const { machine } = this;
    const before = this.fingerprint();
    let fault: string | undefined;
    let done = 0;
    for (; done < calls && fault === undefined; done++) {
      try {
        this.step();
      } catch (error) {
        fault = `${this.last}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      }
      machine.current = undefined;
      if (fault === undefined && (done + 1) % auditEvery === 0) {
        fault = findFault(machine);
        if (fault === undefined && this.fingerprint() !== before)
          fault = "the neighbour's memory has changed";
        if (fault !== undefined) fault += ` (call ${done}, last: ${this.last})`;
        progress?.(done + 1);
      }
    }
    const { fallen, accepted, refused, slowest } = this;
    return { calls: done, fallen, accepted, refused, slowest, fault };
  }
}

/** One that outlived its domain was unmapped with it. */
const isMapped = (frame: MappedFrame): boolean => (frame as unknown as { mapped: boolean }).mapped;

export const fuzz = (options: FuzzOptions): FuzzResult => new Fuzzer(options).go();
