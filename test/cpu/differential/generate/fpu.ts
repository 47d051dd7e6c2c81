/** x87: every form of D8..DF, and FWAIT. */
import { C0, C1, C2, C3, S_FCW, S_FSW } from "../case.ts";
import type { Builder } from "./builder.ts";
import type { Row } from "./row.ts";

const ARITHMETIC = ["fadd", "fmul", "fcom", "fcomp", "fsub", "fsubr", "fdiv", "fdivr"];
/** C0, C2 and C3 are undefined after all but compares and the like. */
const OTHERS = C0 | C2 | C3;
const undefinedAfter = (op: string): number => (op.startsWith("fcom") ? 0 : OTHERS);

const x87 = { sizing: "x", unit: "x87", plain: true } as const;

/** Memory operand with a float of this size. */
const withFloat =
  (size: number) =>
  (b: Builder): void =>
    b.poke(b.address, b.float(size));

/** Memory operand with an integer. */
const withInteger =
  (size: number) =>
  (b: Builder): void => {
    const v = b.rng.pick([
      0n,
      1n,
      -1n,
      1n << BigInt(8 * size - 1),
      (1n << BigInt(8 * size - 1)) - 1n,
      b.rng.u64(),
      b.rng.u64(),
      BigInt(b.rng.below(2000) - 1000),
    ]);
    b.poke64(b.address, v, size);
  };

function arithmetic(): Row[] {
  const rows: Row[] = [];
  ARITHMETIC.forEach((op, n) => {
    const undefinedFsw = undefinedAfter(op);
    const i = op.replace("f", "fi");
    const m = { ...x87, modrm: "m", ext: n, undefinedFsw } as const;
    rows.push(
      { ...m, name: `${op} m32`, opcode: [0xd8], memory: 4, finish: withFloat(4) },
      { ...m, name: `${op} m64`, opcode: [0xdc], memory: 8, finish: withFloat(8), weight: 1.5 },
      { ...m, name: `${i} m32int`, opcode: [0xda], memory: 4, finish: withInteger(4), weight: 0.7 },
      { ...m, name: `${i} m16int`, opcode: [0xde], memory: 2, finish: withInteger(2), weight: 0.7 },
      { ...x87, name: `${op} st,sti`, opcode: [0xd8], modrm: "r", ext: n, undefinedFsw, weight: 3 },
    );
    if (!op.startsWith("fcom")) {
      const reversed = ["fadd", "fmul", "", "", "fsubr", "fsub", "fdivr", "fdiv"][n] ?? "";
      rows.push(
        { ...x87, name: `${reversed} sti,st`, opcode: [0xdc], modrm: "r", ext: n, undefinedFsw, weight: 2 },
        { ...x87, name: `${reversed}p sti,st`, opcode: [0xde], modrm: "r", ext: n, undefinedFsw, weight: 2 },
      );
    }
  });
  rows.push(
    { ...x87, name: "fsqrt", opcode: [0xd9, 0xfa], undefinedFsw: OTHERS, weight: 3 },
    { ...x87, name: "frndint", opcode: [0xd9, 0xfc], undefinedFsw: OTHERS, weight: 3, finish: nearInteger },
    { ...x87, name: "fscale", opcode: [0xd9, 0xfd], undefinedFsw: OTHERS, weight: 3, finish: smallScale },
    { ...x87, name: "fxtract", opcode: [0xd9, 0xf4], undefinedFsw: OTHERS, weight: 2 },
    { ...x87, name: "fprem", opcode: [0xd9, 0xf8], weight: 3, finish: closeExponents },
    { ...x87, name: "fprem1", opcode: [0xd9, 0xf5], weight: 3, finish: closeExponents },
    { ...x87, name: "fchs", opcode: [0xd9, 0xe0], undefinedFsw: OTHERS },
    { ...x87, name: "fabs", opcode: [0xd9, 0xe1], undefinedFsw: OTHERS },
  );
  return rows;
}

