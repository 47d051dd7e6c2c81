/** Integer arithmetic, logic, moves, shifts, bits. SDM volume 2 is the source of every mask. */
import { AF, CF, OF, PF, SF, STATUS, ZF } from "../case.ts";
import type { Builder } from "./builder.ts";
import type { Row } from "./row.ts";
import { integer } from "./values.ts";

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;

const bits = (b: Builder): number => 8 * b.size;

/** Both operands related, so that equality and carries happen. */
function kin(b: Builder): void {
  const v = integer(b.rng);
  const other = b.rng.chance(0.3) ? v + BigInt(b.rng.below(3) - 1) : integer(b.rng);
  b.setRm(BigInt.asUintN(bits(b), v));
  if (b.row.ext === undefined) b.setOperand(b.reg, BigInt.asUintN(bits(b), other));
}

const ALU = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];

function alu(): Row[] {
  const rows: Row[] = [];
  ALU.forEach((op, n) => {
    const undefinedFlags = op === "or" || op === "and" || op === "xor" ? AF : 0;
    const lock = op !== "cmp";
    const access = op === "cmp" ? "r" : "rw";
    const common = { undefinedFlags, finish: kin } as const;
    const o = n << 3;
    rows.push(
      { ...common, name: `${op} Eb,Gb`, opcode: [o], sizing: "b", modrm: "rm", lock, access, weight: 0.5 },
      { ...common, name: `${op} Ev,Gv`, opcode: [o + 1], sizing: "v", modrm: "rm", lock, access },
      { ...common, name: `${op} Gb,Eb`, opcode: [o + 2], sizing: "b", modrm: "rm", weight: 0.5 },
      { ...common, name: `${op} Gv,Ev`, opcode: [o + 3], sizing: "v", modrm: "rm" },
      { undefinedFlags, name: `${op} AL,Ib`, opcode: [o + 4], sizing: "b", imm: "b", weight: 0.3 },
      { undefinedFlags, name: `${op} eAX,Iz`, opcode: [o + 5], sizing: "v", imm: "z", weight: 0.3 },
      {
        ...common,
        name: `${op} Eb,Ib`,
        opcode: [0x80],
        ext: n,
        sizing: "b",
        modrm: "rm",
        imm: "b",
        lock,
        access,
        weight: 0.5,
      },
      {
        ...common,
        name: `${op} Ev,Iz`,
        opcode: [0x81],
        ext: n,
        sizing: "v",
        modrm: "rm",
        imm: "z",
        lock,
        access,
        weight: 0.7,
      },
      {
        ...common,
        name: `${op} Ev,Ibs`,
        opcode: [0x83],
        ext: n,
        sizing: "v",
        modrm: "rm",
        imm: "b",
        lock,
        access,
        weight: 0.7,
      },
    );
  });
  const test = { undefinedFlags: AF, finish: kin } as const;
  rows.push(
    { ...test, name: "test Eb,Gb", opcode: [0x84], sizing: "b", modrm: "rm" },
    { ...test, name: "test Ev,Gv", opcode: [0x85], sizing: "v", modrm: "rm" },
    { undefinedFlags: AF, name: "test AL,Ib", opcode: [0xa8], sizing: "b", imm: "b", weight: 0.3 },
    { undefinedFlags: AF, name: "test eAX,Iz", opcode: [0xa9], sizing: "v", imm: "z", weight: 0.3 },
    { ...test, name: "test Eb,Ib", opcode: [0xf6], ext: 0, sizing: "b", modrm: "rm", imm: "b" },
    { ...test, name: "test Ev,Iz", opcode: [0xf7], ext: 0, sizing: "v", modrm: "rm", imm: "z" },
    {
      ...test,
      name: "test Eb,Ib (/1)",
      opcode: [0xf6],
      ext: 1,
      sizing: "b",
      modrm: "rm",
      imm: "b",
      weight: 0.2,
    },
    {
      ...test,
      name: "test Ev,Iz (/1)",
      opcode: [0xf7],
      ext: 1,
      sizing: "v",
      modrm: "rm",
      imm: "z",
      weight: 0.2,
    },
  );
  for (const [op, ext, b, v] of [
    ["inc", 0, 0xfe, 0xff],
    ["dec", 1, 0xfe, 0xff],
    ["not", 2, 0xf6, 0xf7],
    ["neg", 3, 0xf6, 0xf7],
  ] as const) {
    rows.push(
      { name: `${op} Eb`, opcode: [b], ext, sizing: "b", modrm: "rm", lock: true, access: "rw", finish: kin },
      { name: `${op} Ev`, opcode: [v], ext, sizing: "v", modrm: "rm", lock: true, access: "rw", finish: kin },
    );
  }
  return rows;
}

