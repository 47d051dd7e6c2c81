/** MOV, MOVZX, MOVSX, LEA, PUSH, POP, LEAVE, CMOV, SETCC, BSWAP, sign extensions. */
import { MEM, OP } from "./code.ts";
import type { Emitter, Push } from "./emitter.ts";
import { condition } from "./flags.ts";
import { HOST, R, T1 } from "./locals.ts";
import { type Register, registerAt } from "./records.ts";

const gpr = (number: number): Register => ({ number, high: false });
const RAX = gpr(0);
const RDX = gpr(2);
const RSP = gpr(4);
const RBP = gpr(5);

export function movAB(e: Emitter, size: number): void {
  e.pushB(size)();
  e.write(e.a, size);
}

export function movAM(e: Emitter, size: number): void {
  e.address();
  e.readable(1 << size);
  e.load(size);
  e.write(e.a, size);
}

export function movMB(e: Emitter, size: number): void {
  e.address();
  e.writable(1 << size);
  e.store(size, e.pushB(size));
}

/** From 8 (0) or 16 bits (1). */
export function movzxA(e: Emitter, from: number): void {
  e.pushB(from)();
  e.write(e.a, 2);
}

export function movzxM(e: Emitter, from: number): void {
  e.address();
  e.readable(1 << from);
  e.load(from);
  e.write(e.a, 2);
}

/** 8→32, 8→64, 16→32, 16→64, 32→64: source size, extending opcode, target size. */
const EXTENSIONS: readonly (readonly [from: number, opcode: number, to: number])[] = [
  [0, OP.i32Extend8S, 2],
  [0, OP.i64Extend8S, 3],
  [1, OP.i32Extend16S, 2],
  [1, OP.i64Extend16S, 3],
  [2, OP.i64Extend32S, 3],
];
const EXTENDING_LOADS = [
  MEM.i32Load8S,
  MEM.i64Load8S,
  MEM.i32Load16S,
  MEM.i64Load16S,
  MEM.i64Load32S,
] as const;

function extension(kind: number): readonly [number, number, number] {
  const row = EXTENSIONS[kind];
  if (row === undefined) throw new Error(`no sign extension ${kind}`);
  return row;
}

export function movsxA(e: Emitter, kind: number): void {
  const [from, opcode, to] = extension(kind);
  const register = registerAt(e.records.b(e.rec));
  if (register === undefined) throw new Error("movsx of an immediate");
  e.read(register, from);
  if (to === 3) e.code.op(OP.extendU);
  e.code.op(opcode);
  e.write(e.a, to);
}

export function movsxM(e: Emitter, kind: number): void {
  const [from, , to] = extension(kind);
  e.address();
  e.readable(1 << from);
  e.code.get(HOST).memory(EXTENDING_LOADS[kind as 0]);
  e.write(e.a, to);
}

export function lea(e: Emitter, size: number): void {
  e.address();
  if (size === 2) e.code.op(OP.wrap);
  e.write(e.a, size);
}

export function pushB(e: Emitter): void {
  pushValue(e, e.pushB(3));
}

/** Pushes 64 bits; RSP moves when they are stored. */
export function pushValue(e: Emitter, value: Push): void {
  const { code } = e;
  e.read(RSP, 3);
  code.i64(8).op(OP.i64Sub).tee(T1);
  e.writable(8);
  e.store(3, value);
  code.get(T1);
  e.write(RSP, 3);
}

export function popA(e: Emitter): void {
  const { code } = e;
  e.read(RSP, 3);
  e.readable(8);
  e.read(RSP, 3);
  code.i64(8).op(OP.i64Add);
  e.write(RSP, 3);
  e.load(3);
  e.write(e.a, 3);
}

export function leave(e: Emitter): void {
  const { code } = e;
  e.read(RBP, 3);
  e.readable(8);
  e.read(RBP, 3);
  code.i64(8).op(OP.i64Add);
  e.write(RSP, 3);
  e.load(3);
  e.write(RBP, 3);
}

export function setccA(e: Emitter): void {
  condition(e, e.records.misc(e.rec) & 15);
  e.write(e.a, 0);
}

/** 32 bits clear the upper half even if nothing is moved. */
export function cmovAB(e: Emitter, size: number): void {
  e.pushB(size)();
  e.read(e.a, size);
  condition(e, e.records.misc(e.rec) & 15);
  e.code.select();
  e.write(e.a, size);
}

export function bswap(e: Emitter, size: number): void {
  const { code } = e;
  const wide = size === 3;
  const swap = (shift: number, mask: bigint): void => {
    const push = (): void => {
      code.get(R(wide));
    };
    const constant = (value: bigint): void => {
      if (wide) code.i64(value);
      else code.i32(Number(BigInt.asIntN(32, value)));
    };
    push();
    constant(mask);
    e.op(OP.i32And, size);
    e.constant(shift, size);
    e.op(OP.i32Shl, size);
    push();
    e.constant(shift, size);
    e.op(OP.i32ShrU, size);
    constant(mask);
    e.op(OP.i32And, size);
    e.op(OP.i32Or, size);
    code.set(R(wide));
  };
  e.read(e.a, size);
  code.set(R(wide));
  swap(8, 0x00ff00ff00ff00ffn);
  if (wide) swap(16, 0x0000ffff0000ffffn);
  code.get(R(wide));
  e.constant(wide ? 32 : 16, size);
  e.op(OP.i32Rotl, size);
  e.write(e.a, size);
}

export function cdqe(e: Emitter): void {
  e.read(RAX, 2);
  e.code.op(OP.extendS);
  e.write(RAX, 3);
}

/** CDQ (2), CQO (3). */
export function cdq(e: Emitter, size: number): void {
  e.read(RAX, size);
  e.constant(size === 3 ? 63 : 31, size);
  e.op(OP.i32ShrS, size);
  e.write(RDX, size);
}

export { RAX, RDX, RSP };
