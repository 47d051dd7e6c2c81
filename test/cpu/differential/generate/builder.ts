/**
 * Builds one case from a row: state first, then operands (registers get the values that make the chosen address), then
 * bytes, then values of operands.
 */
import {
  C0,
  C1,
  C2,
  C3,
  type Case,
  DF,
  S_FCW,
  S_FS_BASE,
  S_FSW,
  S_FTW,
  S_FX,
  S_GPR,
  S_GS_BASE,
  S_MXCSR,
  S_RFLAGS,
  S_RIP,
  S_ST,
  S_XMM,
  STATE_SIZE,
  STATUS,
  TF,
  viewOf,
} from "../case.ts"; // prettier-ignore
import { arenaOffset, CODE, CODE_SIZE, STACK } from "../machine.ts";
import { createRandom, type Random } from "../prng.ts";
import { chooseSegment, encodeMemory, type MemoryOperand } from "./address.ts";
import type { Row } from "./row.ts";
import { chooseTarget } from "./target.ts";
import { type Floats, floats, integer } from "./values.ts";

export const RSP = 4;

/** x87, MMX and SSE state of rows that do not use it: anything, the same for all. */
const CALM_FX = (() => {
  const rng = createRandom(2, "fx");
  const fx = new Uint8Array(STATE_SIZE - S_FX);
  const view = viewOf(fx);
  for (let i = 0; i < 8; i++) for (let k = 0; k < 10; k++) fx[S_ST - S_FX + 16 * i + k] = rng.u32();
  for (let i = S_XMM - S_FX; i < fx.length; i++) fx[i] = rng.u32();
  view.setUint16(S_FCW - S_FX, 0x037f, true);
  view.setUint32(S_MXCSR - S_FX, 0x1f80, true);
  return fx;
})();

export class Builder {
  readonly rng: Random;
  readonly row: Row;
  readonly state = new Uint8Array(STATE_SIZE);
  readonly view = viewOf(this.state);
  readonly floats: Floats;
  /** Registers whose value must stay. */
  readonly fixed = new Set<number>();
  readonly patches: { offset: number; bytes: Uint8Array }[] = [];
  readonly undefinedGpr = new Map<number, bigint>();
  readonly undefinedMemory: { offset: number; length: number }[] = [];
  undefinedFlags: number;
  undefinedFsw: number;
  exactness: Case["exactness"];
  /** Operand size in bytes. */
  size = 4;
  addressSize: 4 | 8 = 8;
  lock = false;
  /** Prefixes drawn so far, but for those that belong to the opcode. */
  readonly prefixes: number[] = [];
  /** F2 or F3, where one was drawn for a string instruction. */
  rep = 0;
  /** A REX prefix is there (SPL, not AH). */
  rex = false;
  reg = 0;
  /** r/m as a register; -1: memory. */
  rm = -1;
  /** Linear address of the memory operand. */
  address = 0n;
  /** Effective address: before the segment's base, and cut to the address size. */
  effective = 0n;
  imm = 0n;
  rip = 0n;
  code: Uint8Array = new Uint8Array(0);

  constructor(row: Row, rng: Random) {
    this.row = row;
    this.rng = rng;
    this.floats = floats(rng);
    this.undefinedFlags = row.undefinedFlags ?? 0;
    this.undefinedFsw = row.undefinedFsw ?? 0;
    this.exactness = row.exactness ?? "exact";
    this.state.set(CALM_FX, S_FX);
    for (let i = 0; i < 16; i++) this.setGpr(i, integer(rng));
    this.view.setBigUint64(
      S_RFLAGS,
      BigInt((rng.u32() & (STATUS | DF)) | (row.trace ? TF : 0)) | 0x202n,
      true,
    );
    this.view.setBigUint64(S_FS_BASE, rng.u64() & 0x7fffffffffffn, true);
    this.view.setBigUint64(S_GS_BASE, rng.u64() & 0x7fffffffffffn, true);
    if (row.stack || rng.chance(0.8)) this.fix(RSP, STACK + BigInt(0x800 + 8 * rng.below(0x100)));
  }

  // ── values ──

  gpr(r: number): bigint {
    return this.view.getBigUint64(S_GPR + 8 * r, true);
  }