const SHIFTS = ["rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"];

/** Undefined flags and nothing else depend on the count. */
function shiftMask(b: Builder, op: string, rawCount: number): void {
  const count = rawCount & (b.size === 8 ? 63 : 31);
  b.undefinedFlags = 0;
  if (count === 0) return;
  if (count > 1) b.undefinedFlags |= OF;
  if (op.startsWith("s")) b.undefinedFlags |= AF;
  if ((op === "shl" || op === "sal" || op === "shr") && count >= bits(b)) b.undefinedFlags |= CF;
}

function shifts(): Row[] {
  const rows: Row[] = [];
  const count = (b: Builder): void => {
    const n = b.rng.chance(0.5)
      ? BigInt(b.rng.below(70))
      : BigInt(b.rng.pick([0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255]));
    b.fix(RCX, (b.rng.u64() & ~0xffn) | n);
  };
  SHIFTS.forEach((op, ext) => {
    const common = { modrm: "rm", ext, access: "rw" } as const;
    const one = (b: Builder): void => {
      b.setRm(BigInt.asUintN(bits(b), integer(b.rng)));
      shiftMask(b, op, 1);
    };
    const byCl = (b: Builder): void => {
      if (b.rm !== RCX) b.setRm(BigInt.asUintN(bits(b), integer(b.rng)));
      shiftMask(b, op, Number(b.gpr(RCX) & 0xffn));
    };
    const byImm = (b: Builder): void => {
      b.setRm(BigInt.asUintN(bits(b), integer(b.rng)));
      shiftMask(b, op, Number(b.imm));
    };
    const small = op === "sal" ? 0.3 : 1;
    rows.push(
      { ...common, name: `${op} Eb,1`, opcode: [0xd0], sizing: "b", weight: small * 0.5, finish: one },
      { ...common, name: `${op} Ev,1`, opcode: [0xd1], sizing: "v", weight: small * 0.7, finish: one },
      {
        ...common,
        name: `${op} Eb,CL`,
        opcode: [0xd2],
        sizing: "b",
        weight: small,
        setup: count,
        finish: byCl,
      },
      {
        ...common,
        name: `${op} Ev,CL`,
        opcode: [0xd3],
        sizing: "v",
        weight: small,
        setup: count,
        finish: byCl,
      },
      {
        ...common,
        name: `${op} Eb,Ib`,
        opcode: [0xc0],
        sizing: "b",
        imm: "b",
        weight: small * 0.6,
        finish: byImm,
      },
      { ...common, name: `${op} Ev,Ib`, opcode: [0xc1], sizing: "v", imm: "b", weight: small, finish: byImm },
    );
  });
  for (const [op, opcode] of [
    ["shld", 0xa4],
    ["shrd", 0xac],
  ] as const) {
    const double = (b: Builder, raw: number): void => {
      if (!b.fixed.has(b.rm)) b.setRm(BigInt.asUintN(bits(b), integer(b.rng)));
      const n = raw & (b.size === 8 ? 63 : 31);
      if (n === 0) return;
      b.undefinedFlags = AF | (n > 1 ? OF : 0);
      if (n > bits(b)) {
        b.undefinedFlags = STATUS;
        if (b.rm >= 0) b.undefinedGpr.set(b.rm, 0xffffn);
        else b.ignoreMemory(b.address, 2);
      }
    };
    rows.push(
      {
        name: `${op} Ev,Gv,Ib`,
        opcode: [0x0f, opcode],
        sizing: "v",
        modrm: "rm",
        imm: "b",
        access: "rw",
        weight: 1.5,
        finish: (b) => double(b, Number(b.imm)),
      },
      {
        name: `${op} Ev,Gv,CL`,
        opcode: [0x0f, opcode + 1],
        sizing: "v",
        modrm: "rm",
        access: "rw",
        weight: 1.5,
        setup: count,
        finish: (b) => double(b, Number(b.gpr(RCX) & 0xffn)),
      },
    );
  }
  return rows;
}

