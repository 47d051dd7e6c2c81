/**
 * One instruction as bytes (Intel SDM volume 2): which form of a mnemonic takes these operands, then prefixes, REX, opcode,
 * ModRM, SIB, displacement and immediate. Names without a register are addressed relative to rip.
 */
import type { Expr, Lookup } from "./expr.ts";
import { AsmError } from "./lex.ts";
import type { Immediate, Memory, Operand, Register, Size } from "./operand.ts";

/** What an instruction may ask of its surroundings. */
export interface Site {
  /** Address of the instruction's first byte. */
  readonly address: bigint;
  readonly lookup: Lookup;
  /** False while names may still have wrong values: constants that do not fit are cut, not refused. */
  readonly strict: boolean;
  /** True once this jump was seen not to reach with 8 bits. */
  readonly far: boolean;
  /** Called when a short jump does not reach: the next pass takes the long form. */
  readonly tooFar: () => void;
}

interface Form {
  readonly opcode: readonly number[];
  /** The ModRM byte's register field: a register's number or an opcode extension. */
  readonly reg?: Register | number;
  readonly rm?: Register | Memory;
  /** Operand size: 2 adds 66h, 8 adds REX.W. */
  readonly size: Size;
  readonly imm?: Constant;
  /** 64 bits without REX.W (push, pop, call, jmp). */
  readonly defaults64?: boolean;
}

interface Constant {
  readonly expr: Expr;
  readonly bytes: Size;
  /** The processor extends its sign to 64 bits: what needs all 32 unsigned bits does not fit. */
  readonly extended?: boolean;
}

const ALU = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];
const SHIFTS: Readonly<Record<string, number>> = { rol: 0, ror: 1, rcl: 2, rcr: 3, shl: 4, shr: 5, sar: 7 };
/** F6/F7 with one operand. */
const UNARY: Readonly<Record<string, number>> = { not: 2, neg: 3, mul: 4, imul: 5, div: 6, idiv: 7 };
const BITS: Readonly<Record<string, number>> = { bt: 4, bts: 5, btr: 6, btc: 7 };
// biome-ignore format: a table
const CONDITIONS: Readonly<Record<string, number>> = {
  o: 0, no: 1, b: 2, c: 2, nae: 2, ae: 3, nb: 3, nc: 3, e: 4, z: 4, ne: 5, nz: 5, be: 6, na: 6, a: 7, nbe: 7,
  s: 8, ns: 9, p: 10, np: 11, l: 12, nge: 12, ge: 13, nl: 13, le: 14, ng: 14, g: 15, nle: 15,
};
/** Instructions without operands. */
// biome-ignore format: a table
const PLAIN: Readonly<Record<string, readonly number[]>> = {
  nop: [0x90], ret: [0xc3], leave: [0xc9], int3: [0xcc], hlt: [0xf4], cld: [0xfc], std: [0xfd], cli: [0xfa], sti: [0xfb],
  clc: [0xf8], stc: [0xf9], pushfq: [0x9c], popfq: [0x9d], cdq: [0x99], cqo: [0x48, 0x99], iretq: [0x48, 0xcf],
  syscall: [0x0f, 0x05], ud2: [0x0f, 0x0b], cpuid: [0x0f, 0xa2], rdtsc: [0x0f, 0x31], rdmsr: [0x0f, 0x32], wrmsr: [0x0f, 0x30],
  swapgs: [0x0f, 0x01, 0xf8], pause: [0xf3, 0x90], lfence: [0x0f, 0xae, 0xe8], mfence: [0x0f, 0xae, 0xf0], sfence: [0x0f, 0xae, 0xf8],
  movsb: [0xa4], movsw: [0x66, 0xa5], movsd: [0xa5], movsq: [0x48, 0xa5], cmpsb: [0xa6], stosb: [0xaa], stosw: [0x66, 0xab],
  stosd: [0xab], stosq: [0x48, 0xab], lodsb: [0xac], lodsd: [0xad], lodsq: [0x48, 0xad], scasb: [0xae],
};
export const PREFIXES: Readonly<Record<string, number>> = {
  lock: 0xf0,
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
  repne: 0xf2,
  repnz: 0xf2,
};

/** The bytes of `mnemonic operands` at `site`; AsmError when no form takes them. */
export function encode(mnemonic: string, operands: readonly Operand[], site: Site): Uint8Array {
  const plain = PLAIN[mnemonic];
  if (plain !== undefined && operands.length === 0) return Uint8Array.from(plain);
  const jump = encodeJump(mnemonic, operands, site);
  if (jump !== undefined) return jump;
  const form = findForm(mnemonic, operands, site);
  if (form === undefined)
    throw new AsmError(`no form of "${mnemonic}" takes ${operands.map(describe).join(", ") || "nothing"}`);
  return assembleForm(form, site);
}

