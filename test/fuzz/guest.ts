/** A fuzzed guest: two vCPUs, 48 pages mapped from BASE, and pools of numbers that its calls are made of. */
import { FLAT_KERNEL_SS, FLAT_RING3_CS64, VGCF_in_kernel, VGCF_online } from "../../src/abi/arch-x86/xen.ts";
import type { Gate } from "../../src/abi/hypercall.ts";
import {
  DOMID_INVALID,
  DOMID_IO,
  DOMID_SELF,
  DOMID_XEN,
  type Domid,
  Gfn,
  type Mfn,
} from "../../src/abi/types.ts";
import * as L from "../../src/cpu/layout.ts";
import type { Domain, Vcpu } from "../../src/xen/domain/domain.ts";
import type { Machine } from "../../src/xen/machine.ts";
import { emptyContext, must } from "../xen/support/world.ts";
import type { Random } from "./random.ts";

export const BASE = 0xffff_8800_0000_0000n;
export const PAGES = 48;
/** Pages 0..4 are tables: L4, L3, L2, L1, the user's L4. */
export const ARGS = 6;
export const CODE = 8;
const STACK = 9;
/** Handlers of everything: a jump to itself. */
const HANDLER = 0x800;

const ALL_VECTORS = Array.from({ length: 256 }, (_, vector) => vector);

export class FuzzGuest {
  readonly domid: Domid;
  readonly domain: Domain;
  readonly gate: Gate;
  mfns: Mfn[];
  readonly machine: Machine;
  readonly random: Random;

  constructor(machine: Machine, dom0: Gate, gateOf: (domain: Domain) => Gate, random: Random) {
    this.machine = machine;
    this.random = random;
    this.domid = must(
      dom0.domctl.create({
        handle: new Uint8Array(16),
        type: "pv",
        maxVcpus: 2,
        maxEvtchnPort: 255,
        maxGrantFrames: 4,
        maxMaptrackFrames: 1,
      }),
    );
    this.domain = machine.domains.get(this.domid) as Domain;
    this.gate = gateOf(this.domain);
    must(dom0.domctl.setMaxMem(this.domid, (PAGES + 16) * 4));
    this.mfns = must(dom0.memory.populate(this.domid, Gfn(0), PAGES));
    const { mem } = machine.engine;
    const put = (pfn: number, slot: number, to: number, flags: bigint): void => {
      const at = mem.writeAddress(this.mfns[pfn] as number) + slot * 8;
      mem.view.setBigUint64(at, (BigInt(this.mfns[to] as number) << 12n) | flags, true);
    };
    for (const l4 of [0, 4]) put(l4, 272, 1, 0x27n);
    put(1, 0, 2, 0x27n);
    put(2, 0, 3, 0x27n);
    for (let pfn = 0; pfn < PAGES; pfn++) put(3, pfn, pfn, pfn < 5 ? 0x21n : 0x23n);
    for (const offset of [0, HANDLER])
      mem.u8.set([0xeb, 0xfe], mem.writeAddress(this.mfns[CODE] as number) + offset);
    const context = emptyContext();
    const rsp = this.va(STACK, 0x800);
    for (const id of [0, 1]) {
      must(
        dom0.domctl.setVcpuContext(this.domid, id, {
          ...context,
          flags: VGCF_in_kernel | VGCF_online,
          cr3: BigInt(this.mfns[0] as number) << 12n,
          cr3User: BigInt(this.mfns[4] as number) << 12n,
          userRegs: { ...context.userRegs, rip: this.va(CODE), rsp },
          kernelSp: rsp,
          eventCallback: this.va(CODE, HANDLER),
          syscallCallback: this.va(CODE, HANDLER),
          traps: ALL_VECTORS.map((vector) => ({
            vector,
            flags: vector & 7,
            cs: FLAT_RING3_CS64,
            address: this.va(CODE, HANDLER),
          })),
        }),
      );
    }
    must(dom0.domctl.unpause(this.domid));
  }

  va(pfn: number, offset = 0): bigint {
    return BASE + BigInt(pfn * 4096 + offset);
  }

  get alive(): boolean {
    return !this.domain.dying && this.domain.shutdown === undefined;
  }

  /** As the guest's own instruction would store it; false: it has no right to. */
  store(va: bigint, bytes: Uint8Array): boolean {
    const { engine } = this.machine;
    const at = engine.translate(Number(va & 0xffff_ffffn), Number(va >> 32n), L.ACCESS_WRITE);
    if (at === 0 || (Number(va) & 4095) + bytes.length > 4096) return false;
    engine.mem.u8.set(bytes, at);
    engine.mem.noteWrite(engine.translatedFrame(), Number(va & 4095n), bytes.length);
    return true;
  }