/** A value with a few bits behind the point. */
function nearInteger(b: Builder): void {
  if (b.rng.chance(0.5))
    b.setSt(0, {
      head: (b.rng.u32() & 0x8000) | (0x3ffd + b.rng.below(66)),
      significand: b.rng.u64() | (1n << 63n),
    });
}

function smallScale(b: Builder): void {
  if (b.rng.chance(0.3)) return;
  const exponent = b.rng.below(16);
  b.setSt(1, { head: (b.rng.u32() & 0x8000) | (0x3ffe + exponent), significand: b.rng.u64() | (1n << 63n) });
}

function closeExponents(b: Builder): void {
  if (b.rng.chance(0.3)) return;
  const head = 0x3f80 + b.rng.below(0x100);
  const significand = (): bigint => (b.rng.chance(0.3) ? 3n << 62n : b.rng.u64() | (1n << 63n));
  b.setSt(1, { head: (b.rng.u32() & 0x8000) | head, significand: significand() });
  b.setSt(0, { head: (b.rng.u32() & 0x8000) | (head + b.rng.below(80) - 8), significand: significand() });
}

function comparisons(): Row[] {
  const r = { ...x87, modrm: "r" } as const;
  return [
    { ...x87, name: "fcompp", opcode: [0xde, 0xd9], weight: 2 },
    { ...r, name: "fucom", opcode: [0xdd], ext: 4, weight: 2 },
    { ...r, name: "fucomp", opcode: [0xdd], ext: 5, weight: 2 },
    { ...x87, name: "fucompp", opcode: [0xda, 0xe9], weight: 2 },
    { ...r, name: "fcomi", opcode: [0xdb], ext: 6, undefinedFsw: OTHERS, weight: 2 },
    { ...r, name: "fucomi", opcode: [0xdb], ext: 5, undefinedFsw: OTHERS, weight: 2 },
    { ...r, name: "fcomip", opcode: [0xdf], ext: 6, undefinedFsw: OTHERS, weight: 2 },
    { ...r, name: "fucomip", opcode: [0xdf], ext: 5, undefinedFsw: OTHERS, weight: 2 },
    { ...x87, name: "ftst", opcode: [0xd9, 0xe4], weight: 2 },
    { ...x87, name: "fxam", opcode: [0xd9, 0xe5], weight: 3 },
    ...["b", "e", "be", "u"].flatMap((cc, n): Row[] => [
      { ...r, name: `fcmov${cc}`, opcode: [0xda], ext: n, undefinedFsw: OTHERS },
      { ...r, name: `fcmovn${cc}`, opcode: [0xdb], ext: n, undefinedFsw: OTHERS },
    ]),
  ];
}

/** For stores as integers: something that may fit. */
const integerRange =
  (bits: number) =>
  (b: Builder): void => {
    if (b.rng.chance(0.35)) return;
    const head = (b.rng.u32() & 0x8000) | (0x3ffe + b.rng.below(bits + 2));
    const significand = b.rng.chance(0.3) ? ((1n << 64n) - 1n) << BigInt(b.rng.below(48)) : b.rng.u64();
    b.setSt(0, { head, significand: BigInt.asUintN(64, significand) | (1n << 63n) });
  };

function bcd(b: Builder): void {
  const bytes = new Uint8Array(10);
  const digits = b.rng.below(19);
  for (let i = 0; i < digits; i++) bytes[i >> 1] = (bytes[i >> 1] ?? 0) | (b.rng.below(10) << (4 * (i & 1)));
  bytes[9] = b.rng.chance(0.5) ? 0x80 : 0;
  b.poke(b.address, bytes);
}

