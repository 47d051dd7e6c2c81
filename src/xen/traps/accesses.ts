/**
 * Which memory an instruction reads and writes as data: for breakpoints on data, which the engine does not know. The
 * instruction has been executed already and had no fault, so it is valid; `before` are the registers as it found them.
 */

export interface Access {
  readonly va: bigint;
  readonly size: number;
  /** Read-and-write counts as a write. */
  readonly isWrite: boolean;
}

export interface Before {
  /** In encoding order. */
  readonly gpr: BigUint64Array;
  readonly fsBase: bigint;
  readonly gsBase: bigint;
  /** Where the instruction is. */
  readonly rip: bigint;
  /** Where RIP was behind it. */
  readonly next: bigint;
}

const [RAX, RCX, RBX, RSP, RBP, RSI, RDI] = [0, 1, 3, 4, 5, 6, 7] as const;

/** A memory operand: bytes, and whether they are written. */
type Operand = readonly [size: number, isWrite: boolean];
const reads = (size: number): Operand => [size, false];
const writes = (size: number): Operand => [size, true];

class Instruction {
  /** Mandatory prefix, of SSE: 0, 0x66, 0xf2, 0xf3. */
  prefix = 0;
  rex = 0;
  repeated = false;
  hasSegment: 0 | 0x64 | 0x65 = 0;
  address32 = false;
  is16 = false;
  at = 0;
  readonly code: Uint8Array;

  constructor(code: Uint8Array) {
    this.code = code;
    for (; this.at < 15; this.at++) {
      const byte = this.byte(this.at);
      if (byte === 0x66) this.is16 = true;
      else if (byte === 0x67) this.address32 = true;
      else if (byte === 0xf2 || byte === 0xf3) {
        this.prefix = byte;
        this.repeated = true;
      } else if (byte === 0x64 || byte === 0x65) this.hasSegment = byte;
      else if (byte !== 0xf0 && byte !== 0x2e && byte !== 0x36 && byte !== 0x3e && byte !== 0x26) break;
    }
    if (this.prefix === 0 && this.is16) this.prefix = 0x66;
    if ((this.byte(this.at) & 0xf0) === 0x40) this.rex = this.byte(this.at++);
  }

  byte(i: number): number {
    return this.code[i] ?? 0;
  }

  /** Operand size. */
  get size(): number {
    return (this.rex & 8) !== 0 ? 8 : this.is16 ? 2 : 4;
  }

  /** Size of a push or pop. */
  get word(): number {
    return this.is16 ? 2 : 8;
  }

  /** Of an MMX or SSE operand. */
  get vector(): number {
    return this.prefix === 0 ? 8 : 16;
  }

  /** Of an SSE floating-point operand. */
  get float(): number {
    return this.prefix === 0xf3 ? 4 : this.prefix === 0xf2 ? 8 : 16;
  }
}

/** Everything that it read or wrote. */
export function accessesOf(code: Uint8Array, before: Before): Access[] {
  const ins = new Instruction(code);
  const opcode = ins.byte(ins.at++);
  const found: Access[] = [];
  const take = (va: bigint, [size, isWrite]: Operand): void => {
    found.push({ va: BigInt.asUintN(64, va), size, isWrite });
  };
  if (opcode === 0x0f) {
    const second = ins.byte(ins.at++);
    if (second === 0xa0 || second === 0xa8) take(reg(before, RSP) - BigInt(ins.word), writes(ins.word));
    else if (second === 0xa1 || second === 0xa9) take(reg(before, RSP), reads(ins.word));
    else if (second === 0xf7) take(stringAddress(ins, before, RDI), writes(ins.vector));
    else {
      const operand = isMemory(ins) ? secondMap(ins, second) : undefined;
      if (operand !== undefined) take(effective(ins, before) + bitOffset(ins, second, before), operand);
    }
    return found;
  }
  implied(ins, opcode, before, take);
  const operand = isMemory(ins) ? firstMap(ins, opcode) : undefined;
  if (operand !== undefined) take(effective(ins, before), operand);
  return found;
}

const reg = (before: Before, i: number): bigint => before.gpr[i] as bigint;
const field = (ins: Instruction): number => (ins.byte(ins.at) >> 3) & 7;
const isMemory = (ins: Instruction): boolean => ins.byte(ins.at) < 0xc0;