/** Mnemonics that encode() knows, for "unknown instruction". */
export const isMnemonic = (word: string): boolean =>
  ALU.includes(word) ||
  [PLAIN, SHIFTS, UNARY, BITS].some((table) => Object.hasOwn(table, word)) ||
  /^(mov|movzx|movsx|movsxd|lea|test|inc|dec|push|pop|call|jmp|xchg|cmpxchg|xadd|bsf|bsr|bswap|shrd|shld|int)$/.test(
    word,
  ) ||
  conditionOf(word, "j", "set", "cmov") !== undefined;

function conditionOf(word: string, ...stems: string[]): number | undefined {
  for (const stem of stems)
    if (word.startsWith(stem) && Object.hasOwn(CONDITIONS, word.slice(stem.length)))
      return CONDITIONS[word.slice(stem.length)];
  return undefined;
}

function describe(operand: Operand): string {
  switch (operand.kind) {
    case "reg":
      return operand.name;
    case "mem":
      return operand.size === undefined ? "memory of no stated size" : `memory of ${operand.size * 8} bits`;
    case "imm":
      return "a constant";
  }
}

/** Relative jumps and calls. Short as long as they reach. */
function encodeJump(mnemonic: string, operands: readonly Operand[], site: Site): Uint8Array | undefined {
  const [target] = operands;
  const condition = conditionOf(mnemonic, "j");
  if (operands.length !== 1 || target?.kind !== "imm") return undefined;
  if (mnemonic !== "jmp" && mnemonic !== "call" && condition === undefined) return undefined;
  const to = target.expr.value(site.lookup);
  if (mnemonic !== "call") {
    const near = to - (site.address + 2n);
    if (!site.far && near >= -128n && near <= 127n)
      return Uint8Array.of(
        condition === undefined ? 0xeb : 0x70 + condition,
        Number(BigInt.asUintN(8, near)),
      );
    site.tooFar();
  }
  const head = mnemonic === "call" ? [0xe8] : condition === undefined ? [0xe9] : [0x0f, 0x80 + condition];
  const rel = to - (site.address + BigInt(head.length + 4));
  if (rel !== BigInt.asIntN(32, rel)) throw new AsmError("the target is more than 2 GiB away");
  return Uint8Array.from([...head, ...littleEndian(rel, 4)]);
}

const isReg = (o: Operand | undefined): o is Register => o?.kind === "reg";
const isRm = (o: Operand | undefined): o is Register | Memory => o?.kind === "reg" || o?.kind === "mem";
const isImm = (o: Operand | undefined): o is Immediate => o?.kind === "imm";
/** 0 for the byte form, 1 for the others: the low bit of many opcodes. */
const wide = (size: Size): number => (size === 1 ? 0 : 1);
const fits8 = (imm: Immediate, lookup: Lookup): boolean =>
  !imm.expr.symbolic && imm.size === undefined && isSigned(imm.expr.value(lookup), 8);
const isSigned = (n: bigint, bits: number): boolean => BigInt.asIntN(bits, n) === n;

/** The size both operands agree on; AsmError when they do not. */
function common(a: Register | Memory, b?: Register | Memory): Size {
  const sizes = [a.size, b?.size].filter((size) => size !== undefined);
  if (sizes.length === 0) throw new AsmError("how big is the memory operand? Say byte, word, dword or qword");
  if (sizes.length === 2 && sizes[0] !== sizes[1])
    throw new AsmError(`the operands differ in size: ${describe(a)}, ${b && describe(b)}`);
  return sizes[0] as Size;
}

const immOf = (imm: Immediate, size: Size): Constant => ({
  expr: imm.expr,
  bytes: size === 8 ? 4 : size,
  extended: size === 8,
});

