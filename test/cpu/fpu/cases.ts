/**
 * Instructions and operands for the comparison with a real processor. Everything follows from a seed.
 */
import { createRandom, type Random } from "../differential/prng.ts";
import {
  B_CODE,
  B_FCW,
  B_FDP,
  B_FIP,
  B_FOP,
  B_FSW,
  B_FTW,
  B_LENGTH,
  B_MEM,
  B_MXCSR,
  B_RAX,
  B_RFLAGS,
  B_ST,
  B_XMM,
  BOX_SIZE,
  STATUS,
} from "./box.ts";

/** What the lanes of vector operands are filled with. */
type Lanes = "single" | "double" | "integer";

export interface Row {
  readonly name: string;
  readonly prefix: readonly number[];
  /** After the prefixes (and REX): 0F xx or D8..DF. */
  readonly opcode: readonly number[];
  /** Which forms of ModRM; an x87 register form has its whole byte in `modrm`. */
  readonly forms: readonly ("reg" | "mem")[];
  /** ModRM.reg, where it is part of the opcode. */
  readonly extension?: number;
  readonly modrm?: number;
  readonly rexW?: boolean;
  readonly imm?: boolean;
  readonly lanes: Lanes;
  readonly kind: "sse" | "mmx" | "x87";
  /** What a memory operand is, if not lanes. */
  readonly memory?: "single" | "double" | "extended" | "integer" | "bcd" | "env";
}

const PREFIX: Readonly<Record<string, readonly number[]>> = { "": [], "66": [0x66], f3: [0xf3], f2: [0xf2] };