function mulDiv(): Row[] {
  const undefinedFlags = SF | ZF | AF | PF;
  /** A dividend for which the quotient mostly fits. */
  const dividend =
    (signed: boolean) =>
    (b: Builder): void => {
      const n = bits(b);
      const cut = (v: bigint): bigint => BigInt.asUintN(n, v);
      const divisor = cut(b.rng.chance(0.06) ? 0n : integer(b.rng));
      const quotient = cut(integer(b.rng));
      const s = (v: bigint): bigint => (signed ? BigInt.asIntN(n, v) : v);
      let whole = s(divisor) * s(quotient);
      if (divisor !== 0n) whole += BigInt(b.rng.u32()) % (divisor < 0n ? -divisor : divisor);
      if (b.rng.chance(0.1)) whole = b.rng.u64() * b.rng.u64();
      if (b.rng.chance(0.05)) whole = -(1n << BigInt(n - 1)) * (b.rng.chance(0.5) ? 1n : -1n);
      if (b.rm !== RAX && b.rm !== RDX && !(b.rm === 4 && n === 8)) b.setRm(divisor);
      if (n === 8) {
        if (!b.fixed.has(RAX)) b.setGpr(RAX, (b.rng.u64() & ~0xffffn) | BigInt.asUintN(16, whole));
        return;
      }
      const mask = (1n << BigInt(n)) - 1n;
      if (!b.fixed.has(RAX)) b.setGpr(RAX, (b.gpr(RAX) & ~mask) | cut(whole));
      if (!b.fixed.has(RDX)) b.setGpr(RDX, (b.gpr(RDX) & ~mask) | cut(whole >> BigInt(n)));
    };
  const rm = { modrm: "rm" } as const;
  return [
    { ...rm, name: "mul Eb", opcode: [0xf6], ext: 4, sizing: "b", undefinedFlags, finish: kin },
    { ...rm, name: "mul Ev", opcode: [0xf7], ext: 4, sizing: "v", undefinedFlags, weight: 2, finish: kin },
    { ...rm, name: "imul Eb", opcode: [0xf6], ext: 5, sizing: "b", undefinedFlags, finish: kin },
    { ...rm, name: "imul Ev", opcode: [0xf7], ext: 5, sizing: "v", undefinedFlags, weight: 2, finish: kin },
    { ...rm, name: "imul Gv,Ev", opcode: [0x0f, 0xaf], sizing: "v", undefinedFlags, weight: 2, finish: kin },
    { ...rm, name: "imul Gv,Ev,Iz", opcode: [0x69], sizing: "v", imm: "z", undefinedFlags, finish: kin },
    { ...rm, name: "imul Gv,Ev,Ibs", opcode: [0x6b], sizing: "v", imm: "b", undefinedFlags, finish: kin },
    {
      ...rm,
      name: "div Eb",
      opcode: [0xf6],
      ext: 6,
      sizing: "b",
      undefinedFlags: STATUS,
      weight: 2,
      finish: dividend(false),
    },
    {
      ...rm,
      name: "div Ev",
      opcode: [0xf7],
      ext: 6,
      sizing: "v",
      undefinedFlags: STATUS,
      weight: 4,
      finish: dividend(false),
    },
    {
      ...rm,
      name: "idiv Eb",
      opcode: [0xf6],
      ext: 7,
      sizing: "b",
      undefinedFlags: STATUS,
      weight: 2,
      finish: dividend(true),
    },
    {
      ...rm,
      name: "idiv Ev",
      opcode: [0xf7],
      ext: 7,
      sizing: "v",
      undefinedFlags: STATUS,
      weight: 4,
      finish: dividend(true),
    },
  ];
}

