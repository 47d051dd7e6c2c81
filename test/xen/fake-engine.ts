/**
 * An engine without instructions: frames, page walks and a TLB in plain TypeScript, for tests of the hypervisor.
 *
 *   const engine = new FakeEngine();
 *   engine.load(va) / engine.store(va, x)   what a guest's instruction would do, through a TLB that can be stale
 *
 * Every vCPU is a PV guest: CPL 3, WP and NX on.
 */
import * as L from "../../src/cpu/layout.ts";
import type { Engine, MachineMemory } from "../../src/cpu/types.ts";

const SAVED = 0x4000; // saved vCPU states, 64 of them
const MAX_VCPUS = 64;
const FIRST_SLOT = 0x40;

class FakeMemory implements MachineMemory {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;
  /** Frame → slot. */
  readonly slotOf = new Map<number, number>();
  /** What was told by noteWrite. */
  readonly notes: { mfn: number; offset: number; length: number }[] = [];
  private readonly free: number[] = [];

  constructor(slots: number) {
    const buffer = new ArrayBuffer((FIRST_SLOT + 1 + slots) * 4096);
    this.memory = { buffer };
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.view = new DataView(buffer);
    for (let slot = FIRST_SLOT + slots; slot > FIRST_SLOT; slot--) this.free.push(slot);
  }

  slotsFree(): number {
    return this.free.length;
  }
  readAddress(mfn: number): number {
    return (this.slotOf.get(mfn) ?? FIRST_SLOT) << 12;
  }
  writeAddress(mfn: number): number {
    let slot = this.slotOf.get(mfn);
    if (slot === undefined) {
      slot = this.free.pop();
      if (slot === undefined) return 0;
      this.slotOf.set(mfn, slot);
    }
    return slot << 12;
  }
  release(mfn: number): void {
    const slot = this.slotOf.get(mfn);
    if (slot === undefined) return;
    this.u8.fill(0, slot << 12, (slot + 1) << 12);
    this.slotOf.delete(mfn);
    this.free.push(slot);
  }
  noteWrite(mfn: number, offset: number, length: number): void {
    this.notes.push({ mfn, offset, length });
  }
}

interface TlbEntry {
  readonly mfn: number;
  readonly writable: boolean;
}

export class FakeEngine implements Engine {
  readonly mem: FakeMemory;
  /** How often TLBs were flushed: whole (loaded vCPU), all vCPUs, one page. */
  readonly flushes = { local: 0, all: 0, page: 0 };
  readonly protectedFrames = new Set<number>();
  private readonly tlbs = new Map<number, Map<string, TlbEntry>>();
  private readonly vcpus = new Set<number>();
  private loaded: number | undefined;
  private lastFrame = 0;

  constructor(slots = 4096) {
    this.mem = new FakeMemory(slots);
  }

  createVcpu(): number {
    for (let v = 0; v < MAX_VCPUS; v++) {
      if (this.vcpus.has(v)) continue;
      this.vcpus.add(v);
      this.tlbs.set(v, new Map());
      this.mem.u8.fill(0, SAVED + v * L.CPU_SIZE, SAVED + (v + 1) * L.CPU_SIZE);
      return v;
    }
    throw new Error("no vCPU left");
  }
  destroyVcpu(vcpu: number): void {
    if (this.loaded === vcpu) this.loaded = undefined;
    this.vcpus.delete(vcpu);
    this.tlbs.delete(vcpu);
  }
  select(vcpu: number): void {
    if (!this.vcpus.has(vcpu)) throw new Error(`no vCPU ${vcpu}`);
    if (this.loaded === vcpu) return;
    if (this.loaded !== undefined) {
      this.mem.u8.copyWithin(SAVED + this.loaded * L.CPU_SIZE, L.CPU, L.CPU + L.CPU_SIZE);
    }
    const from = SAVED + vcpu * L.CPU_SIZE;
    this.mem.u8.copyWithin(L.CPU, from, from + L.CPU_SIZE);
    this.loaded = vcpu;
  }
  stateAddress(vcpu: number): number {
    return vcpu === this.loaded ? L.CPU : SAVED + vcpu * L.CPU_SIZE;
  }
  run(_budget: number): number {
    return L.EXIT_BUDGET;
  }
  probeStore(): 0 | 1 {
    return 0;
  }
  finishStore(_answer: number): number {
    return L.EXIT_BUDGET;
  }
  flushTlb(): void {
    this.flushes.local++;
    this.tlb().clear();
  }
  flushAllTlbs(): void {
    this.flushes.all++;
    for (const tlb of this.tlbs.values()) tlb.clear();
  }
  invlpg(vaLow: number, vaHigh: number): void {
    this.flushes.page++;
    const page = pageOf((BigInt(vaHigh >>> 0) << 32n) | BigInt(vaLow >>> 0));
    for (const mode of [0, 1]) this.tlb().delete(`${mode}:${page}`);
  }
  protect(mfn: number, on: boolean): void {
    if (on) this.protectedFrames.add(mfn);
    else this.protectedFrames.delete(mfn);
  }