function vector(
  kind: "sse" | "mmx",
  lanes: Lanes,
  prefixes: string,
  opcodes: readonly number[],
  more: Partial<Row> = {},
): Row[] {
  return prefixes.split(",").flatMap((p) =>
    opcodes.map((o) => ({
      name: `${p ? `${p} ` : ""}0f ${o.toString(16).padStart(2, "0")}${more.extension === undefined ? "" : `/${more.extension}`}${more.rexW ? " rex.w" : ""}`,
      prefix: PREFIX[p] ?? [],
      opcode: [0x0f, o],
      forms: ["reg", "mem"] as const,
      lanes,
      kind,
      ...more,
    })),
  );
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const REG = { forms: ["reg"] } as const;
const MEM = { forms: ["mem"] } as const;
const packed = [
  ...range(0x60, 0x6b),
  ...range(0x74, 0x76),
  ...range(0xd1, 0xd5),
  ...range(0xd8, 0xe5),
  ...range(0xe8, 0xef),
  ...range(0xf1, 0xf6),
  ...range(0xf8, 0xfe),
]; // prettier-ignore

const floats = [0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f];

export const sseRows: readonly Row[] = [
  ...vector("sse", "single", ",f3", [...floats]),
  ...vector("sse", "double", "66,f2", [...floats]),
  ...vector("sse", "single", ",f3", [0xc2], { imm: true }),
  ...vector("sse", "double", "66,f2", [0xc2], { imm: true }),
  ...vector("sse", "single", "", [0x2e, 0x2f]),
  ...vector("sse", "double", "66", [0x2e, 0x2f]),
  ...vector("sse", "single", ",f3", [0x5a]),
  ...vector("sse", "double", "66,f2", [0x5a]),
  ...vector("sse", "integer", "", [0x5b]),
  ...vector("sse", "single", "66,f3", [0x5b]),
  ...vector("sse", "double", "66,f2", [0xe6]),
  ...vector("sse", "integer", "f3", [0xe6]),
  ...vector("sse", "integer", "f3,f2", [0x2a]),
  ...vector("sse", "integer", "f3,f2", [0x2a], { rexW: true }),
  ...vector("sse", "single", "f3", [0x2c, 0x2d]),
  ...vector("sse", "single", "f3", [0x2c, 0x2d], { rexW: true }),
  ...vector("sse", "double", "f2", [0x2c, 0x2d]),
  ...vector("sse", "double", "f2", [0x2c, 0x2d], { rexW: true }),
  ...vector("sse", "integer", "66", packed),
  ...vector("sse", "integer", "66", [0x6c, 0x6d]),
  ...vector("sse", "integer", "66,f3,f2", [0x70], { imm: true }),
  ...[2, 4, 6].flatMap((e) =>
    vector("sse", "integer", "66", [0x71, 0x72], { ...REG, imm: true, extension: e }),
  ),
  ...[2, 3, 6, 7].flatMap((e) => vector("sse", "integer", "66", [0x73], { ...REG, imm: true, extension: e })),
  ...vector("sse", "integer", ",66,f3,f2", [0x10, 0x11]),
  ...vector("sse", "integer", ",66", [0x14, 0x15, 0x28, 0x29, 0x54, 0x55, 0x56, 0x57]),
  ...vector("sse", "integer", "", [0x12, 0x16]),
  ...vector("sse", "integer", "66", [0x12, 0x16], MEM),
  ...vector("sse", "integer", ",66", [0x13, 0x17, 0x2b], MEM),
  ...vector("sse", "integer", "66", [0xe7], MEM),
  ...vector("sse", "integer", ",66", [0x50], REG),
  ...vector("sse", "integer", "66,f3", [0x6f, 0x7f]),
  ...vector("sse", "integer", "66", [0x6e, 0x7e]),
  ...vector("sse", "integer", "66", [0x6e, 0x7e], { rexW: true }),
  ...vector("sse", "integer", "f3", [0x7e]),
  ...vector("sse", "integer", "66", [0xd6]),
  ...vector("sse", "integer", "66", [0xd7, 0xf7], REG),
  ...vector("sse", "integer", "66", [0xc4], { imm: true }),
  ...vector("sse", "integer", "66", [0xc5], { ...REG, imm: true }),
  ...vector("sse", "integer", ",66", [0xc6], { imm: true }),
  ...[0, 1, 2, 3].flatMap((e) =>
    vector("sse", "integer", "", [0xae], { ...MEM, extension: e, memory: "env" }),
  ),
  ...[0, 1].flatMap((e) =>
    vector("sse", "integer", "", [0xae], { ...MEM, extension: e, memory: "env", rexW: true }),
  ),
];

export const mmxRows: readonly Row[] = [
  ...vector("mmx", "integer", "", packed),
  ...vector("mmx", "integer", "", [0x70], { imm: true }),
  ...[2, 4, 6].flatMap((e) =>
    vector("mmx", "integer", "", [0x71, 0x72], { ...REG, imm: true, extension: e }),
  ),
  ...[2, 6].flatMap((e) => vector("mmx", "integer", "", [0x73], { ...REG, imm: true, extension: e })),
  ...vector("mmx", "integer", "", [0x6e, 0x7e]),
  ...vector("mmx", "integer", "", [0x6e, 0x7e], { rexW: true }),
  ...vector("mmx", "integer", "", [0x6f, 0x7f]),
  ...vector("mmx", "integer", "", [0xe7], MEM),
  ...vector("mmx", "integer", "", [0xd7, 0xf7], REG),
  ...vector("mmx", "integer", "", [0xc4], { imm: true }),
  ...vector("mmx", "integer", "", [0xc5], { ...REG, imm: true }),
  ...vector("mmx", "integer", "f3,f2", [0xd6], REG),
  ...vector("mmx", "integer", ",66", [0x2a]),
  ...vector("mmx", "single", "", [0x2c, 0x2d]),
  ...vector("mmx", "double", "66", [0x2c, 0x2d]),
  { name: "emms", prefix: [], opcode: [0x0f, 0x77], forms: [], lanes: "integer", kind: "mmx" },
];

const X87 = { prefix: [], lanes: "integer", kind: "x87" } as const;

function registers(name: string, opcode: number, from: number, count: number): Row[] {
  return range(0, count - 1).map((i) => ({
    ...X87,
    name: `${name}${count === 8 ? ` st${i}` : ""}`,
    opcode: [opcode],
    forms: ["reg"] as const,
    modrm: from + i,
  }));
}

function memories(
  names: string,
  opcode: number,
  extensions: readonly number[],
  memory: NonNullable<Row["memory"]>,
): Row[] {
  return extensions.map((e) => ({
    ...X87,
    name: `${names} ${opcode.toString(16)}/${e}`,
    opcode: [opcode],
    forms: ["mem"] as const,
    extension: e,
    memory,
  }));
}

const all = range(0, 7);

/** Stack, arithmetic, conversions, control: exact. */
export const x87Rows: readonly Row[] = [
  ...all.flatMap((e) => registers(`d8/${e}`, 0xd8, 0xc0 + e * 8, 8)),
  ...all.flatMap((e) => registers(`dc/${e}`, 0xdc, 0xc0 + e * 8, 8)),
  ...[0, 1, 2, 4, 5, 6, 7].flatMap((e) => registers(`de/${e}`, 0xde, 0xc0 + e * 8, 8)),
  ...registers("fcompp", 0xde, 0xd9, 1),
  ...registers("fucompp", 0xda, 0xe9, 1),
  ...registers("fld", 0xd9, 0xc0, 8),
  ...registers("fxch", 0xd9, 0xc8, 8),
  ...registers("fnop", 0xd9, 0xd0, 1),
  ...[0, 1, 2, 3].flatMap((e) => registers(`fcmov ${e}`, 0xda, 0xc0 + e * 8, 8)),
  ...[0, 1, 2, 3].flatMap((e) => registers(`fcmovn ${e}`, 0xdb, 0xc0 + e * 8, 8)),
  ...registers("fucomi", 0xdb, 0xe8, 8),
  ...registers("fcomi", 0xdb, 0xf0, 8),
  ...registers("fucomip", 0xdf, 0xe8, 8),
  ...registers("fcomip", 0xdf, 0xf0, 8),
  ...[0, 1, 2, 3, 4, 5].flatMap((e) => registers(`dd/${e}`, 0xdd, 0xc0 + e * 8, 8)),
  ...registers("ffreep", 0xdf, 0xc0, 8),
  ...registers("fchs", 0xd9, 0xe0, 1),
  ...registers("fabs", 0xd9, 0xe1, 1),
  ...registers("ftst", 0xd9, 0xe4, 1),
  ...registers("fxam", 0xd9, 0xe5, 1),
  ...range(0xe8, 0xee).flatMap((m) => registers("constant", 0xd9, m, 1)),
  ...registers("fxtract", 0xd9, 0xf4, 1),
  ...registers("fprem1", 0xd9, 0xf5, 1),
  ...registers("fdecstp", 0xd9, 0xf6, 1),
  ...registers("fincstp", 0xd9, 0xf7, 1),
  ...registers("fprem", 0xd9, 0xf8, 1),
  ...registers("fsqrt", 0xd9, 0xfa, 1),
  ...registers("frndint", 0xd9, 0xfc, 1),
  ...registers("fscale", 0xd9, 0xfd, 1),
  ...registers("fnclex", 0xdb, 0xe2, 1),
  ...registers("fninit", 0xdb, 0xe3, 1),
  ...registers("fnstsw ax", 0xdf, 0xe0, 1),
  ...memories("m32", 0xd8, all, "single"),
  ...memories("m64", 0xdc, all, "double"),
  ...memories("m32int", 0xda, all, "integer"),
  ...memories("m16int", 0xde, all, "integer"),
  ...memories("m32", 0xd9, [0, 2, 3], "single"),
  ...memories("m64", 0xdd, [0, 2, 3], "double"),
  ...memories("m32int", 0xdb, [0, 2, 3], "integer"),
  ...memories("m16int", 0xdf, [0, 2, 3, 5, 7], "integer"),
  ...memories("m80", 0xdb, [5, 7], "extended"),
  ...memories("bcd", 0xdf, [4, 6], "bcd"),
  ...memories("control", 0xd9, [4, 5, 6, 7], "env"),
  ...memories("control", 0xdd, [4, 6, 7], "env"),
  ...[...memories("66 control", 0xd9, [4, 6], "env"), ...memories("66 control", 0xdd, [4, 6], "env")].map(
    (row) => ({
      ...row,
      prefix: [0x66],
    }),
  ),
  { ...X87, name: "fwait", opcode: [0x9b], forms: [] },
];

/** Approximations: compared loosely. */
export const transcendentalRows: readonly Row[] = [0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff].flatMap(
  (m) => registers(`d9 ${m.toString(16)}`, 0xd9, m, 1),
);

// ── operands ──

const SINGLES = [
  0, 0x80000000, 1, 0x80000001, 0x7fffff, 0x807fffff, 0x400000, 0x800000, 0x80800000, 0x800001, 0x3f800000,
  0xbf800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0x3fc00000, 0x40200000, 0xbf000000, 0x7f7fffff, 0xff7fffff,
  0x7f800000, 0xff800000, 0x7f800001, 0xff800001, 0x7fbfffff, 0x7fc00000, 0xffc00000, 0x7fc12345, 0xffffffff,
  0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0xdf000000, 0x5effffff, 0x20000000, 0x1f800000, 0x60000000,
  0x40400000, 0x3eaaaaab,
]; // prettier-ignore

const DOUBLES = [
  0n,
  1n << 63n,
  1n,
  (1n << 63n) | 1n,
  0xfffffffffffffn,
  0x8000000000000n,
  0x10000000000000n,
  0x10000000000001n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x3ff0000000000001n,
  0x3fefffffffffffffn,
  0x3fe0000000000000n,
  0x3ff8000000000000n,
  0x4004000000000000n,
  0x7fefffffffffffffn,
  0xffefffffffffffffn,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff0000000000001n,
  0xfff4000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000000n,
  0x7ff8000012345678n,
  0xffffffffffffffffn,
  0x41e0000000000000n,
  0xc1e0000000000000n,
  0x41dfffffffc00000n,
  0x41dfffffffe00000n,
  0x41dffffffff00000n,
  0xc1e0000000100000n,
  0x43e0000000000000n,
  0xc3e0000000000000n,
  0x43dfffffffffffffn,
  0x36a0000000000000n,
  0x380fffffffffffffn,
  0x47efffffefffffffn,
  0x47effffff0000000n,
  0x1ff0000000000000n,
  0x2000000000000000n,
  0x4008000000000000n,
  0x3fd5555555555555n,
  0x369fffffffffffffn,
  0x3690000000000000n,
  0x380ffffff0000000n,
]; // prettier-ignore

const TOP = 1n << 63n;
const EXTENDED: readonly (readonly [number, bigint])[] = [
  [0, 0n],
  [0x8000, 0n],
  [0, 1n],
  [0x8000, 1n],
  [0, TOP - 1n],
  [0, TOP],
  [0x8000, TOP | 5n],
  [1, TOP],
  [0x8001, TOP],
  [1, TOP | 1n],
  [0x3fff, TOP],
  [0xbfff, TOP],
  [0x3fff, TOP | 1n],
  [0x3ffe, (1n << 64n) - 1n],
  [0x3ffe, TOP],
  [0x3fff, 3n << 62n],
  [0x4000, 5n << 61n],
  [0x7ffe, (1n << 64n) - 1n],
  [0xfffe, (1n << 64n) - 1n],
  [0x7fff, TOP],
  [0xffff, TOP],
  [0x7fff, TOP | 1n],
  [0xffff, TOP | 9n],
  [0x7fff, 3n << 62n],
  [0xffff, 3n << 62n],
  [0x7fff, (3n << 62n) | 77n],
  [0xffff, (3n << 62n) | 77n],
  [0x7fff, 0n],
  [0x7fff, 1n << 62n],
  [0x3fff, 1n << 62n],
  [0xc000, 12345n],
  [0x403e, TOP],
  [0xc03e, TOP],
  [0x403d, (1n << 64n) - 1n],
  [0x401e, TOP],
  [0xc01e, TOP],
  [0x401d, 0xffffffff00000000n],
  [0x401d, 0xffffffff80000000n],
  [0x400e, TOP],
  [0x400d, 0xfffe000000000000n],
  [0x400d, 0xffff000000000000n],
  [0x3f6a, TOP],
  [0x3f69, TOP | 1n],
  [0x3f81, TOP],
  [0x407e, 0xffffff0000000000n],
  [0x407e, 0xffffff8000000000n],
  [0x3c01, TOP],
  [0x3bcd, TOP],
  [0x43fe, 0xfffffffffffff800n],
  [0x43fe, 0xfffffffffffffc00n],
  [0x403a, 0xde0b6b3a763fffffn],
  [0x403a, 0xde0b6b3a76400000n],
  [0x4000, 0xc90fdaa22168c235n],
  [0x4005, 0xb504f333f9de6484n],
  [0x3ffd, 0xaaaaaaaaaaaaaaabn],
  [0x6000, TOP | 3n],
  [0x2000, TOP | 3n],
  [0x1fff, TOP | 1n],
  [0x5fff, (1n << 64n) - 1n],
]; // prettier-ignore

function single(r: Random): number {
  const way = r.below(8);
  if (way < 3) return r.pick(SINGLES) >>> 0;
  if (way === 3) return r.u32();
  const sign = r.below(2) * 0x80000000;
  const fraction = r.chance(0.3) ? r.below(16) << 19 : r.u32() & 0x7fffff;
  if (way < 7) return (sign | ((127 + r.below(34) - 12) << 23) | fraction) >>> 0;
  return (sign | (r.pick([1, 2, 24, 63, 64, 190, 191, 253, 254]) << 23) | fraction) >>> 0;
}

function double(r: Random): bigint {
  const way = r.below(8);
  if (way < 3) return r.pick(DOUBLES);
  if (way === 3) return r.u64();
  const sign = BigInt(r.below(2)) << 63n;
  const fraction = r.chance(0.3) ? BigInt(r.below(64)) << 46n : r.u64() & 0xfffffffffffffn;
  if (way < 7) return sign | (BigInt(1023 + r.below(70) - 30) << 52n) | fraction;
  return (
    sign |
    (BigInt(r.pick([1, 2, 53, 511, 512, 874, 896, 897, 1150, 1534, 1535, 2045, 2046])) << 52n) |
    fraction
  );
}

function extended(r: Random): readonly [number, bigint] {
  const way = r.below(8);
  if (way < 3) return r.pick(EXTENDED);
  const sign = r.below(2) * 0x8000;
  const sig = TOP | (r.chance(0.3) ? r.u64() & (0xffn << 55n) : r.chance(0.3) ? r.u64() & ~0x7ffn : r.u64());
  if (way === 3) return [r.u32() & 0xffff, r.chance(0.9) ? sig : r.u64()];
  if (way < 7) return [sign | (0x3fff + r.below(140) - 70), sig];
  return [sign | r.pick([1, 2, 3, 60, 63, 64, 65, 0x1fff, 0x2000, 0x5ffe, 0x7ffd, 0x7ffe]), sig];
}

function fillLanes(view: DataView, at: number, bytes: number, lanes: Lanes, r: Random): void {
  if (lanes === "single") for (let i = 0; i < bytes; i += 4) view.setUint32(at + i, single(r), true);
  else if (lanes === "double") for (let i = 0; i < bytes; i += 8) view.setBigUint64(at + i, double(r), true);
  else {
    for (let i = 0; i < bytes; i += 8) {
      const v = r.chance(0.5)
        ? r.u64()
        : r.pick([
            0n,
            1n,
            7n,
            16n,
            40n,
            63n,
            64n,
            0x8000800080008000n,
            0x7fff80007fff8000n,
            0x80ff7f0180ff7f01n,
            (1n << 64n) - 1n,
            0x7fffffff80000000n,
          ]);
      view.setBigUint64(at + i, v, true);
    }
  }
}

/** Registers that vector rows use: not all need to be tried. */
const VECTOR_DEST = [0, 1, 9];
const VECTOR_SOURCE = [1, 2, 15];

/** A case for this row. */
export function makeCase(row: Row, seed: number): Uint8Array {
  const r = createRandom(seed, row.name);
  const box = new Uint8Array(BOX_SIZE);
  const view = new DataView(box.buffer);
  const form = row.forms.length ? r.pick(row.forms) : "none";

  // state
  view.setBigUint64(
    B_RAX,
    row.lanes === "integer" && r.chance(0.3)
      ? r.pick([0n, 1n << 63n, 0x80000000n, 0x7fffffffffffffffn])
      : r.u64(),
    true,
  );
  view.setBigUint64(B_RFLAGS, BigInt((r.u32() & STATUS) | 0x202), true);
  let mxcsr = r.below(4) << 13;
  if (r.chance(0.4)) mxcsr = 0;
  if (r.chance(0.25)) mxcsr |= 0x8000;
  if (r.chance(0.25)) mxcsr |= 0x40;
  mxcsr |= r.chance(0.7) ? 0x1f80 : r.u32() & 0x1f80;
  mxcsr |= r.chance(0.5) ? 0 : r.u32() & 0x3f;
  view.setUint32(B_MXCSR, mxcsr, true);
  for (let i = 0; i < 16; i++) fillLanes(view, B_XMM + i * 16, 16, row.lanes, r);
  let fcw = 0x40 | (r.below(4) << 10) | (r.pick([0, 2, 3, 3, 3, 1]) << 8);
  if (r.chance(0.3)) fcw = 0x340;
  fcw |= r.chance(0.75) ? 0x3f : r.u32() & 0x3f;
  view.setUint16(B_FCW, fcw, true);
  const top = row.kind === "mmx" ? r.below(8) : r.below(8);
  let fsw = (top << 11) | (r.u32() & 0x4700);
  // a pending exception sometimes: #MF, or none where the instruction does not wait
  fsw |= r.chance(0.5) ? 0 : r.u32() & (r.chance(0.1) ? 0x3f : fcw & 0x3f);
  if (fsw & ~fcw & 0x3f) fsw |= 0x8080;
  view.setUint16(B_FSW, fsw, true);
  let tags = r.chance(0.3) ? 0 : r.u32() & 0xff;
  // mostly: operands are there, and there is room
  if (r.chance(0.85)) tags = (tags | (0x11f << top) | (0x11f >> (8 - top))) & 0xff & ~(1 << ((top + 7) & 7));
  if (r.chance(0.05)) tags = 0xff;
  box[B_FTW] = tags;
  view.setUint16(B_FOP, r.u32() & 0x7ff, true);
  view.setBigUint64(B_FIP, r.u64() & 0x7fffffffffffn, true);
  view.setBigUint64(B_FDP, r.u64() & 0x7fffffffffffn, true);
  for (let i = 0; i < 8; i++) {
    const [se, sig] = row.kind === "mmx" && r.chance(0.7) ? [r.u32() & 0xffff, r.u64()] : extended(r);
    view.setBigUint64(B_ST + i * 16, sig, true);
    view.setUint16(B_ST + i * 16 + 8, se, true);
  }
  if (row.kind === "mmx") {
    for (let i = 0; i < 8; i++) fillLanes(view, B_ST + i * 16, 8, "integer", r);
  }
  if (row.kind === "x87" && r.chance(0.3)) {
    // operands near each other: cancellation, remainders
    const se = view.getUint16(B_ST + 8, true);
    view.setUint16(
      B_ST + 24,
      (se & 0x8000) === 0 ? Math.max(0, se - r.below(70)) : se ^ (r.below(2) << 15),
      true,
    );
    if (r.chance(0.3)) view.setBigUint64(B_ST + 16, view.getBigUint64(B_ST, true) ^ BigInt(r.below(4)), true);
  }
  switch (row.memory) {
    case "extended": {
      const [se, sig] = extended(r);
      view.setBigUint64(B_MEM, sig, true);
      view.setUint16(B_MEM + 8, se, true);
      break;
    }
    case "single":
      fillLanes(view, B_MEM, 16, "single", r);
      break;
    case "double":
      fillLanes(view, B_MEM, 16, "double", r);
      break;
    case "bcd":
      for (let i = 0; i < 9; i++) box[B_MEM + i] = r.below(10) | (r.below(10) << 4);
      box[B_MEM + 9] = r.u32() & 0x80;
      break;
    default:
      fillLanes(view, B_MEM, 128, row.lanes, r);
  }
  if (row.memory === "env") {
    // what FLDCW, FLDENV, FRSTOR, FXRSTOR, LDMXCSR read
    for (let i = 0; i < 512; i += 8) view.setBigUint64(B_MEM + i, r.u64() & 0x7fffffffffffn, true);
    view.setUint32(B_MEM + 24, r.chance(0.9) ? r.u32() & 0xffff : r.u32(), true);
    if (r.chance(0.5)) view.setUint16(B_MEM, (r.u32() & 0xff40) | 0x37f, true);
  }

  // code
  const code: number[] = [...row.prefix];
  const usesGpr = row.kind === "mmx" ? [0x6e, 0x7e, 0xc4] : [0x2a, 0x6e, 0x7e, 0xc4];
  const second = row.opcode[1] ?? 0;
  if (row.kind === "x87") {
    code.push(...row.opcode);
    if (form !== "none") code.push(form === "mem" ? ((row.extension ?? 0) << 3) | 7 : (row.modrm ?? 0));
  } else if (form === "none") {
    code.push(...row.opcode);
  } else {
    const rmIsGpr =
      usesGpr.includes(second) &&
      !(second === 0x7e && row.prefix[0] === 0xf3) &&
      !(row.kind === "mmx" && second === 0x2a);
    const regIsGpr =
      [0x50, 0x2c, 0x2d, 0xd7, 0xc5].includes(second) &&
      !(row.kind === "mmx" && (second === 0x2c || second === 0x2d));
    const low = row.kind === "mmx";
    let reg = row.extension ?? (regIsGpr ? 0 : r.pick(VECTOR_DEST));
    let rm = form === "mem" ? 7 : rmIsGpr ? 0 : r.pick(VECTOR_SOURCE);
    // MASKMOV stores at rdi: its operands may be any
    if (low) {
      reg &= 7;
      rm &= 7;
    }
    const rex = (row.rexW ? 8 : 0) | (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0);
    if (rex) code.push(0x40 | rex);
    code.push(...row.opcode, (form === "mem" ? 0 : 0xc0) | ((reg & 7) << 3) | (rm & 7));
    if (row.imm) code.push(r.chance(0.5) ? r.below(8) : r.u32() & 0xff);
  }
  box.set(code, B_CODE);
  view.setUint32(B_LENGTH, code.length, true);
  return box;
}
