/**
 * Random programs that run round and round: blocks of instructions of all integer families, joined by branches, loops and
 * calls, over several pages of code. They need not make sense, only to do the same in both tiers.
 */
import { CODE, CODE_MFN, DATA, DATA_MFN, P, type Rig, STACK, STACK_MFN, U, W } from "../rig.ts";

export type Random = (below: number) => number;

export function generator(seed: number): Random {
  let s = seed;
  return (below) => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The code is writable here. */
export const ALIAS = DATA + 0x10_0000;
export const CODE_PAGES = 4;
export const DATA_PAGES = 4;

/** Always point to data, but for the few instructions that break the rule: rbx, rsi, rdi, r12. */
const POINTERS = [3, 6, 7, 12];
const OTHERS = [0, 1, 2, 5, 8, 9, 10, 11, 13, 14];

export interface Program {
  readonly code: Uint8Array;
  /** Offsets at which blocks begin. */
  readonly starts: readonly number[];
}

class Builder {
  readonly random: Random;
  readonly bytes: number[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random(list.length)] as T;
  }

  /** A destination: rarely a pointer. */
  register(): number {
    return this.random(60) === 0 ? this.pick(POINTERS) : this.pick(OTHERS);
  }

  imm(bytes: number): number[] {
    const kind = this.random(4);
    const small = (this.random(256) << 24) >> 24;
    return Array.from({ length: bytes }, (_, i) => {
      if (kind === 0) return i === bytes - 1 ? 0x7f + this.random(2) : this.random(2) * 0xff;
      if (kind === 1) return this.random(256);
      return i === 0 ? small & 0xff : small < 0 ? 0xff : 0;
    });
  }

  /** ModRM and what follows for memory; `rex` gets the bits of base and index. */
  memory(reg: number): { rex: number; tail: number[] } {
    const base = this.pick(POINTERS);
    const rex = ((reg >> 3) << 2) | (base >> 3);
    const r = (reg & 7) << 3;
    switch (this.random(8)) {
      case 0: {
        // page crossings, and once in a while nothing is there
        const disp = this.random(40) === 0 ? 0x5000 : 0xff0 + this.random(32);
        const d = [disp & 0xff, disp >> 8, 0, 0];
        return { rex, tail: (base & 7) === 4 ? [0x80 | r | 4, 0x24, ...d] : [0x80 | r | (base & 7), ...d] };
      }
      case 1: {
        // base + scaled index: r15 is small
        const scale = this.random(4) << 6;
        return { rex: rex | 2, tail: [0x44 | r, scale | (7 << 3) | (base & 7), this.random(64)] };
      }
      case 2: {
        // [rip + disp32] is far from here: patched by the caller's position; use an absolute address
        const at = DATA + 8 * this.random(64) + this.random(2);
        return {
          rex: (reg >> 3) << 2,
          tail: [0x04 | r, 0x25, at & 0xff, (at >> 8) & 0xff, (at >> 16) & 0xff, 0],
        };
      }
      default: {
        const disp = this.random(128);
        return { rex, tail: (base & 7) === 4 ? [0x44 | r, 0x24, disp] : [0x40 | r | (base & 7), disp] };
      }
    }
  }

  /** One instruction with ModRM. `size` in bytes. */
  modrm(
    opcode: readonly number[],
    size: number,
    reg: number,
    tail: readonly number[] = [],
    inMemory = this.random(3) === 0,
    prefix: readonly number[] = [],
  ): void {
    let rex = size === 8 ? 8 : 0;
    let operand: number[];
    if (inMemory) {
      const m = this.memory(reg);
      rex |= m.rex;
      operand = m.tail;
    } else {
      const rm = this.register();
      rex |= ((reg >> 3) << 2) | (rm >> 3);
      operand = [0xc0 | ((reg & 7) << 3) | (rm & 7)];
    }
    // without REX the byte registers 4…7 are AH, CH, DH, BH
    if (size === 1 && this.random(2)) rex |= 0x40;
    const segment = inMemory && this.random(12) === 0 ? [0x64 + this.random(2)] : [];
    const short = inMemory && this.random(20) === 0 ? [0x67] : [];
    this.bytes.push(...segment, ...short, ...(size === 2 ? [0x66] : []), ...prefix);
    if (rex) this.bytes.push(0x40 | rex);
    this.bytes.push(...opcode, ...operand, ...tail);
  }

  size(): number {
    return this.pick([1, 2, 4, 4, 4, 8, 8, 8]);
  }

  wideSize(): number {
    return this.pick([2, 4, 4, 8, 8]);
  }

  instruction(): void {
    const { random } = this;
    const n = this.size();
    const w = n === 1 ? 0 : 1;
    const r = this.register();
    const z = Math.min(n, 4);
    switch (random(34)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: {
        const alu = random(8);
        const form = random(4);
        if (form === 0) this.modrm([(alu << 3) | w], n, r);
        else if (form === 1) this.modrm([(alu << 3) | 2 | w], n, r);
        else if (form === 2) this.modrm([n === 1 ? 0x80 : 0x83], n, alu, this.imm(1));
        else this.modrm([0x80 | w], n, alu, this.imm(z));
        break;
      }
      case 6:
        this.modrm([0x84 | w], n, r);
        break;
      case 7:
      case 8:
        this.modrm([0x88 | w], n, r);
        break;
      case 9:
      case 10:
        this.modrm([0x8a | w], n, r);
        break;
      case 11:
        this.modrm([0xc6 | w], n, 0, this.imm(z));
        break;
      case 12:
        this.modrm([0xfe | w], n, random(2));
        break;
      case 13:
        this.modrm([0xf6 | w], n, 2 + random(2));
        break;
      case 14:
        this.modrm([0xf6 | w], n, 0, this.imm(z));
        break;
      case 15:
        this.modrm([0xf6 | w], n, 4 + random(2));
        break;
      case 16:
        this.modrm([0x0f, this.pick([0xb6, 0xb7, 0xbe, 0xbf])], this.wideSize(), r);
        break;
      case 17:
        this.modrm([0x63], 8, r);
        break;
      case 18:
        this.modrm([0x8d], this.wideSize(), r, [], true);
        break;
      case 19:
        this.modrm([0x0f, 0x40 | random(16)], this.wideSize(), r);
        break;
      case 20:
        this.modrm([0x0f, 0x90 | random(16)], 1, 0);
        break;
      case 21:
      case 22: {
        const kind = random(8);
        const form = random(4);
        if (form < 2) this.modrm([0xc0 | w], n, kind, [random(70)]);
        else this.modrm([(form === 2 ? 0xd0 : 0xd2) | w], n, kind);
        break;
      }
      case 23:
        if (random(2)) this.modrm([0x0f, 0xaf], this.wideSize(), r);
        else this.modrm([0x6b], this.wideSize(), r, this.imm(1));
        break;
      case 24: {
        const kind = 4 + random(4);
        if (random(2)) this.modrm([0x0f, 0xba], this.wideSize(), kind, [random(256)]);
        else this.modrm([0x0f, 0x83 | (kind << 3)], this.wideSize(), r, [], false);
        break;
      }
      case 25:
        this.modrm([0x0f, this.pick([0xa4, 0xac])], this.wideSize(), r, [random(70)]);
        break;
      case 26:
        this.modrm([0x0f, this.pick([0xbc, 0xbd])], this.wideSize(), r);
        break;
      case 27:
        this.modrm([this.pick([0x86, 0x87]) & (0xfe | w)], n, r);
        break;
      case 28:
        this.modrm([0x0f, this.pick([0xb0, 0xc0]) | w], n, r, [], random(2) === 0);
        break;
      case 29: {
        // bswap, cdqe, cdq, cqo, mov immediate, xchg, lahf, sahf, clc, stc, cmc
        const x = this.pick(OTHERS);
        const rex = 0x40 | (x >> 3) | (random(2) << 3);
        this.bytes.push(
          ...this.pick([
            [rex, 0x0f, 0xc8 | (x & 7)],
            [0x48, 0x98],
            [0x98],
            [0x66, 0x98],
            [0x99],
            [0x48, 0x99],
            [0x48 | (x >> 3), 0xb8 | (x & 7), ...this.imm(8)],
            [0x40 | (x >> 3), 0xb8 | (x & 7), ...this.imm(4)],
            [0x40 | (x >> 3), 0xb0 | (x & 7), ...this.imm(1)],
            [rex, 0x90 | (x & 7)],
            [0x9f],
            [0x9e],
            [0xf8],
            [0xf9],
            [0xf5],
            [0x0f, 0x31],
            [0xa9, ...this.imm(4)],
            [0x90],
          ]),
        );
        break;
      }
      case 30: {
        // the stack: what is pushed is popped
        const x = this.pick(OTHERS);
        const y = this.pick(OTHERS);
        const rex = (v: number): number[] => (v > 7 ? [0x41] : []);
        this.bytes.push(
          ...this.pick([[...rex(x), 0x50 | (x & 7)], [0x6a, ...this.imm(1)], [0x68, ...this.imm(4)], [0x9c]]),
        );
        if (random(3)) this.plain();
        this.bytes.push(
          ...this.pick([
            [...rex(y), 0x58 | (y & 7)],
            [0x48, 0x8d, 0x64, 0x24, 0x08],
          ]),
        );
        break;
      }
      case 31:
        // string instructions, rarely with REP; the pointers come back
        this.bytes.push(0x56, 0x57);
        if (random(4) === 0) this.bytes.push(0xb9, random(40), 0, 0, 0, this.pick([0xf3, 0xf2]));
        if (random(2)) this.bytes.push(0x48);
        this.bytes.push(this.pick([0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xa6, 0xa7, 0xae, 0xaf]));
        this.bytes.push(0x5f, 0x5e);
        break;
      case 32:
        // vectors
        this.modrm(
          [0x0f, this.pick([0x10, 0x11, 0x6f, 0x7f, 0xef, 0xd4, 0xfe, 0x6e, 0x7e, 0xd6])],
          4,
          r & 7,
          [],
          true,
          [0x66],
        );
        break;
      default:
        // writes to code: an immediate somewhere
        if (random(6) === 0) {
          const at = ALIAS + random(CODE_PAGES * 4096);
          this.bytes.push(
            0xfe,
            0x04,
            0x25,
            at & 0xff,
            (at >> 8) & 0xff,
            (at >> 16) & 0xff,
            (at >> 24) & 0xff,
          );
        } else if (random(2)) this.equal();
        else this.plain();
    }
  }

  /** Operands that are often equal. */
  equal(): void {
    const x = this.pick(OTHERS);
    const n = this.pick([1, 2, 4, 8]);
    const rex = 0x40 | (n === 8 ? 8 : 0) | (x >> 3);
    const head = n === 2 ? [0x66, rex] : [rex];
    const opcode = n === 1 ? 0x80 : 0x83;
    this.bytes.push(...head, opcode, 0xe0 | (x & 7), this.pick([1, 3, 0x80]));
    this.bytes.push(
      ...head,
      opcode,
      this.pick([0xf8, 0xf8, 0xe8, 0xc0]) | (x & 7),
      this.pick([0, 1, 2, 0x80, 0x7f]),
    );
    this.bytes.push(0x0f, 0x90 | this.random(16), 0xc0 | this.random(3));
  }

  /** What cannot fault. */
  plain(): void {
    const n = this.wideSize();
    this.modrm([(this.random(8) << 3) | 1], n, this.register(), [], false);
  }
}