function loadsAndStores(): Row[] {
  const m = { ...x87, modrm: "m" } as const;
  const r = { ...x87, modrm: "r" } as const;
  const load = { ...m, undefinedFsw: OTHERS, weight: 2 } as const;
  const store = { ...m, undefinedFsw: OTHERS, access: "w", weight: 2 } as const;
  const registers = { ...r, undefinedFsw: OTHERS } as const;
  const constants = ["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz"];
  return [
    { ...load, name: "fld m32", opcode: [0xd9], ext: 0, memory: 4, finish: withFloat(4) },
    { ...load, name: "fld m64", opcode: [0xdd], ext: 0, memory: 8, finish: withFloat(8) },
    { ...load, name: "fld m80", opcode: [0xdb], ext: 5, memory: 10, finish: withFloat(10) },
    { ...load, name: "fild m16", opcode: [0xdf], ext: 0, memory: 2, finish: withInteger(2) },
    { ...load, name: "fild m32", opcode: [0xdb], ext: 0, memory: 4, finish: withInteger(4) },
    { ...load, name: "fild m64", opcode: [0xdf], ext: 5, memory: 8, finish: withInteger(8) },
    { ...load, name: "fbld", opcode: [0xdf], ext: 4, memory: 10, finish: bcd },
    { ...store, name: "fst m32", opcode: [0xd9], ext: 2, memory: 4 },
    { ...store, name: "fstp m32", opcode: [0xd9], ext: 3, memory: 4 },
    { ...store, name: "fst m64", opcode: [0xdd], ext: 2, memory: 8 },
    { ...store, name: "fstp m64", opcode: [0xdd], ext: 3, memory: 8 },
    { ...store, looseFault: true, name: "fstp m80", opcode: [0xdb], ext: 7, memory: 10 },
    { ...store, name: "fist m16", opcode: [0xdf], ext: 2, memory: 2, finish: integerRange(16) },
    { ...store, name: "fistp m16", opcode: [0xdf], ext: 3, memory: 2, finish: integerRange(16) },
    { ...store, name: "fist m32", opcode: [0xdb], ext: 2, memory: 4, finish: integerRange(32) },
    { ...store, name: "fistp m32", opcode: [0xdb], ext: 3, memory: 4, finish: integerRange(32) },
    { ...store, name: "fistp m64", opcode: [0xdf], ext: 7, memory: 8, finish: integerRange(64) },
    {
      ...store,
      name: "fbstp",
      looseFault: true,
      opcode: [0xdf],
      ext: 6,
      memory: 10,
      finish: integerRange(60),
    },
    { ...registers, name: "fld sti", opcode: [0xd9], ext: 0, weight: 2 },
    { ...registers, name: "fst sti", opcode: [0xdd], ext: 2 },
    { ...registers, name: "fstp sti", opcode: [0xdd], ext: 3, weight: 2 },
    { ...registers, name: "fxch", opcode: [0xd9], ext: 1, weight: 2 },
    ...constants.map((name, i): Row => ({ ...x87, name, opcode: [0xd9, 0xe8 + i], undefinedFsw: OTHERS })),
    // undocumented, old as the 8087
    { ...registers, name: "fstp1 (d9 /3)", opcode: [0xd9], ext: 3, weight: 0.3 },
    { ...r, name: "fcom2 (dc /2)", opcode: [0xdc], ext: 2, weight: 0.3 },
    { ...r, name: "fcomp3 (dc /3)", opcode: [0xdc], ext: 3, weight: 0.3 },
    { ...registers, name: "fxch4 (dd /1)", opcode: [0xdd], ext: 1, weight: 0.3 },
    { ...r, name: "fcomp5 (de /2)", opcode: [0xde], ext: 2, weight: 0.3 },
    { ...registers, name: "ffreep (df /0)", opcode: [0xdf], ext: 0, weight: 0.3 },
    { ...registers, name: "fxch7 (df /1)", opcode: [0xdf], ext: 1, weight: 0.3 },
    { ...registers, name: "fstp8 (df /2)", opcode: [0xdf], ext: 2, weight: 0.3 },
    { ...registers, name: "fstp9 (df /3)", opcode: [0xdf], ext: 3, weight: 0.3 },
  ]; // prettier-ignore
}