function findForm(mnemonic: string, operands: readonly Operand[], site: Site): Form | undefined {
  const [a, b, c] = operands;
  switch (operands.length) {
    case 1:
      return oneOperand(mnemonic, a as Operand);
    case 2:
      return twoOperands(mnemonic, a as Operand, b as Operand, site);
    case 3:
      if (mnemonic === "imul" && isReg(a) && isRm(b) && isImm(c)) {
        const size = common(a, b);
        const byte = fits8(c, site.lookup);
        return {
          opcode: [byte ? 0x6b : 0x69],
          reg: a,
          rm: b,
          size,
          imm: byte ? { expr: c.expr, bytes: 1 } : immOf(c, size),
        };
      }
      if ((mnemonic === "shrd" || mnemonic === "shld") && isRm(a) && isReg(b) && isImm(c))
        return {
          opcode: [0x0f, mnemonic === "shrd" ? 0xac : 0xa4],
          reg: b,
          rm: a,
          size: common(a, b),
          imm: { expr: c.expr, bytes: 1 },
        };
      return undefined;
    default:
      return undefined;
  }
}

function oneOperand(mnemonic: string, a: Operand): Form | undefined {
  const condition = conditionOf(mnemonic, "set");
  if (condition !== undefined && isRm(a) && (a.size ?? 1) === 1)
    return { opcode: [0x0f, 0x90 + condition], reg: 0, rm: a, size: 1 };
  if (Object.hasOwn(UNARY, mnemonic) && isRm(a)) {
    const size = common(a);
    return { opcode: [0xf6 + wide(size)], reg: UNARY[mnemonic] as number, rm: a, size };
  }
  if ((mnemonic === "inc" || mnemonic === "dec") && isRm(a)) {
    const size = common(a);
    return { opcode: [0xfe + wide(size)], reg: mnemonic === "inc" ? 0 : 1, rm: a, size };
  }
  if (mnemonic === "push" && isImm(a))
    return fits8(a, () => 0n)
      ? { opcode: [0x6a], size: 8, defaults64: true, imm: { expr: a.expr, bytes: 1 } }
      : { opcode: [0x68], size: 8, defaults64: true, imm: immOf(a, 8) };
  if (isReg(a) && a.size === 8 && (mnemonic === "push" || mnemonic === "pop"))
    return {
      opcode: [(mnemonic === "push" ? 0x50 : 0x58) + (a.number & 7)],
      rm: a,
      size: 8,
      defaults64: true,
    };
  if (a.kind === "mem" && (a.size ?? 8) === 8 && (mnemonic === "push" || mnemonic === "pop"))
    return mnemonic === "push"
      ? { opcode: [0xff], reg: 6, rm: a, size: 8, defaults64: true }
      : { opcode: [0x8f], reg: 0, rm: a, size: 8, defaults64: true };
  if ((mnemonic === "call" || mnemonic === "jmp") && isRm(a) && (a.size ?? 8) === 8)
    return { opcode: [0xff], reg: mnemonic === "call" ? 2 : 4, rm: a, size: 8, defaults64: true };
  if (mnemonic === "bswap" && isReg(a) && a.size >= 4)
    return { opcode: [0x0f, 0xc8 + (a.number & 7)], rm: a, size: a.size };
  if (mnemonic === "int" && isImm(a)) return { opcode: [0xcd], size: 4, imm: { expr: a.expr, bytes: 1 } };
  return undefined;
}

function twoOperands(mnemonic: string, a: Operand, b: Operand, site: Site): Form | undefined {
  const alu = ALU.indexOf(mnemonic);
  if (alu >= 0) {
    if (isRm(a) && isReg(b)) return { opcode: [alu * 8 + wide(b.size)], reg: b, rm: a, size: common(a, b) };
    if (isReg(a) && b.kind === "mem")
      return { opcode: [alu * 8 + 2 + wide(a.size)], reg: a, rm: b, size: common(a, b) };
    if (isRm(a) && isImm(b)) {
      const size = common(a);
      if (size === 1) return { opcode: [0x80], reg: alu, rm: a, size, imm: immOf(b, 1) };
      return fits8(b, site.lookup)
        ? { opcode: [0x83], reg: alu, rm: a, size, imm: { expr: b.expr, bytes: 1 } }
        : { opcode: [0x81], reg: alu, rm: a, size, imm: immOf(b, size) };
    }
    return undefined;
  }
  if (Object.hasOwn(SHIFTS, mnemonic) && isRm(a)) {
    const size = common(a);
    const reg = SHIFTS[mnemonic] as number;
    if (isReg(b)) return b.name === "cl" ? { opcode: [0xd2 + wide(size)], reg, rm: a, size } : undefined;
    if (!isImm(b)) return undefined;
    return !b.expr.symbolic && b.expr.value(site.lookup) === 1n
      ? { opcode: [0xd0 + wide(size)], reg, rm: a, size }
      : { opcode: [0xc0 + wide(size)], reg, rm: a, size, imm: { expr: b.expr, bytes: 1 } };
  }
  if (Object.hasOwn(BITS, mnemonic) && isRm(a)) {
    const n = BITS[mnemonic] as number;
    if (isReg(b) && b.size > 1) return { opcode: [0x0f, 0x83 + n * 8], reg: b, rm: a, size: common(a, b) };
    if (isImm(b))
      return { opcode: [0x0f, 0xba], reg: n, rm: a, size: common(a), imm: { expr: b.expr, bytes: 1 } };
    return undefined;
  }
  const condition = conditionOf(mnemonic, "cmov");
  if (condition !== undefined && isReg(a) && a.size > 1 && isRm(b))
    return { opcode: [0x0f, 0x40 + condition], reg: a, rm: b, size: common(a, b) };
  return moves(mnemonic, a, b, site);
}