/** Stack, strings, and operands without a ModRM byte. */
function implied(
  ins: Instruction,
  opcode: number,
  before: Before,
  take: (va: bigint, operand: Operand) => void,
): void {
  const push = (size: number): void => take(reg(before, RSP) - BigInt(size), writes(size));
  const size = (opcode & 1) === 0 ? 1 : ins.size;
  const none = ins.repeated && reg(before, RCX) === 0n;
  if ((opcode & 0xf8) === 0x50 || opcode === 0x68 || opcode === 0x6a || opcode === 0x9c) push(ins.word);
  else if ((opcode & 0xf8) === 0x58 || opcode === 0x9d || opcode === 0x8f)
    take(reg(before, RSP), reads(ins.word));
  else if (opcode === 0xe8 || (opcode === 0xff && field(ins) === 2)) push(8);
  else if (opcode === 0xff && field(ins) === 6) push(ins.word);
  else if (opcode === 0xc8) push(ins.word);
  else if (opcode === 0xc2 || opcode === 0xc3) take(reg(before, RSP), reads(8));
  else if (opcode === 0xc9) take(reg(before, RBP), reads(ins.word));
  else if (opcode === 0xd7)
    take(segment(ins, before) + reg(before, RBX) + (reg(before, RAX) & 0xffn), reads(1));
  else if (opcode >= 0xa0 && opcode <= 0xa3) take(offsetAddress(ins, before), [size, opcode >= 0xa2]);
  else if (none) return;
  else if (opcode >= 0xa4 && opcode <= 0xa7) {
    take(stringAddress(ins, before, RSI), reads(size));
    take(stringAddress(ins, before, RDI), [size, opcode <= 0xa5]);
  } else if (opcode === 0xaa || opcode === 0xab) take(stringAddress(ins, before, RDI), writes(size));
  else if (opcode === 0xac || opcode === 0xad) take(stringAddress(ins, before, RSI), reads(size));
  else if (opcode === 0xae || opcode === 0xaf) take(stringAddress(ins, before, RDI), reads(size));
}

/** The memory operand of a one-byte opcode with ModRM; undefined: it has none, or does not touch it. */
function firstMap(ins: Instruction, opcode: number): Operand | undefined {
  const size = (opcode & 1) === 0 ? 1 : ins.size;
  const f = field(ins);
  if (opcode < 0x40) {
    if ((opcode & 7) > 3) return undefined;
    return [size, (opcode & 2) === 0 && opcode >> 3 !== 7];
  }
  if (opcode >= 0xd8 && opcode <= 0xdf) return x87(opcode, f);
  switch (opcode) {
    case 0x63:
      return reads(4);
    case 0x69:
    case 0x6b:
      return reads(ins.size);
    case 0x80:
    case 0x81:
    case 0x83:
      return [size, f !== 7];
    case 0x84:
    case 0x85:
    case 0x8a:
    case 0x8b:
      return reads(size);
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return writes(size);
    case 0x8c:
      return writes(2);
    case 0x8e:
      return reads(2);
    case 0x8f:
      return writes(ins.word);
    case 0xf6:
    case 0xf7:
      return [size, f === 2 || f === 3];
    case 0xfe:
    case 0xff:
      if (f <= 1) return writes(size);
      return reads(f === 6 ? ins.word : 8);
    default:
      return undefined;
  }
}

/** By opcode d8.. and field: size, negative when it is written. 0: no such. */
const X87: readonly (readonly number[])[] = [
  [4, 4, 4, 4, 4, 4, 4, 4],
  [4, 0, -4, -4, 28, 2, -28, -2],
  [4, 4, 4, 4, 4, 4, 4, 4],
  [4, -4, -4, -4, 0, 10, 0, -10],
  [8, 8, 8, 8, 8, 8, 8, 8],
  [8, -8, -8, -8, 108, 0, -108, -2],
  [2, 2, 2, 2, 2, 2, 2, 2],
  [2, -2, -2, -2, 10, 8, -10, -8],
];

function x87(opcode: number, f: number): Operand | undefined {
  const size = X87[opcode - 0xd8]?.[f] ?? 0;
  return size === 0 ? undefined : [Math.abs(size), size < 0];
}