/** Bit string: the register says how far from the address the bit lies. */
function bitString(b: Builder): void {
  if (b.rm >= 0) return;
  const near = b.rng.chance(0.9);
  const n = near ? BigInt(b.rng.below(4096) - 2048) : BigInt(b.rng.u32() | 0);
  b.setOperand(b.reg, BigInt.asUintN(bits(b), n));
}

function bitOps(): Row[] {
  const undefinedFlags = OF | SF | AF | PF;
  const rows: Row[] = [];
  ["bt", "bts", "btr", "btc"].forEach((op, n) => {
    const lock = op !== "bt";
    const access = lock ? "rw" : "r";
    rows.push(
      {
        name: `${op} Ev,Gv`,
        opcode: [0x0f, 0xa3 + 8 * n],
        sizing: "v",
        modrm: "rm",
        lock,
        access,
        undefinedFlags,
        weight: 1.5,
        finish: bitString,
      },
      {
        name: `${op} Ev,Ib`,
        opcode: [0x0f, 0xba],
        ext: 4 + n,
        sizing: "v",
        modrm: "rm",
        imm: "b",
        lock,
        access,
        undefinedFlags,
      },
    );
  });
  const scan = (b: Builder): void => {
    const v = BigInt.asUintN(bits(b), b.rng.chance(0.15) ? 0n : integer(b.rng));
    b.setRm(v);
    const source = b.rm >= 0 ? b.getOperand(b.rm) : v;
    if (source === 0n) b.undefinedGpr.set(b.reg, b.size === 2 ? 0xffffn : 0xffffffffffffffffn);
  };
  const asOld = (code: Uint8Array): Uint8Array => {
    const prefix = code.indexOf(0xf3);
    return code.map((byte, i) => (i === prefix ? 0x3e : byte));
  };
  const scanFlags = CF | OF | SF | AF | PF;
  for (const [op, opcode] of [
    ["bsf", 0xbc],
    ["bsr", 0xbd],
  ] as const) {
    rows.push(
      {
        name: `${op} Gv,Ev`,
        opcode: [0x0f, opcode],
        sizing: "v",
        modrm: "rm",
        undefinedFlags: scanFlags,
        weight: 1.5,
        finish: scan,
      },
      // TZCNT, LZCNT: F3 means nothing to a processor without them
      {
        name: `rep ${op} Gv,Ev`,
        opcode: [0x0f, opcode],
        mandatory: 0xf3,
        plain: true,
        native: asOld,
        sizing: "v",
        modrm: "r",
        undefinedFlags: scanFlags,
        weight: 0.7,
        finish: scan,
      },
    );
  }
  rows.push({
    name: "bswap",
    opcode: [0x0f, 0xc8],
    plus: true,
    sizing: "v",
    weight: 1.5,
    finish: (b) => {
      if (b.size === 2) b.undefinedGpr.set(b.reg, 0xffffn);
    },
  }); // prettier-ignore
  return rows;
}

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