/** `selfModifying`: it writes to its own code. */
export function randomProgram(random: Random, selfModifying: boolean): Program {
  const b = new Builder(random);
  const starts: number[] = [];
  const jumps: { at: number; to: number }[] = [];
  const count = 8 + random(16);
  const functions = 2 + random(3);
  const rel32 = (to: number): void => {
    jumps.push({ at: b.bytes.length, to });
    b.bytes.push(0, 0, 0, 0);
  };
  const instruction = (): void => {
    const before = b.bytes.length;
    b.instruction();
    // "fe 04 25": an INC of code
    if (
      !selfModifying &&
      b.bytes[before] === 0xfe &&
      b.bytes[before + 1] === 0x04 &&
      b.bytes[before + 2] === 0x25
    )
      b.bytes.length = before;
  };
  for (let i = 0; i < count; i++) {
    // blocks lie anywhere in the pages, some across their border
    if (random(4) === 0 && b.bytes.length < (CODE_PAGES - 2) * 4096) {
      const next = (b.bytes.length + random(2000)) | 0;
      while (b.bytes.length < next) b.bytes.push(0x90);
    }
    starts.push(b.bytes.length);
    const isFunction = i >= count - functions;
    for (let k = 1 + random(8); k > 0; k--) instruction();
    if (isFunction) {
      if (random(3) === 0) {
        // a loop in a function
        b.bytes.push(0x41, 0xbf, 1 + random(6), 0, 0, 0);
        const top = b.bytes.length;
        instruction();
        b.bytes.push(0x41, 0xff, 0xcf);
        b.bytes.push(0x0f, 0x85);
        jumps.push({ at: b.bytes.length, to: -1 - top });
        b.bytes.push(0, 0, 0, 0);
      }
      b.bytes.push(0xc3);
      continue;
    }
    const target = (): number => random(count - functions);
    const exits = 1 + random(3);
    for (let k = 0; k < exits; k++) {
      switch (random(6)) {
        case 0:
          b.bytes.push(0xe8);
          rel32(count - 1 - random(functions));
          break;
        case 1: {
          // a short loop of its own; r15 counts, and stays a small index
          b.bytes.push(0x41, 0xbf, 1 + random(12), 0, 0, 0);
          const top = b.bytes.length;
          instruction();
          instruction();
          b.bytes.push(0x41, 0xff, 0xcf, 0x0f, 0x85);
          jumps.push({ at: b.bytes.length, to: -1 - top });
          b.bytes.push(0, 0, 0, 0);
          break;
        }
        case 2:
          // indirect, through rax
          b.bytes.push(0x50, 0x48, 0x8d, 0x05);
          rel32(target());
          b.bytes.push(0x48, 0x89, 0x44, 0x24, 0xf8, 0x58, 0xff, 0x64, 0x24, 0xf0);
          break;
        default:
          b.bytes.push(0x0f, 0x80 | random(16));
          rel32(target());
      }
      if (random(2)) instruction();
    }
    b.bytes.push(0xe9);
    rel32(target());
  }
  const code = Uint8Array.from(b.bytes.slice(0, CODE_PAGES * 4096));
  const view = new DataView(code.buffer);
  for (const { at, to } of jumps) {
    if (at + 4 > code.length) continue;
    view.setInt32(at, (to < 0 ? -1 - to : (starts[to] as number)) - (at + 4), true);
  }
  return { code, starts: starts.filter((at) => at < code.length) };
}