/** The same behind 0f. */
function secondMap(ins: Instruction, opcode: number): Operand | undefined {
  const { prefix, size, vector, float } = ins;
  const wide = (ins.rex & 8) !== 0 ? 8 : 4;
  const f = field(ins);
  if (opcode >= 0x40 && opcode <= 0x4f) return reads(size);
  if (opcode >= 0x90 && opcode <= 0x9f) return writes(1);
  if (opcode >= 0x51 && opcode <= 0x5f) return reads(opcode === 0x5a && prefix === 0 ? 8 : float);
  if (opcode >= 0x60 && opcode <= 0x62) return reads(prefix === 0 ? 4 : 16);
  if ((opcode >= 0x63 && opcode <= 0x6d) || (opcode >= 0x74 && opcode <= 0x76)) return reads(vector);
  switch (opcode) {
    case 0x10:
    case 0xc2:
      return reads(float);
    case 0x11:
      return writes(float);
    case 0x12:
    case 0x16:
      return reads(prefix === 0xf3 ? 16 : 8);
    case 0x13:
    case 0x17:
      return writes(8);
    case 0x14:
    case 0x15:
    case 0x28:
    case 0xc6:
      return reads(16);
    case 0x29:
    case 0x2b:
      return writes(16);
    case 0x2a:
      return reads(prefix === 0xf2 || prefix === 0xf3 ? wide : 8);
    case 0x2c:
    case 0x2d:
      return reads(prefix === 0 ? 8 : float);
    case 0x2e:
    case 0x2f:
      return reads(prefix === 0 ? 4 : 8);
    case 0x6e:
      return reads(wide);
    case 0x6f:
    case 0x70:
      return reads(vector);
    case 0x7e:
      return prefix === 0xf3 ? reads(8) : writes(wide);
    case 0x7f:
    case 0xe7:
      return writes(vector);
    case 0xa3:
    case 0xaf:
      return reads(size);
    case 0xa4:
    case 0xa5:
    case 0xab:
    case 0xac:
    case 0xad:
    case 0xb1:
    case 0xb3:
    case 0xbb:
    case 0xc1:
      return writes(size);
    case 0xb0:
    case 0xc0:
      return writes(1);
    case 0xb6:
    case 0xbe:
      return reads(1);
    case 0xb7:
    case 0xbf:
    case 0xc4:
      return reads(2);
    case 0xba:
      return [size, f !== 4];
    case 0xbc:
    case 0xbd:
      return reads(size);
    case 0xae:
      return f === 0
        ? writes(512)
        : f === 1
          ? reads(512)
          : f === 2
            ? reads(4)
            : f === 3
              ? writes(4)
              : undefined;
    case 0xc3:
      return writes(wide);
    case 0xc7:
      return f === 1 ? writes(wide * 2) : undefined;
    case 0xd6:
      return writes(8);
    case 0xe6:
      return reads(prefix === 0xf3 ? 8 : 16);
    default:
      return opcode >= 0xd1 && opcode <= 0xfe ? reads(vector) : undefined;
  }
}

/** BT and its kin with a register: bits lie before and behind the operand. */
function bitOffset(ins: Instruction, opcode: number, before: Before): bigint {
  if (opcode !== 0xa3 && opcode !== 0xab && opcode !== 0xb3 && opcode !== 0xbb) return 0n;
  const bits = BigInt.asIntN(ins.size * 8, reg(before, field(ins) | ((ins.rex & 4) << 1)));
  return (bits >> BigInt(31 - Math.clz32(ins.size * 8))) * BigInt(ins.size);
}

const segment = (ins: Instruction, before: Before): bigint =>
  ins.hasSegment === 0x64 ? before.fsBase : ins.hasSegment === 0x65 ? before.gsBase : 0n;

const narrow = (ins: Instruction, va: bigint): bigint => (ins.address32 ? BigInt.asUintN(32, va) : va);

/** RSI obeys a segment prefix, RDI does not. */
const stringAddress = (ins: Instruction, before: Before, pointer: number): bigint =>
  narrow(ins, reg(before, pointer)) + (pointer === RSI ? segment(ins, before) : 0n);

function offsetAddress(ins: Instruction, before: Before): bigint {
  const view = new DataView(ins.code.buffer, ins.code.byteOffset, ins.code.byteLength);
  const va = ins.address32 ? BigInt(view.getUint32(ins.at, true)) : view.getBigUint64(ins.at, true);
  return va + segment(ins, before);
}

function effective(ins: Instruction, before: Before): bigint {
  const modrm = ins.byte(ins.at);
  const mod = modrm >> 6;
  const view = new DataView(ins.code.buffer, ins.code.byteOffset, ins.code.byteLength);
  let at = ins.at + 1;
  let va = 0n;
  let base: number | undefined = (modrm & 7) | ((ins.rex & 1) << 3);
  let displacement = mod === 1 ? 1 : mod === 2 ? 4 : 0;
  if ((modrm & 7) === 4) {
    const sib = ins.byte(at++);
    const index = ((sib >> 3) & 7) | ((ins.rex & 2) << 2);
    if (index !== 4) va += reg(before, index) << BigInt(sib >> 6);
    base = (sib & 7) | ((ins.rex & 1) << 3);
    if ((sib & 7) === 5 && mod === 0) {
      base = undefined;
      displacement = 4;
    }
  } else if ((modrm & 7) === 5 && mod === 0) {
    base = undefined;
    displacement = 4;
    // A jump or call has gone elsewhere; it has nothing behind the displacement.
    va = ins.byte(ins.at - 1) === 0xff ? before.rip + BigInt(ins.at + 5) : before.next;
  }
  if (base !== undefined) va += reg(before, base);
  if (displacement === 1) va += BigInt(view.getInt8(at));
  else if (displacement === 4) va += BigInt(view.getInt32(at, true));
  return narrow(ins, BigInt.asUintN(64, va)) + segment(ins, before);
}

export const isPushf = (code: Uint8Array): boolean => opcodeOf(code) === 0x9c;
export const isPopf = (code: Uint8Array): boolean => opcodeOf(code) === 0x9d;

function opcodeOf(code: Uint8Array): number {
  const ins = new Instruction(code);
  return ins.byte(ins.at);
}