function moves(mnemonic: string, a: Operand, b: Operand, site: Site): Form | undefined {
  switch (mnemonic) {
    case "mov":
      if (isRm(a) && isReg(b)) return { opcode: [0x88 + wide(b.size)], reg: b, rm: a, size: common(a, b) };
      if (isReg(a) && b.kind === "mem")
        return { opcode: [0x8a + wide(a.size)], reg: a, rm: b, size: common(a, b) };
      return isRm(a) && isImm(b) ? moveConstant(a, b, site) : undefined;
    case "lea":
      return isReg(a) && a.size > 1 && b.kind === "mem"
        ? { opcode: [0x8d], reg: a, rm: b, size: a.size }
        : undefined;
    case "movzx":
    case "movsx": {
      if (!isReg(a) || !isRm(b)) return undefined;
      if (b.size === undefined) throw new AsmError("how big is the source? Say byte or word");
      if (b.size > 2 || b.size >= a.size) return undefined;
      return {
        opcode: [0x0f, (mnemonic === "movzx" ? 0xb6 : 0xbe) + wide(b.size)],
        reg: a,
        rm: b,
        size: a.size,
      };
    }
    case "movsxd":
      return isReg(a) && a.size === 8 && isRm(b) && (b.size ?? 4) === 4
        ? { opcode: [0x63], reg: a, rm: b, size: 8 }
        : undefined;
    case "test":
      if (isRm(a) && isReg(b)) return { opcode: [0x84 + wide(b.size)], reg: b, rm: a, size: common(a, b) };
      if (!isRm(a) || !isImm(b)) return undefined;
      return { opcode: [0xf6 + wide(common(a))], reg: 0, rm: a, size: common(a), imm: immOf(b, common(a)) };
    case "xchg":
      if (isRm(a) && isReg(b)) return { opcode: [0x86 + wide(b.size)], reg: b, rm: a, size: common(a, b) };
      return isReg(a) && b.kind === "mem"
        ? { opcode: [0x86 + wide(a.size)], reg: a, rm: b, size: common(a, b) }
        : undefined;
    case "cmpxchg":
    case "xadd":
      if (!isRm(a) || !isReg(b)) return undefined;
      return {
        opcode: [0x0f, (mnemonic === "xadd" ? 0xc0 : 0xb0) + wide(b.size)],
        reg: b,
        rm: a,
        size: common(a, b),
      };
    case "imul":
    case "bsf":
    case "bsr": {
      const opcode = mnemonic === "imul" ? 0xaf : mnemonic === "bsf" ? 0xbc : 0xbd;
      return isReg(a) && a.size > 1 && isRm(b)
        ? { opcode: [0x0f, opcode], reg: a, rm: b, size: common(a, b) }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** `mov` of a constant: the shortest form that holds it. Names get 32 bits, sign extended, when they fit. */
function moveConstant(a: Register | Memory, b: Immediate, site: Site): Form {
  const size = common(a);
  if (a.kind === "mem") return { opcode: [0xc6 + wide(size)], reg: 0, rm: a, size, imm: immOf(b, size) };
  const opcode = [(size === 1 ? 0xb0 : 0xb8) + (a.number & 7)];
  if (size < 8) return { opcode, rm: a, size, imm: { expr: b.expr, bytes: size } };
  const value = b.expr.value(site.lookup);
  const signed = BigInt.asIntN(64, value);
  if (!b.expr.symbolic && value >= 0n && value <= 0xffff_ffffn)
    return { opcode, rm: a, size: 4, imm: { expr: b.expr, bytes: 4 } };
  if (isSigned(signed, 32)) return { opcode: [0xc7], reg: 0, rm: a, size, imm: immOf(b, 8) };
  return { opcode, rm: a, size, imm: { expr: b.expr, bytes: 8 } };
}

function assembleForm(form: Form, site: Site): Uint8Array {
  const { size, rm } = form;
  const reg = typeof form.reg === "number" ? form.reg : (form.reg?.number ?? 0);
  const out: number[] = size === 2 ? [0x66] : [];
  let rex = size === 8 && !form.defaults64 ? 8 : 0;
  if (reg >= 8) rex |= 4;
  if (rm?.kind === "mem" && (rm.index?.number ?? 0) >= 8) rex |= 2;
  if ((rm?.kind === "reg" ? rm.number : (rm?.base?.number ?? 0)) >= 8) rex |= 1;
  // spl, bpl, sil and dil need a REX byte, or they would be ah … bh.
  const bytes = [form.reg, rm].filter(
    (o): o is Register => typeof o === "object" && o.kind === "reg" && o.size === 1,
  );
  if (rex !== 0 || bytes.some((o) => o.number >= 4 && o.number < 8)) out.push(0x40 | rex);
  out.push(...form.opcode);
  const immBytes = form.imm?.bytes ?? 0;
  if (form.reg !== undefined && rm !== undefined) {
    if (rm.kind === "reg") out.push(0xc0 | ((reg & 7) << 3) | (rm.number & 7));
    else out.push(...modRm(rm, reg & 7, site, site.address + BigInt(out.length + 5 + immBytes)));
  }
  if (form.imm !== undefined) out.push(...constantBytes(form.imm, site));
  return Uint8Array.from(out);
}

/** ModRM, SIB and displacement. `end`: the next instruction's address if this is rip-relative. */
function modRm(m: Memory, reg: number, site: Site, end: bigint): number[] {
  const disp = m.disp.value(site.lookup);
  if (m.base === undefined && m.index === undefined) {
    const rel = m.disp.symbolic ? disp - end : disp;
    if (!isSigned(rel, 32))
      throw new AsmError(
        m.disp.symbolic ? "the memory is more than 2 GiB away" : "the address does not fit 32 bits",
      );
    // Without a name: an absolute address, which needs a SIB byte in 64-bit mode.
    return m.disp.symbolic
      ? [(reg << 3) | 5, ...littleEndian(rel, 4)]
      : [(reg << 3) | 4, 0x25, ...littleEndian(rel, 4)];
  }
  const signed = BigInt.asIntN(64, disp);
  if (!isSigned(signed, 32)) throw new AsmError("the displacement does not fit 32 bits");
  const base = m.base === undefined ? undefined : m.base.number & 7;
  const small = !m.disp.symbolic && isSigned(signed, 8);
  // rbp and r13 cannot stand without a displacement; without a base it is always 32 bits.
  const mode = base === undefined ? 0 : !m.disp.symbolic && signed === 0n && base !== 5 ? 0 : small ? 1 : 2;
  const width = base === undefined ? 4 : mode === 0 ? 0 : mode === 1 ? 1 : 4;
  const tail = littleEndian(signed, width);
  if (m.index === undefined && base !== undefined && base !== 4)
    return [(mode << 6) | (reg << 3) | base, ...tail];
  const scale = { 1: 0, 2: 1, 4: 2, 8: 3 }[m.scale];
  const index = m.index === undefined ? 4 : m.index.number & 7;
  return [(mode << 6) | (reg << 3) | 4, (scale << 6) | (index << 3) | (base ?? 5), ...tail];
}

/** Addresses near the top of memory are small negative numbers to a sign-extended field. */
function constantBytes({ expr, bytes, extended }: Constant, site: Site): number[] {
  const value = expr.value(site.lookup);
  if (!extended) return immediate(value, bytes, site.strict);
  const signed = BigInt.asIntN(64, value);
  if (site.strict && !isSigned(signed, bytes * 8))
    throw new AsmError(`${value} does not fit ${bytes * 8} bits, sign extended to 64`);
  return littleEndian(signed, bytes);
}

/** Signed or unsigned, whichever holds it. */
export function immediate(value: bigint, bytes: number, strict: boolean): number[] {
  const bits = bytes * 8;
  if (!strict) return littleEndian(value, bytes);
  if (value < -(1n << BigInt(bits - 1)) || value >= 1n << BigInt(bits))
    throw new AsmError(`${value} does not fit ${bits} bits`);
  return littleEndian(value, bytes);
}

export function littleEndian(value: bigint, bytes: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < bytes; i++) out.push(Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
  return out;
}