/** Head of an environment or FXSAVE image in memory: control, status and tag words that a processor could have stored. */
function environment(b: Builder, wide: number): void {
  const { rng } = b;
  const masks = rng.chance(0.6) ? 0x3f : rng.u32() & 0x3f;
  const control = 0x40 | masks | (rng.pick([0, 2, 3]) << 8) | (rng.below(4) << 10);
  const sticky = rng.u32() & 0x3f & (rng.chance(0.7) ? masks : 0x3f);
  const status = sticky | (rng.u32() & 0x7f00) | ((sticky & ~masks) !== 0 ? 0x8080 : 0);
  b.poke64(b.address, BigInt(control), 2);
  b.poke64(b.address + BigInt(wide), BigInt(status), 2);
  b.poke64(
    b.address + BigInt(2 * wide),
    BigInt(rng.chance(0.5) ? rng.u32() & 0xffff : rng.pick([0, 0xffff])),
    2,
  );
}

/** 66 makes the 16-bit form of environments. */
const short = (row: Row, memory: number): Row => ({
  ...row,
  name: `${row.name} (16)`,
  mandatory: 0x66,
  memory,
  weight: 0.5,
});

function control(): Row[] {
  const m = { ...x87, modrm: "m" } as const;
  /** The last instruction's address and opcode differ from one processor to the next. */
  const pointers = (b: Builder, wide: number): void => b.ignoreMemory(b.address + BigInt(3 * wide), 4 * wide);
  const wide = (b: Builder): number => (b.row.mandatory === 0x66 ? 2 : 4);
  const inside = (b: Builder): void => environment(b, wide(b));
  const stored = (b: Builder): void => {
    pointers(b, wide(b));
    // the upper halves of the words in the 32-bit form are reserved
    if (wide(b) === 4) for (let i = 0; i < 3; i++) b.ignoreMemory(b.address + BigInt(4 * i + 2), 2);
  };
  const fnstenv: Row = {
    ...m,
    looseFault: true,
    name: "fnstenv",
    opcode: [0xd9],
    ext: 6,
    memory: 28,
    access: "w",
    finish: stored,
  };
  const fldenv: Row = {
    ...m,
    looseFault: true,
    name: "fldenv",
    opcode: [0xd9],
    ext: 4,
    memory: 28,
    finish: inside,
  };
  const fnsave: Row = {
    ...m,
    looseFault: true,
    name: "fnsave",
    opcode: [0xdd],
    ext: 6,
    memory: 108,
    access: "w",
    finish: stored,
  };
  const frstor: Row = {
    ...m,
    looseFault: true,
    name: "frstor",
    opcode: [0xdd],
    ext: 4,
    memory: 108,
    finish: inside,
  };
  const controlWord = (b: Builder): void =>
    b.poke64(
      b.address,
      BigInt(
        0x40 |
          (b.rng.chance(0.5) ? 0x3f : b.rng.u32() & 0x3f) |
          (b.rng.pick([0, 2, 3]) << 8) |
          (b.rng.below(4) << 10),
      ),
      2,
    );
  return [
    fnstenv,
    short(fnstenv, 14),
    fldenv,
    short(fldenv, 14),
    fnsave,
    short(fnsave, 94),
    frstor,
    short(frstor, 94),
    {
      ...m,
      name: "fldcw",
      opcode: [0xd9],
      ext: 5,
      memory: 2,
      undefinedFsw: OTHERS | C1,
      finish: controlWord,
    },
    { ...m, name: "fnstcw", opcode: [0xd9], ext: 7, memory: 2, access: "w", undefinedFsw: OTHERS | C1 },
    { ...m, name: "fnstsw m16", opcode: [0xdd], ext: 7, memory: 2, access: "w" },
    { ...x87, name: "fnstsw ax", opcode: [0xdf, 0xe0] },
    { ...x87, name: "fnclex", opcode: [0xdb, 0xe2], undefinedFsw: OTHERS | C1 },
    { ...x87, name: "fninit", opcode: [0xdb, 0xe3] },
    { ...x87, name: "fnop", opcode: [0xd9, 0xd0], undefinedFsw: OTHERS | C1 },
    { ...x87, name: "fwait", opcode: [0x9b], finish: pendingOften },
    { ...x87, name: "fincstp", opcode: [0xd9, 0xf7], undefinedFsw: OTHERS },
    { ...x87, name: "fdecstp", opcode: [0xd9, 0xf6], undefinedFsw: OTHERS },
    { ...x87, name: "ffree", opcode: [0xdd], modrm: "r", ext: 0, undefinedFsw: OTHERS | C1 },
    { ...x87, name: "fneni (db e0)", opcode: [0xdb, 0xe0], undefinedFsw: OTHERS | C1, weight: 0.2 },
    { ...x87, name: "fndisi (db e1)", opcode: [0xdb, 0xe1], undefinedFsw: OTHERS | C1, weight: 0.2 },
    { ...x87, name: "fnsetpm (db e4)", opcode: [0xdb, 0xe4], undefinedFsw: OTHERS | C1, weight: 0.2 },
  ]; // prettier-ignore
}