  translate(vaLow: number, vaHigh: number, access: number): number {
    const va = (BigInt(vaHigh >>> 0) << 32n) | BigInt(vaLow >>> 0);
    const write = access === L.ACCESS_WRITE;
    const { u64, view } = this.mem;
    const fault = (present: boolean): number => {
      view.setUint32(L.CPU + L.X_VECTOR, 14, true);
      const code = (present ? 1 : 0) | (write ? 2 : 0) | 4 | (access === L.ACCESS_EXEC ? 16 : 0);
      view.setUint32(L.CPU + L.X_ERROR, code, true);
      view.setBigUint64(L.CPU + L.X_VA, va, true);
      return 0;
    };
    if (BigInt.asUintN(64, BigInt.asIntN(48, va)) !== va) {
      view.setUint32(L.CPU + L.X_VECTOR, 13, true);
      view.setUint32(L.CPU + L.X_ERROR, 0, true);
      return 0;
    }
    let table = Number((u64[(L.CPU + L.CR3) >> 3] as bigint) >> 12n);
    const walk: number[] = [];
    for (let shift = 39n; shift >= 12n; shift -= 9n) {
      const index = Number((va >> shift) & 511n);
      const at = this.mem.readAddress(table) + index * 8;
      const entry = u64[at >> 3] as bigint;
      if ((entry & 1n) === 0n) return fault(false);
      if ((entry & 4n) === 0n || (write && (entry & 2n) === 0n)) return fault(true);
      if (access === L.ACCESS_EXEC && entry >> 63n === 1n) return fault(true);
      walk.push(at);
      table = Number((entry & 0x000f_ffff_ffff_f000n) >> 12n);
    }
    for (const at of walk) u64[at >> 3] = (u64[at >> 3] as bigint) | 0x20n;
    const leaf = walk[3] as number;
    if (write) u64[leaf >> 3] = (u64[leaf >> 3] as bigint) | 0x40n;
    const base = write ? this.mem.writeAddress(table) : this.mem.readAddress(table);
    this.lastFrame = table;
    return base === 0 ? 0 : base + Number(va & 0xfffn);
  }
  translatedFrame(): number {
    return this.lastFrame;
  }

  /** A guest's 8-byte read. "fault" when the walk (or a TLB entry left over) does not allow it. */
  load(va: bigint): bigint | "fault" {
    const mfn = this.access(va, false);
    return mfn === undefined
      ? "fault"
      : (this.mem.u64[(this.mem.readAddress(mfn) + Number(va & 0xff8n)) >> 3] as bigint);
  }
  /** A guest's 8-byte write. */
  store(va: bigint, value: bigint): "done" | "fault" {
    const mfn = this.access(va, true);
    if (mfn === undefined) return "fault";
    this.mem.u64[(this.mem.writeAddress(mfn) + Number(va & 0xff8n)) >> 3] = value;
    return "done";
  }

  private access(va: bigint, write: boolean): number | undefined {
    const key = `${this.mem.view.getUint32(L.CPU + L.PV_USER, true)}:${pageOf(va)}`;
    const cached = this.tlb().get(key);
    if (cached !== undefined && (!write || cached.writable)) return cached.mfn;
    const low = Number(va & 0xffff_ffffn);
    const high = Number(va >> 32n);
    if (this.translate(low, high, write ? L.ACCESS_WRITE : L.ACCESS_READ) === 0) return undefined;
    this.tlb().set(key, { mfn: this.lastFrame, writable: write });
    return this.lastFrame;
  }
  private tlb(): Map<string, TlbEntry> {
    if (this.loaded === undefined) throw new Error("no vCPU is loaded");
    return this.tlbs.get(this.loaded) as Map<string, TlbEntry>;
  }
}

const pageOf = (va: bigint): string => (va >> 12n).toString(16);