  setGpr(r: number, v: bigint): void {
    this.view.setBigUint64(S_GPR + 8 * r, BigInt.asUintN(64, v), true);
  }

  /** Gives a register a value that nothing may change later. */
  fix(r: number, v: bigint): void {
    this.setGpr(r, v);
    this.fixed.add(r);
  }

  get flags(): number {
    return this.view.getUint32(S_RFLAGS, true);
  }

  /** Offset in the state of a general register as an operand of `size` bytes, high byte registers included. */
  #place(r: number, size: number): number {
    return size === 1 && !this.rex && r >= 4 && r < 8 ? S_GPR + 8 * (r - 4) + 1 : S_GPR + 8 * r;
  }

  getOperand(r: number, size = this.size): bigint {
    const at = this.#place(r, size);
    let v = 0n;
    for (let i = size - 1; i >= 0; i--) v = (v << 8n) | BigInt(this.view.getUint8(at + i));
    return v;
  }

  /** Sets a register operand, unless an address or a rule depends on it. */
  setOperand(r: number, v: bigint, size = this.size): void {
    const at = this.#place(r, size);
    if (this.fixed.has((at - S_GPR) >> 3)) return;
    for (let i = 0; i < size; i++) this.view.setUint8(at + i, Number((v >> BigInt(8 * i)) & 0xffn));
  }

  /** Sets the r/m operand, in a register or in memory. */
  setRm(v: bigint, size = this.size): void {
    if (this.rm >= 0) {
      this.setOperand(this.rm, v, size);
      return;
    }
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = Number((v >> BigInt(8 * i)) & 0xffn);
    this.poke(this.address, bytes);
  }

  /** Memory as the case finds it; bytes that fall on nothing are lost. */
  poke(va: bigint, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; ) {
      const offset = arenaOffset(va + BigInt(i));
      let n = 1;
      if (offset >= 0) {
        while (i + n < bytes.length && arenaOffset(va + BigInt(i + n)) === offset + n) n++;
        this.patches.push({ offset, bytes: bytes.slice(i, i + n) });
      }
      i += n;
    }
  }

  poke64(va: bigint, v: bigint, size = 8): void {
    const bytes = new Uint8Array(8);
    viewOf(bytes).setBigUint64(0, BigInt.asUintN(64, v), true);
    this.poke(va, bytes.subarray(0, size));
  }

  /** What the instruction writes there is not defined. */
  ignoreMemory(va: bigint, length: number): void {
    for (let i = 0; i < length; i++) {
      const offset = arenaOffset(va + BigInt(i));
      if (offset >= 0) this.undefinedMemory.push({ offset, length: 1 });
    }
  }

  /** An address for an operand that no ModRM names (string instructions, XLAT). */
  target(size: number, access: Row["access"]): bigint {
    return chooseTarget(this.rng, { size, access: access ?? "r", align: 1, low: this.addressSize === 4 });
  }

  /** 16 bytes of lanes. */
  lanes(): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = viewOf(bytes);
    for (let i = 0; i < 16; i += 4) {
      if (this.row.lanes === "f32") view.setUint32(i, this.floats.f32(), true);
      else if (this.row.lanes === "f64") {
        if ((i & 4) === 0) view.setBigUint64(i, this.floats.f64(), true);
      } else {
        if (this.rng.chance(0.5)) view.setUint32(i, this.rng.u32(), true);
        else view.setUint32(i, Number(integer(this.rng) & 0xffffffffn), true);
      }
    }
    return bytes;
  }

  /** A floating-point operand in memory: `bytes` of it. */
  float(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    const view = viewOf(bytes);
    if (size === 4) view.setUint32(0, this.floats.f32(), true);
    else if (size === 8) view.setBigUint64(0, this.floats.f64(), true);
    else {
      const v = this.floats.f80();
      view.setBigUint64(0, v.significand, true);
      view.setUint16(8, v.head, true);
    }
    return bytes;
  }

  /** Puts an 80-bit value in ST(i) as the state stands. */
  setSt(i: number, v = this.floats.f80()): void {
    this.view.setBigUint64(S_ST + 16 * i, v.significand, true);
    this.view.setUint16(S_ST + 16 * i + 8, v.head, true);
  }

  // ── units ──

  #randomX87(): void {
    const { rng, view } = this;
    const masks = rng.chance(0.75) ? 0x3f : rng.u32() & 0x3f;
    const control = 0x40 | masks | (rng.pick([0, 2, 3, 3, 3]) << 8) | (rng.below(4) << 10);
    const sticky = rng.chance(0.7) ? 0 : rng.u32() & 0x3f;
    // an unmasked exception is rarely left pending: the next instruction would only deliver it
    const pending = sticky & (rng.chance(0.9) ? masks : 0x3f);
    let status = pending | (rng.u32() & (C0 | C1 | C2 | C3)) | (rng.below(8) << 11);
    if ((status & 0x3f & ~masks) !== 0) status |= 0x8080;
    view.setUint16(S_FCW, control, true);
    view.setUint16(S_FSW, status, true);
    view.setUint8(S_FTW, rng.chance(0.75) ? 0xff : rng.chance(0.7) ? rng.u32() & 0xff : 0);
    for (let i = 0; i < 8; i++) this.setSt(i);
  }

  #randomMmx(): void {
    const { rng, view } = this;
    view.setUint16(S_FSW, rng.chance(0.6) ? 0 : rng.below(8) << 11, true);
    view.setUint8(S_FTW, rng.u32() & 0xff);
    for (let i = 0; i < 8; i++) {
      const v = rng.chance(0.4) ? integer(rng) : rng.u64();
      this.setSt(i, { head: rng.chance(0.5) ? 0xffff : rng.u32() & 0xffff, significand: v });
    }
    if (rng.chance(0.03)) {
      // a pending x87 exception comes first
      view.setUint16(S_FCW, 0x037b, true);
      view.setUint16(S_FSW, 0x8084, true);
    }
  }

  #randomSse(): void {
    const { rng } = this;
    if (this.row.lanes === "f32" || this.row.lanes === "f64") {
      const masks = rng.chance(0.8) ? 0x3f : rng.u32() & 0x3f;
      const sticky = rng.chance(0.7) ? 0 : rng.u32() & 0x3f;
      const mxcsr =
        sticky |
        (rng.chance(0.15) ? 0x40 : 0) |
        (masks << 7) |
        (rng.below(4) << 13) |
        (rng.chance(0.15) ? 0x8000 : 0);
      this.view.setUint32(S_MXCSR, mxcsr, true);
    }
  }

  #vectorValues(): void {
    this.#setFile(this.row.reg, this.reg, this.lanes());
    this.setVector(this.lanes());
  }

  #setFile(file: Row["reg"], n: number, bytes: Uint8Array): void {
    if (file === "xmm") this.state.set(bytes, S_XMM + 16 * n);
    else if (file === "mmx") {
      const top = (this.view.getUint16(S_FSW, true) >> 11) & 7;
      this.state.set(bytes.subarray(0, 8), S_ST + 16 * (((n & 7) - top) & 7));
    }
  }

  /** Sets a vector's r/m operand, in a register or in memory. */
  setVector(bytes: Uint8Array): void {
    if (this.rm >= 0) this.#setFile(this.row.rm, this.rm, bytes);
    else if (this.row.modrm) this.poke(this.address, bytes.subarray(0, this.#memorySize()));
  }

  // ── the instruction ──

  #chooseSizes(prefixes: number[]): boolean {
    const { row, rng } = this;
    let w = false;
    switch (row.sizing) {
      case "b":
        this.size = 1;
        w = rng.chance(0.1);
        if (!row.plain && rng.chance(0.05)) prefixes.push(0x66);
        break;
      case "v":
        this.size = rng.pick([2, 4, 4, 8, 8]);
        w = this.size === 8;
        if (this.size === 2 || (w && rng.chance(0.08))) prefixes.push(0x66);
        break;
      case "q":
        this.size = rng.chance(0.25) ? 2 : 8;
        w = this.size === 8 && rng.chance(0.2);
        if (this.size === 2 || (w && rng.chance(0.1))) prefixes.push(0x66);
        break;
      case "f":
        this.size = 8;
        w = rng.chance(0.15);
        break;
      case "y":
        this.size = rng.pick([4, 8]);
        w = this.size === 8;
        break;
      case "w":
        this.size = row.memory ?? 8;
        w = true;
        break;
      default:
        this.size = row.memory ?? 8;
        w = !row.plain && rng.chance(0.1);
    }
    return w;
  }

  build(): Case {
    const { row, rng } = this;
    const w = this.#chooseSizes(this.prefixes);
    if (row.unit === "x87") this.#randomX87();
    else if (row.unit === "mmx") this.#randomMmx();
    if (row.unit === "sse" || row.lanes === "f32" || row.lanes === "f64") this.#randomSse();
    if (!row.plain && rng.chance(0.12)) this.addressSize = 4;
    if (row.rep && rng.chance(0.75))
      this.rep = row.rep === "rep" ? (rng.chance(0.9) ? 0xf3 : 0xf2) : rng.pick([0xf2, 0xf3]);
    row.setup?.(this);
    if (row.assemble) this.#finishBytes(row.assemble(this), -1);
    else this.#encode(w);
    if (row.reg === "mmx" || row.rm === "mmx" || row.reg === "xmm" || row.rm === "xmm") this.#vectorValues();
    row.finish?.(this);
    const code = this.code;
    return {
      row: row.name,
      code,
      ...(row.native ? { nativeCode: row.native(code) } : {}),
      ...(row.expect ? { expect: row.expect } : {}),
      state: this.state,
      patches: this.patches,
      undefinedFlags: this.undefinedFlags,
      undefinedGpr: this.undefinedGpr,
      undefinedFsw: this.undefinedFsw,
      undefinedMemory: this.undefinedMemory,
      exactness: this.exactness,
      ...(row.looseFault ? { looseFault: { from: this.address, size: this.#memorySize() } } : {}),
    };
  }

  #encode(w: boolean): void {
    const { row, rng, prefixes } = this;
    let rex = w ? 8 : 0;
    let operand: MemoryOperand | undefined;
    const tail: number[] = [];

    // ModRM.reg or the register in the opcode
    this.reg = row.ext ?? rng.below(16);
    if (row.ext === undefined && this.reg >= 8 && (row.modrm || row.plus)) rex |= row.plus ? 1 : 4;
    else if (row.ext !== undefined && rng.chance(0.03)) rex |= 4; // ignored

    let memory = false;
    if (row.modrm) memory = row.modrm === "m" || (row.modrm === "rm" && rng.chance(0.55));
    if (memory || row.moffs) {
      const segment = row.plain && row.moffs === undefined ? 0 : this.#segment(prefixes);
      if (row.moffs) this.#chooseAddress(segment);
      else operand = this.#memory(segment);
      if (operand) rex |= operand.rex;
    } else if (row.modrm) {
      this.rm = rng.below(16);
      if (this.rm >= 8) rex |= 1;
    }
    if (this.addressSize === 4) prefixes.push(0x67);
    this.#noise(prefixes, memory);
    if (rex === 0 && rng.chance(0.12)) rex = 0x40;
    this.rex = rex !== 0;

    if (row.modrm) {
      const low = (this.reg & 7) << 3;
      if (operand) {
        tail.push(operand.modrm | low, ...operand.rest);
      } else tail.push(0xc0 | low | (this.rm & 7));
    }
    const ripAt = operand?.ripRelative ? tail.length - 4 : -1;
    if (row.moffs)
      for (let i = 0; i < this.addressSize; i++) tail.push(Number((this.effective >> BigInt(8 * i)) & 0xffn));
    this.#immediate(tail);

    shuffle(rng, prefixes);
    if (row.mandatory) prefixes.push(row.mandatory);
    if (this.rep) prefixes.push(this.rep);
    const opcode = [...row.opcode];
    if (row.plus) opcode[opcode.length - 1] = (opcode[opcode.length - 1] ?? 0) + (this.reg & 7);
    const head = [...prefixes, ...(rex ? [0x40 | rex] : []), ...opcode];
    this.#finishBytes(new Uint8Array([...head, ...tail]), ripAt < 0 ? -1 : head.length + ripAt);
  }

  /** Chooses where the code stands, and mends a RIP-relative displacement. */
  #finishBytes(code: Uint8Array, ripAt: number): void {
    const { rng } = this;
    const size = BigInt(code.length);
    const where = rng.below(100);
    if (where < 6) this.rip = CODE + 0x1000n - BigInt(1 + rng.below(code.length));
    else if (where === 6 && this.row.opcode.length > 0)
      this.rip = CODE + BigInt(CODE_SIZE) - size + BigInt(rng.below(code.length));
    else this.rip = CODE + BigInt(0x100 + rng.below(CODE_SIZE - 0x300));
    if (ripAt >= 0) {
      const disp = BigInt.asUintN(32, this.effective - this.rip - size);
      viewOf(code).setUint32(ripAt, Number(disp), true);
    }
    this.view.setBigUint64(S_RIP, this.rip, true);
    this.code = code;
  }

  #segment(prefixes: number[]): number {
    if (this.rng.chance(0.8)) return 0;
    const segment = chooseSegment(this.rng);
    prefixes.push(segment);
    return segment === 0x64 || segment === 0x65 ? segment : 0;
  }

  #memorySize(): number {
    const { row } = this;
    return row.memoryFollowsSize ? this.size : (row.memory ?? this.size);
  }

  /** Decides on linear and effective address. */
  #chooseAddress(segment: number): void {
    const { row, rng } = this;
    const size = this.#memorySize();
    this.address = chooseTarget(rng, {
      size,
      access: row.access ?? "r",
      align: row.align ?? 1,
      low: this.addressSize === 4 && segment === 0,
    });
    this.effective = this.address;
    if (segment === 0) return;
    // any base will do with 64-bit offsets; with 32 bits the offset has to reach
    let base = rng.pick([
      0n,
      BigInt(rng.below(0x10000)),
      this.address - BigInt(rng.below(0x1000)),
      rng.u64() & 0x7fffffffffffn,
    ]);
    if (this.addressSize === 4) base = this.address - BigInt(rng.below(0x10000));
    base = BigInt.asUintN(64, base);
    if (BigInt.asUintN(64, BigInt.asIntN(48, base)) !== base) base = this.address & 0x7fffffff0000n;
    this.view.setBigUint64(segment === 0x64 ? S_FS_BASE : S_GS_BASE, base, true);
    this.effective = BigInt.asUintN(8 * this.addressSize, this.address - base);
  }

  #memory(segment: number): MemoryOperand {
    this.#chooseAddress(segment);
    return encodeMemory(this.rng, {
      effective: this.effective,
      addressSize: this.addressSize,
      fixed: this.fixed,
      near: CODE,
      get: (r) => this.gpr(r),
      fix: (r, v) => this.fix(r, v),
    });
  }

  #noise(prefixes: number[], memory: boolean): void {
    const { row, rng } = this;
    if (row.lock && rng.chance(memory ? 0.12 : 0.02)) this.lock = true;
    else if (!row.lock && !row.plain && rng.chance(0.004)) this.lock = true;
    if (this.lock) prefixes.push(0xf0);
    if (row.plain) return;
    if (!memory && rng.chance(0.04)) prefixes.push(rng.pick([0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65]));
    // F2 and F3 mean nothing here, but for two-byte opcodes, and HLE with LOCK
    if (row.opcode.length === 1 && !row.rep && !this.lock && rng.chance(0.03))
      prefixes.push(rng.pick([0xf2, 0xf3]));
    if (prefixes.length > 0 && rng.chance(0.02)) prefixes.push(rng.pick(prefixes)); // the same twice
  }

  #immediate(tail: number[]): void {
    const { row, rng } = this;
    let n = 0;
    switch (row.imm) {
      case "b":
        n = 1;
        break;
      case "w":
        n = 2;
        break;
      case "z":
        n = Math.min(this.size, 4);
        break;
      case "v":
        n = this.size;
        break;
      case "wb":
        n = 3;
        break;
      default:
        return;
    }
    this.imm = BigInt.asUintN(8 * n, integer(rng));
    for (let i = 0; i < n; i++) tail.push(Number((this.imm >> BigInt(8 * i)) & 0xffn));
  }
}

function shuffle(rng: Random, list: number[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const k = rng.below(i + 1);
    const a = list[i] as number;
    list[i] = list[k] as number;
    list[k] = a;
  }
}

export function buildCase(row: Row, seed: number, number: number): Case {
  return new Builder(row, createRandom(seed, row.name, number)).build();
}