function pendingOften(b: Builder): void {
  if (b.rng.chance(0.5)) return;
  b.view.setUint16(S_FCW, 0x0370 | (b.rng.u32() & 0xf), true);
  const fcw = b.view.getUint16(S_FCW, true);
  const sticky = b.rng.u32() & 0x3f;
  b.view.setUint16(S_FSW, sticky | ((sticky & ~fcw & 0x3f) !== 0 ? 0x8080 : 0), true);
}

function transcendentals(): Row[] {
  const t = { ...x87, exactness: "transcendental", undefinedFsw: C0 | C1 | C3, weight: 2 } as const;
  /** Values for which the function means something. */
  const within =
    (low: number, spread: number) =>
    (b: Builder): void => {
      for (const i of [0, 1])
        if (b.rng.chance(0.7))
          b.setSt(i, {
            head: (b.rng.u32() & 0x8000) | (low + b.rng.below(spread)),
            significand: b.rng.u64() | (1n << 63n),
          });
    };
  return [
    { ...t, name: "f2xm1", opcode: [0xd9, 0xf0], finish: within(0x3fe0, 0x1f) },
    {
      ...t,
      name: "fyl2x",
      opcode: [0xd9, 0xf1],
      finish: (b) => {
        if (b.rng.chance(0.7)) {
          b.setSt(0, { head: 0x3ff0 + b.rng.below(0x20), significand: b.rng.u64() | (1n << 63n) });
          b.setSt(1, {
            head: (b.rng.u32() & 0x8000) | (0x3ff0 + b.rng.below(0x20)),
            significand: b.rng.u64() | (1n << 63n),
          });
        }
      },
    },
    { ...t, name: "fptan", opcode: [0xd9, 0xf2], undefinedFsw: C0 | C1 | C3, finish: within(0x3ff0, 0x18) },
    { ...t, name: "fpatan", opcode: [0xd9, 0xf3], finish: within(0x3ff0, 0x20) },
    { ...t, name: "fyl2xp1", opcode: [0xd9, 0xf9], finish: within(0x3fe0, 0x1d) },
    { ...t, name: "fsincos", opcode: [0xd9, 0xfb], finish: within(0x3ff0, 0x18) },
    { ...t, name: "fsin", opcode: [0xd9, 0xfe], finish: within(0x3ff0, 0x18) },
    { ...t, name: "fcos", opcode: [0xd9, 0xff], finish: within(0x3ff0, 0x18) },
  ]; // prettier-ignore
}

export const fpuRows = {
  "x87-arithmetic": arithmetic(),
  "x87-compare": comparisons(),
  "x87-move": loadsAndStores(),
  "x87-control": control(),
  "x87-transcendental": transcendentals(),
};
