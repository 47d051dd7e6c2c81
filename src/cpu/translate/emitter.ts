/** What the code generators of all families share: the function being written, its operands, its ways out. */

import { PAGE_VA, PAGE_VA_HIGH, TLB_W, ZERO } from "../core/state.ts";
import { Code, I32, MEM, OP, typed } from "./code.ts";
import { type Known, UNKNOWN } from "./known.ts";
import { ENTRY, HOST, LEFT, NEXT_RECORD, PAGE, REGISTERS, T0, TLB, VA } from "./locals.ts";
import { HELPER } from "./module.ts";
import { type Records, type Register, registerAt } from "./records.ts";

/** Pushes a value: i64 where the operand has 64 bits, else i32, zero-extended. */
export type Push = () => void;

const LOADS = [MEM.i32Load8U, MEM.i32Load16U, MEM.i32Load, MEM.i64Load] as const;
const STORES = [MEM.i32Store8, MEM.i32Store16, MEM.i32Store, MEM.i64Store] as const;
const WIDTH_MASK = [0xff, 0xffff] as const;

export class Emitter {
  readonly code = new Code();
  readonly records: Records;
  /** The record that is being translated, and the first one of its instruction: the interpreter redoes it from there. */
  rec = 0;
  start = 0;
  /** What is known of the flags here. */
  known: Known = UNKNOWN;
  /** Label behind which the state is written back. */
  exit = 0;
  /** Registers read or written, and those written: bit sets. */
  used = 0;
  written = 0;
  flagsWritten = false;

  constructor(records: Records) {
    this.records = records;
  }

  // ── leaving ──

  /** Leaves; the interpreter goes on with this record. */
  leave(record = this.start): void {
    this.code.i32(record).set(NEXT_RECORD).br(this.exit);
  }

  /** Leaves before this instruction if the condition on the stack holds. */
  leaveIf(): void {
    this.code.if();
    this.leave();
    this.code.end();
  }

  /** Leaves before this branch, which ends the block after `count` instructions, if the budget ends with it. */
  leaveAtBudget(count: number): void {
    this.code.get(LEFT).i32(count).op(OP.i32LeS);
    this.leaveIf();
  }

  pay(count: number): void {
    this.code.get(LEFT).i32(count).op(OP.i32Sub).set(LEFT);
  }

  // ── registers ──

  wide(size: number): boolean {
    return size === 3;
  }

  register(number: number): number {
    this.used |= 1 << number;
    return REGISTERS + number;
  }

  /** Pushes a register's low part. */
  read(register: Register, size: number): void {
    const { code } = this;
    code.get(this.register(register.number));
    if (size === 3) return;
    code.op(OP.wrap);
    if (register.high) code.i32(8).op(OP.i32ShrU);
    if (size < 2) code.i32(WIDTH_MASK[size as 0 | 1]).op(OP.i32And);
  }

  /** Pops into a register's low part; 32 bits clear the upper half. Excess bits of an i32 are cut off. */
  write(register: Register, size: number): void {
    const { code } = this;
    const local = this.register(register.number);
    this.written |= 1 << register.number;
    if (size === 3) {
      code.set(local);
      return;
    }
    if (size === 2) {
      code.op(OP.extendU).set(local);
      return;
    }
    const mask = WIDTH_MASK[size as 0 | 1];
    code.i32(mask).op(OP.i32And, OP.extendU);
    if (register.high) code.i64(8).op(OP.i64Shl);
    code
      .set(T0)
      .get(local)
      .i64(register.high ? ~0xff00 : ~mask)
      .op(OP.i64And)
      .get(T0)
      .op(OP.i64Or)
      .set(local);
  }

  /** The register at R_A. */
  get a(): Register {
    return this.registerOf(this.records.a(this.rec));
  }

  /** Pushes what R_B names: a register or the immediate. */
  pushB(size: number): Push {
    const register = registerAt(this.records.b(this.rec));
    if (register !== undefined) return () => this.read(register, size);
    const value = this.records.immediate(this.rec);
    if (size === 3) return () => this.code.i64(value);
    return () => this.code.i32(Number(BigInt.asUintN(8 << size, value)));
  }

  registerOf(address: number): Register {
    const register = registerAt(address);
    if (register === undefined) throw new Error(`no register lies at ${address.toString(16)}`);
    return register;
  }

  /** i32 to i64, unsigned; nothing for what is i64 already. */
  extend(size: number): void {
    if (size !== 3) this.code.op(OP.extendU);
  }

  op(op: number, size: number): void {
    this.code.op(typed(op, size === 3));
  }

  constant(value: number, size: number): void {
    if (size === 3) this.code.i64(value);
    else this.code.i32(value);
  }

  // ── memory ──

  #pushWord(address: number): void {
    const { code } = this;
    const register = registerAt(address);
    if (register !== undefined) code.get(this.register(register.number));
    else if (address === PAGE_VA) code.get(PAGE);
    else if (address === PAGE_VA_HIGH) code.get(PAGE).i64(0x2000).op(OP.i64Add);
    else code.i32(0).memory(MEM.i64Load, address);
  }

  /** Pushes the effective address of the record's memory operand. */
  address(rec = this.rec): void {
    const { code, records } = this;
    const [base, idx, disp] = [records.base(rec), records.idx(rec), records.disp(rec)];
    let terms = 0;
    if (base !== ZERO) {
      this.#pushWord(base);
      terms++;
    }
    if (idx !== ZERO) {
      this.#pushWord(idx);
      if (records.scale(rec) > 0) code.i64(records.scale(rec)).op(OP.i64Shl);
      if (terms++ > 0) code.op(OP.i64Add);
    }
    if (terms === 0) code.i64(disp);
    else if (disp !== 0) code.i64(disp).op(OP.i64Add);
  }

  /** Pops a virtual address; sets HOST to where its bytes lie, or leaves before the instruction. */
  #translate(bytes: number, table: number, helper: number): void {
    const { code } = this;
    code.set(VA).get(VA).op(OP.wrap).i32(8).op(OP.i32ShrU).i32(0x3ff0).op(OP.i32And);
    code.get(TLB).op(OP.i32Add).tee(ENTRY).memory(MEM.i64Load, table).get(VA);
    if (bytes > 1) code.i64(bytes - 1).op(OP.i64Add);
    code.i64(-4096).op(OP.i64And, OP.i64Eq).if(I32);
    code
      .get(ENTRY)
      .memory(MEM.i32Load, table + 8)
      .get(VA)
      .op(OP.wrap, OP.i32Add);
    code.else().get(VA).i32(bytes).call(helper).tee(HOST).op(OP.i32Eqz);
    this.leaveIf();
    code.get(HOST).end().set(HOST);
  }

  readable(bytes: number): void {
    this.#translate(bytes, 0, HELPER.regionRead);
  }

  writable(bytes: number): void {
    this.#translate(bytes, TLB_W, HELPER.regionWrite);
  }

  /** Pushes what lies at HOST. */
  load(size: number): void {
    this.code.get(HOST).memory(LOADS[size as 0 | 1 | 2 | 3]);
  }

  /** Stores to HOST. */
  store(size: number, value: Push): void {
    this.code.get(HOST);
    value();
    this.code.memory(STORES[size as 0 | 1 | 2 | 3]);
  }
}