function moves(): Row[] {
  const rm = { modrm: "rm" } as const;
  const rows: Row[] = [
    { ...rm, name: "mov Eb,Gb", opcode: [0x88], sizing: "b", access: "w" },
    { ...rm, name: "mov Ev,Gv", opcode: [0x89], sizing: "v", access: "w" },
    { ...rm, name: "mov Gb,Eb", opcode: [0x8a], sizing: "b" },
    { ...rm, name: "mov Gv,Ev", opcode: [0x8b], sizing: "v" },
    { ...rm, name: "mov Ev,Sw", opcode: [0x8c], sizing: "v", access: "w", memory: 2, ext: 1, weight: 0.3 },
    {
      ...rm,
      name: "mov Ev,Sw (ss)",
      opcode: [0x8c],
      sizing: "v",
      access: "w",
      memory: 2,
      ext: 2,
      weight: 0.3,
    },
    {
      ...rm,
      name: "mov Ev,Sw (gs)",
      opcode: [0x8c],
      sizing: "v",
      access: "w",
      memory: 2,
      ext: 5,
      weight: 0.3,
    },
    { modrm: "m", name: "lea", opcode: [0x8d], sizing: "v", memory: 0, weight: 2 },
    { name: "mov AL,Ob", opcode: [0xa0], sizing: "b", moffs: true, memory: 1 },
    { name: "mov eAX,Ov", opcode: [0xa1], sizing: "v", moffs: true },
    { name: "mov Ob,AL", opcode: [0xa2], sizing: "b", moffs: true, memory: 1, access: "w" },
    { name: "mov Ov,eAX", opcode: [0xa3], sizing: "v", moffs: true, access: "w" },
    { name: "mov Zb,Ib", opcode: [0xb0], plus: true, sizing: "b", imm: "b" },
    { name: "mov Zv,Iv", opcode: [0xb8], plus: true, sizing: "v", imm: "v" },
    { ...rm, name: "mov Eb,Ib", opcode: [0xc6], ext: 0, sizing: "b", imm: "b", access: "w" },
    { ...rm, name: "mov Ev,Iz", opcode: [0xc7], ext: 0, sizing: "v", imm: "z", access: "w" },
    { ...rm, name: "movzx Gv,Eb", opcode: [0x0f, 0xb6], sizing: "v", memory: 1 },
    { ...rm, name: "movzx Gv,Ew", opcode: [0x0f, 0xb7], sizing: "v", memory: 2 },
    { ...rm, name: "movsx Gv,Eb", opcode: [0x0f, 0xbe], sizing: "v", memory: 1 },
    { ...rm, name: "movsx Gv,Ew", opcode: [0x0f, 0xbf], sizing: "v", memory: 2 },
    // with 66 it is not documented whether the source has 2 or 4 bytes
    { ...rm, name: "movsxd Gv,Ed", opcode: [0x63], sizing: "y", memory: 4, weight: 1.5 },
    { name: "movnti", opcode: [0x0f, 0xc3], modrm: "m", sizing: "y", access: "w", weight: 0.5 },
    { ...rm, name: "xchg Eb,Gb", opcode: [0x86], sizing: "b", lock: true, access: "rw" },
    { ...rm, name: "xchg Ev,Gv", opcode: [0x87], sizing: "v", lock: true, access: "rw" },
    { name: "xchg Zv,eAX", opcode: [0x90], plus: true, sizing: "v", plain: true },
    { ...rm, name: "xadd Eb,Gb", opcode: [0x0f, 0xc0], sizing: "b", lock: true, access: "rw", finish: kin },
    { ...rm, name: "xadd Ev,Gv", opcode: [0x0f, 0xc1], sizing: "v", lock: true, access: "rw", finish: kin },
    {
      ...rm,
      name: "cmpxchg Eb,Gb",
      opcode: [0x0f, 0xb0],
      sizing: "b",
      lock: true,
      access: "rw",
      weight: 1.5,
      finish: equalsAccumulator,
    },
    {
      ...rm,
      name: "cmpxchg Ev,Gv",
      opcode: [0x0f, 0xb1],
      sizing: "v",
      lock: true,
      access: "rw",
      weight: 2,
      finish: equalsAccumulator,
    },
    {
      name: "cmpxchg8b",
      opcode: [0x0f, 0xc7],
      ext: 1,
      modrm: "m",
      sizing: "x",
      plain: true,
      memory: 8,
      lock: true,
      access: "rw",
      weight: 1.5,
      finish: equalsPair,
    },
    { name: "cbw/cwde/cdqe", opcode: [0x98], sizing: "v" },
    { name: "cwd/cdq/cqo", opcode: [0x99], sizing: "v" },
    { name: "cmc", opcode: [0xf5], sizing: "b", weight: 0.3 },
    { name: "clc", opcode: [0xf8], sizing: "b", weight: 0.2 },
    { name: "stc", opcode: [0xf9], sizing: "b", weight: 0.2 },
    { name: "cld", opcode: [0xfc], sizing: "b", weight: 0.2 },
    { name: "std", opcode: [0xfd], sizing: "b", weight: 0.2 },
    { name: "lahf", opcode: [0x9f], sizing: "b", weight: 0.5 },
    { name: "sahf", opcode: [0x9e], sizing: "b", weight: 0.5 },
    {
      name: "xlat",
      opcode: [0xd7],
      sizing: "b",
      weight: 1,
      setup: (b) => {
        const at = b.target(1, "r");
        const index = BigInt(b.rng.below(256));
        b.fix(RAX, (b.rng.u64() & ~0xffn) | index);
        b.fix(
          RBX,
          b.addressSize === 4 ? BigInt.asUintN(32, at - index) | (BigInt(b.rng.u32()) << 32n) : at - index,
        );
      },
    },
    { name: "nop Ev", opcode: [0x0f, 0x1f], ext: 0, modrm: "rm", sizing: "v", memory: 0, weight: 0.5 },
    {
      name: "hint nop 0f19",
      opcode: [0x0f, 0x19],
      ext: 3,
      modrm: "rm",
      sizing: "v",
      memory: 0,
      plain: true,
      weight: 0.2,
    },
    {
      name: "hint nop 0f1d",
      opcode: [0x0f, 0x1d],
      ext: 5,
      modrm: "rm",
      sizing: "v",
      memory: 0,
      plain: true,
      weight: 0.2,
    },
    { name: "endbr64", opcode: [0x0f, 0x1e, 0xfa], mandatory: 0xf3, sizing: "x", plain: true, weight: 0.1 },
    { name: "nop", opcode: [0x90], sizing: "x", plain: true, weight: 0.1 },
    { name: "pause", opcode: [0x90], mandatory: 0xf3, sizing: "x", plain: true, weight: 0.1 },
    { name: "prefetch", opcode: [0x0f, 0x18], ext: 1, modrm: "m", sizing: "x", memory: 0, weight: 0.3 },
    { name: "prefetchnta", opcode: [0x0f, 0x18], ext: 0, modrm: "m", sizing: "x", memory: 0, weight: 0.3 },
    { name: "prefetchw", opcode: [0x0f, 0x0d], ext: 1, modrm: "m", sizing: "x", memory: 0, weight: 0.3 },
    {
      name: "clflush",
      opcode: [0x0f, 0xae],
      ext: 7,
      modrm: "m",
      sizing: "x",
      plain: true,
      memory: 1,
      weight: 0.3,
    },
    { name: "lfence", opcode: [0x0f, 0xae, 0xe8], sizing: "x", plain: true, weight: 0.1 },
    { name: "mfence", opcode: [0x0f, 0xae, 0xf0], sizing: "x", plain: true, weight: 0.1 },
    { name: "sfence", opcode: [0x0f, 0xae, 0xf8], sizing: "x", plain: true, weight: 0.1 },
  ]; // prettier-ignore
  CONDITIONS.forEach((cc, n) => {
    rows.push(
      { ...rm, name: `set${cc}`, opcode: [0x0f, 0x90 + n], sizing: "b", access: "w", weight: 0.5 },
      { ...rm, name: `cmov${cc}`, opcode: [0x0f, 0x40 + n], sizing: "v", weight: 0.5 },
    );
  });
  return rows;
}

function equalsAccumulator(b: Builder): void {
  const v = BigInt.asUintN(bits(b), integer(b.rng));
  if (b.rng.chance(0.5)) {
    b.setRm(v);
    b.setOperand(RAX, v);
  } else kin(b);
}

function equalsPair(b: Builder): void {
  const v = b.rng.u64();
  b.poke64(b.address, v);
  if (b.rng.chance(0.6)) {
    b.setOperand(RAX, v & 0xffffffffn, 4);
    b.setOperand(RDX, v >> 32n, 4);
  }
}

export const integerRows = { alu: alu(), shift: shifts(), "mul-div": mulDiv(), bit: bitOps(), move: moves() };