  /** The address of a page that it may write to, ARGS if possible. */
  scratch(): bigint | undefined {
    const { engine } = this.machine;
    for (let tries = 0; tries < 12; tries++) {
      const pfn = tries === 0 ? ARGS : tries === 1 ? ARGS + 1 : 10 + this.random.below(PAGES - 10);
      const va = this.va(pfn);
      if (engine.translate(Number(va & 0xffff_ffffn), Number(va >> 32n), L.ACCESS_WRITE) !== 0) return va;
    }
    return undefined;
  }

  // ── pools ──

  mfn(neighbour: FuzzGuest | undefined): number {
    const { random, machine } = this;
    const { frames } = machine;
    switch (random.below(12)) {
      case 0:
        return random.pick(neighbour?.mfns ?? this.mfns);
      case 1:
        return random.pick([
          this.domain.sharedInfo?.mfn ?? 0,
          this.domain.grants.frames[0] ?? 0,
          neighbour?.domain.sharedInfo?.mfn ?? 0,
          neighbour?.domain.grants.frames[0] ?? 0,
          frames.xenL3,
          frames.total - 1,
          frames.total,
        ]);
      case 2:
        return random.pick([0, 1, 255, 256, 300, 0xffff_ffff, 0xffff_fff, random.u32() & 0xffff]);
      case 3:
        return this.domain.memory.lowest + random.below(64);
      case 4:
        return random.pick(this.mfns.slice(0, 5));
      default:
        return random.pick(this.mfns);
    }
  }

  pte(neighbour: FuzzGuest | undefined): bigint {
    const { random } = this;
    if (random.chance(40)) return random.u64();
    const flags = random.pick([0n, 1n, 3n, 5n, 7n, 0x21n, 0x27n, 0x63n, 0x67n, 0x67n, 0x87n, 0x10fn, 0x1bn]);
    const high = random.chance(12) ? random.pick([1n << 63n, 1n << 52n, 1n << 51n, 0xfn << 40n]) : 0n;
    return (BigInt(this.mfn(neighbour)) << 12n) | flags | high;
  }

  address(): bigint {
    const { random } = this;
    switch (random.below(14)) {
      case 0:
        return 0xffff_8000_0000_0000n + BigInt(random.u32());
      case 1:
        return random.pick([
          0n,
          0xfffn,
          0x7fff_ffff_ffffn,
          0x8000_0000_0000n,
          0xffff_ffff_ffff_fff8n,
          1n << 63n,
        ]);
      case 2:
        return random.u64();
      case 3:
        return 0xffff_9600_0000_0000n + BigInt(random.u32()); // slot 300: a linear map, if one was made
      case 4:
        return this.va(PAGES, random.below(4096));
      default:
        return this.va(random.below(PAGES), random.chance(2) ? random.below(512) * 8 : random.below(4096));
    }
  }

  otherDomid(neighbour: FuzzGuest | undefined): number {
    return this.random.pick([
      DOMID_SELF,
      DOMID_SELF,
      DOMID_SELF,
      this.domid,
      neighbour?.domid ?? 0,
      0,
      DOMID_IO,
      DOMID_XEN,
      DOMID_INVALID,
      0x7ff5,
      99,
      this.random.u32() & 0xffff,
    ]);
  }

  small(): number {
    const { random } = this;
    return random.pick([
      0,
      0,
      1,
      1,
      2,
      3,
      4,
      5,
      7,
      8,
      9,
      31,
      63,
      255,
      256,
      511,
      0x7fff_ffff,
      0xffff_ffff,
      random.u32(),
    ]);
  }

  /** Puts the vCPU's registers back where its kernel would have them. */
  rewind(vcpu: Vcpu): void {
    const { u16, u64 } = this.machine.engine.mem;
    u64[(L.CPU + L.RIP) >>> 3] = this.va(CODE);
    u64[(L.CPU + L.RSP) >>> 3] = this.va(STACK, 0x400 + vcpu.id * 0x800);
    u16[(L.CPU + L.SEL_CS) >>> 1] = FLAT_RING3_CS64;
    u16[(L.CPU + L.SEL_SS) >>> 1] = FLAT_KERNEL_SS;
  }
}
