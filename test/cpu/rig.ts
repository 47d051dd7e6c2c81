/**
 * A bench for the engine: one vCPU, page tables of our own, snippets of machine code as hex.
 *
 *   0x0040_0000  code (two frames)      0x0050_0000  data (four frames)      0x0070_0000  stack top (one frame below)
 */
import { createEngine, type EngineOptions } from "../../src/cpu/engine.ts";
import {
  CPL,
  CPU,
  CR0,
  CR3,
  EFER,
  GPR,
  ICOUNT,
  RFLAGS,
  RIP,
  RSP,
  X_ERROR,
  X_PRIV,
  X_VA,
  X_VECTOR,
} from "../../src/cpu/layout.ts";
import { coreModule } from "../../src/host/core-wasm.ts";

export const P = 1;
export const W = 2;
export const U = 4;
export const A = 0x20;
export const D = 0x40;
export const NX = 1n << 63n;

export const CODE = 0x40_0000;
export const DATA = 0x50_0000;
export const STACK = 0x70_0000;
export const CODE_MFN = 0x100;
export const DATA_MFN = 0x200;
export const STACK_MFN = 0x300;
const L4_MFN = 1;
/** 256 MiB: 128 MiB of it frames. */
const MEMORY_PAGES = 6144;

const NAMES = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;
export type Register = (typeof NAMES)[number];

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(
    hex
      .replace(/;[^\n]*/g, "")
      .replace(/\s/g, "")
      .match(/../g) ?? [],
    (b) => Number.parseInt(b, 16),
  );
}

export class Rig {
  readonly engine;
  readonly mem;
  readonly vcpu: number;
  #nextTable = 2;

  constructor(options: Omit<Partial<EngineOptions>, "core"> = {}) {
    this.engine = createEngine({ memoryPages: MEMORY_PAGES, ...options, core: coreModule() });
    this.mem = this.engine.mem;
    this.vcpu = this.newVcpu();
    this.map(CODE, CODE_MFN, P | U, 2);
    this.map(DATA, DATA_MFN, P | W | U, 4);
    this.map(STACK - 0x1000, STACK_MFN, P | W | U);
  }

  newVcpu(): number {
    const vcpu = this.engine.createVcpu();
    this.engine.select(vcpu);
    this.set32(CPL, 3);
    this.set64(CR0, 0x8005_0033n);
    this.set64(CR3, BigInt(L4_MFN) << 12n);
    this.set64(EFER, 0xd01n);
    this.set64(RFLAGS, 0x202n);
    this.set64(RSP, BigInt(STACK));
    return vcpu;
  }

  get64(offset: number): bigint {
    return this.mem.view.getBigUint64(CPU + offset, true);
  }
  set64(offset: number, value: bigint): void {
    this.mem.view.setBigUint64(CPU + offset, value, true);
  }
  get32(offset: number): number {
    return this.mem.view.getUint32(CPU + offset, true);
  }
  set32(offset: number, value: number): void {
    this.mem.view.setUint32(CPU + offset, value, true);
  }
  reg(name: Register): bigint {
    return this.get64(GPR + 8 * NAMES.indexOf(name));
  }
  setReg(name: Register, value: bigint | number): void {
    this.set64(GPR + 8 * NAMES.indexOf(name), BigInt.asUintN(64, BigInt(value)));
  }
  get rip(): number {
    return Number(this.get64(RIP));
  }
  get icount(): number {
    return Number(this.get64(ICOUNT));
  }
  get flags(): number {
    return Number(this.get64(RFLAGS));
  }
  /** Vector, error code and address of the fault that stopped us. */
  get fault(): { vector: number; error: number; va: number } {
    return { vector: this.get32(X_VECTOR), error: this.get32(X_ERROR), va: Number(this.get64(X_VA)) };
  }
  get privileged(): number {
    return this.get32(X_PRIV);
  }

  /** Byte address of the entry for `va` at a level (4..1); missing tables are made. */
  entry(va: bigint | number, level = 1): number {
    let table = L4_MFN;
    for (let l = 4; ; l--) {
      const at = this.mem.writeAddress(table) + 8 * Number((BigInt(va) >> BigInt(3 + 9 * l)) & 511n);
      if (l === level) return at;
      const entry = this.mem.view.getBigUint64(at, true);
      if (entry & 1n) table = Number((entry >> 12n) & 0xffffffffffn);
      else {
        table = this.#nextTable++;
        this.mem.view.setBigUint64(at, (BigInt(table) << 12n) | BigInt(P | W | U), true);
      }
    }
  }
  getEntry(va: bigint | number, level = 1): bigint {
    return this.mem.view.getBigUint64(this.entry(va, level), true);
  }
  setEntry(va: bigint | number, value: bigint, level = 1): void {
    this.mem.view.setBigUint64(this.entry(va, level), value, true);
  }
  map(va: bigint | number, mfn: number, flags: bigint | number, count = 1): void {
    for (let i = 0; i < count; i++) {
      this.setEntry(BigInt(va) + BigInt(i * 4096), (BigInt(mfn + i) << 12n) | BigInt(flags));
    }
  }

  write(mfn: number, offset: number, data: Uint8Array): void {
    for (let i = 0; i < data.length; ) {
      const frame = mfn + ((offset + i) >>> 12);
      const at = (offset + i) & 0xfff;
      const n = Math.min(data.length - i, 4096 - at);
      this.mem.u8.set(data.subarray(i, i + n), this.mem.writeAddress(frame) + at);
      this.mem.noteWrite(frame, at, n);
      i += n;
    }
  }
  read(mfn: number, offset: number, length: number): Uint8Array {
    const at = this.mem.readAddress(mfn) + offset;
    return this.mem.u8.slice(at, at + length);
  }
  data64(offset: number): bigint {
    return this.mem.view.getBigUint64(
      this.mem.readAddress(DATA_MFN + (offset >>> 12)) + (offset & 0xfff),
      true,
    );
  }
  setData64(offset: number, value: bigint): void {
    this.mem.view.setBigUint64(
      this.mem.writeAddress(DATA_MFN + (offset >>> 12)) + (offset & 0xfff),
      value,
      true,
    );
  }

  /** Puts code at CODE + offset, RIP there. */
  load(hex: string, offset = 0): this {
    this.write(CODE_MFN, offset, bytes(hex));
    this.set64(RIP, BigInt(CODE + offset));
    return this;
  }
  run(budget = 1000): number {
    return this.engine.run(budget);
  }
}