/** Registers and memory as programs want them. */
export function prepare(rig: Rig, program: Program, random: Random): void {
  rig.map(CODE, CODE_MFN, P | U, CODE_PAGES);
  rig.map(ALIAS, CODE_MFN, P | W | U, CODE_PAGES);
  rig.map(DATA, DATA_MFN, P | W | U, DATA_PAGES);
  rig.map(STACK - 0x2000, STACK_MFN - 1, P | W | U, 2);
  rig.write(CODE_MFN, 0, program.code);
  const data = Uint8Array.from({ length: DATA_PAGES * 4096 }, () => random(256));
  rig.write(DATA_MFN, 0, data);
  reset(rig, program, random);
}

/** Two pages of the code change places. */
export function exchangePages(rig: Rig, a: number, b: number): void {
  const [x, y] = [rig.getEntry(CODE + a * 4096), rig.getEntry(CODE + b * 4096)];
  rig.setEntry(CODE + a * 4096, y);
  rig.setEntry(CODE + b * 4096, x);
  rig.engine.flushTlb();
}

/** After a fault, or at first: all registers, RIP at some block. */
export function reset(rig: Rig, program: Program, random: Random): void {
  for (let r = 0; r < 16; r++) {
    const value = random(3) === 0 ? random(256) : random(2 ** 32) * 2 ** 32 + random(2 ** 32);
    rig.set64(8 * r, BigInt.asUintN(64, BigInt(value)));
  }
  for (const r of POINTERS) rig.set64(8 * r, BigInt(DATA + 256 + random(0x1000)));
  rig.setReg("rsp", STACK - 0x400);
  rig.setReg("r15", random(16));
  rig.set64(0x80, BigInt(CODE + (program.starts[random(program.starts.length)] as number)));
}
