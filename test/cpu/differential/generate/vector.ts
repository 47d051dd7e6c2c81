/** MMX, SSE and SSE2. */
import { S_FS_BASE, S_GS_BASE, S_MXCSR } from "../case.ts";
import type { Builder } from "./builder.ts";
import type { Row } from "./row.ts";

const OF_PREFIX = { ps: undefined, pd: 0x66, ss: 0xf3, sd: 0xf2 } as const;
const SIZE = { ps: 16, pd: 16, ss: 4, sd: 8 } as const;
type Kind = keyof typeof OF_PREFIX;
const laneOf = (kind: Kind): "f32" | "f64" => (kind === "ps" || kind === "ss" ? "f32" : "f64");

/** A row with xmm operands; `mandatory` may be left out. */
function xmm(name: string, opcode: number, mandatory: Row["mandatory"], more: Partial<Row>): Row {
  return {
    name,
    opcode: [0x0f, opcode],
    ...(mandatory ? { mandatory } : {}),
    sizing: "x",
    modrm: "rm",
    reg: "xmm",
    rm: "xmm",
    unit: "sse",
    memory: 16,
    lanes: "int",
    ...more,
  }; // prettier-ignore
}

function mmx(name: string, opcode: number, more: Partial<Row> = {}): Row {
  return {
    name,
    opcode: [0x0f, opcode],
    sizing: "x",
    modrm: "rm",
    reg: "mmx",
    rm: "mmx",
    unit: "mmx",
    memory: 8,
    lanes: "int",
    ...more,
  }; // prettier-ignore
}

/** Both conditions that an aligned operand of 16 bytes has. */
const aligned = { memory: 16, align: 16 } as const;

function floatArithmetic(): Row[] {
  const rows: Row[] = [];
  const each = (op: string, opcode: number, kinds: readonly Kind[], more: Partial<Row> = {}): void => {
    for (const kind of kinds) {
      const packed = SIZE[kind] === 16;
      const fit = packed ? aligned : { memory: SIZE[kind] };
      rows.push(
        xmm(`${op}${kind}`, opcode, OF_PREFIX[kind], { lanes: laneOf(kind), ...fit, weight: 2, ...more }),
      );
    }
  };
  const all = ["ps", "pd", "ss", "sd"] as const;
  each("sqrt", 0x51, all);
  each("add", 0x58, all);
  each("mul", 0x59, all);
  each("sub", 0x5c, all);
  each("min", 0x5d, all);
  each("div", 0x5e, all);
  each("max", 0x5f, all);
  each("cmp", 0xc2, all, { imm: "b", finish: predicate });
  each("ucomi", 0x2e, ["ss", "sd"]);
  each("comi", 0x2f, ["ss", "sd"]);
  each("rsqrt", 0x52, ["ps", "ss"], { exactness: "reciprocal" });
  each("rcp", 0x53, ["ps", "ss"], { exactness: "reciprocal" });
  // 2E and 2F are unprefixed and 66, not F3 and F2
  return rows.map((row) => {
    if (!row.name.includes("comi")) return row;
    const { mandatory: _, ...rest } = row;
    return row.name.endsWith("sd") ? { ...rest, mandatory: 0x66 } : rest;
  });
}

/** CMPccPS: predicates 0..7; the bits above are reserved. */
function predicate(b: Builder): void {
  b.code[b.code.length - 1] = b.rng.below(8);
}

function conversions(): Row[] {
  const toGpr = { rm: "xmm", reg: "gpr", sizing: "y" } as const;
  const fromGpr = { rm: "gpr", reg: "xmm", sizing: "y" } as const;
  const rows: Row[] = [
    xmm("cvtps2pd", 0x5a, undefined, { lanes: "f32", memory: 8 }),
    xmm("cvtpd2ps", 0x5a, 0x66, { lanes: "f64", ...aligned }),
    xmm("cvtss2sd", 0x5a, 0xf3, { lanes: "f32", memory: 4 }),
    xmm("cvtsd2ss", 0x5a, 0xf2, { lanes: "f64", memory: 8, weight: 2 }),
    xmm("cvtdq2ps", 0x5b, undefined, { ...aligned, finish: randomMxcsr }),
    xmm("cvtps2dq", 0x5b, 0x66, { lanes: "f32", ...aligned }),
    xmm("cvttps2dq", 0x5b, 0xf3, { lanes: "f32", ...aligned }),
    xmm("cvttpd2dq", 0xe6, 0x66, { lanes: "f64", ...aligned }),
    xmm("cvtdq2pd", 0xe6, 0xf3, { memory: 8 }),
    xmm("cvtpd2dq", 0xe6, 0xf2, { lanes: "f64", ...aligned }),
    xmm("cvtpi2ps", 0x2a, undefined, { rm: "mmx", memory: 8, unit: "mmx", finish: randomMxcsr }),
    xmm("cvtpi2pd", 0x2a, 0x66, { rm: "mmx", memory: 8, unit: "mmx" }),
    xmm("cvtsi2ss", 0x2a, 0xf3, { ...fromGpr, memoryFollowsSize: true, finish: randomMxcsr, weight: 2 }),
    xmm("cvtsi2sd", 0x2a, 0xf2, { ...fromGpr, memoryFollowsSize: true, finish: randomMxcsr, weight: 2 }),
    xmm("cvttps2pi", 0x2c, undefined, { reg: "mmx", lanes: "f32", memory: 8, unit: "mmx" }),
    xmm("cvttpd2pi", 0x2c, 0x66, { reg: "mmx", lanes: "f64", ...aligned, unit: "mmx" }),
    xmm("cvttss2si", 0x2c, 0xf3, { ...toGpr, lanes: "f32", memory: 4, weight: 2 }),
    xmm("cvttsd2si", 0x2c, 0xf2, { ...toGpr, lanes: "f64", memory: 8, weight: 2 }),
    xmm("cvtps2pi", 0x2d, undefined, { reg: "mmx", lanes: "f32", memory: 8, unit: "mmx" }),
    xmm("cvtpd2pi", 0x2d, 0x66, { reg: "mmx", lanes: "f64", ...aligned, unit: "mmx" }),
    xmm("cvtss2si", 0x2d, 0xf3, { ...toGpr, lanes: "f32", memory: 4, weight: 2 }),
    xmm("cvtsd2si", 0x2d, 0xf2, { ...toGpr, lanes: "f64", memory: 8, weight: 2 }),
  ];
  return rows;
}

/** Integer sources, but rounding counts. */
function randomMxcsr(b: Builder): void {
  b.view.setUint32(S_MXCSR, 0x1f80 | (b.rng.below(4) << 13) | (b.rng.chance(0.1) ? 0x20 : 0), true);
  if (b.rng.chance(0.15)) b.view.setUint32(S_MXCSR, b.view.getUint32(S_MXCSR, true) & ~0x1000, true);
}

function moves(): Row[] {
  const load = { access: "r" } as const;
  const store = { access: "w" } as const;
  const rows: Row[] = [];
  for (const [name, lo, hi, prefix, more] of [
    ["movups", 0x10, 0x11, undefined, { memory: 16 }],
    ["movupd", 0x10, 0x11, 0x66, { memory: 16 }],
    ["movss", 0x10, 0x11, 0xf3, { memory: 4 }],
    ["movsd", 0x10, 0x11, 0xf2, { memory: 8 }],
    ["movaps", 0x28, 0x29, undefined, aligned],
    ["movapd", 0x28, 0x29, 0x66, aligned],
    ["movdqa", 0x6f, 0x7f, 0x66, aligned],
    ["movdqu", 0x6f, 0x7f, 0xf3, { memory: 16 }],
    ["movq V,W", 0x7e, 0xd6, undefined, { memory: 8 }],
  ] as const) {
    const movq = name === "movq V,W";
    rows.push(xmm(`${name} load`, lo, movq ? 0xf3 : prefix, { ...more, ...load }));
    rows.push(xmm(`${name} store`, hi, movq ? 0x66 : prefix, { ...more, ...store }));
  }
  for (const [name, opcode, prefix] of [
    ["movlp", 0x12, undefined],
    ["movlpd", 0x12, 0x66],
    ["movhp", 0x16, undefined],
    ["movhpd", 0x16, 0x66],
  ] as const) {
    // as a register: MOVHLPS, MOVLHPS; with 66 undefined
    rows.push(xmm(`${name} load`, opcode, prefix, { memory: 8, modrm: prefix ? "m" : "rm" }));
    rows.push(xmm(`${name} store`, opcode + 1, prefix, { memory: 8, modrm: "m", access: "w" }));
  }
  rows.push(
    xmm("movntps", 0x2b, undefined, { ...aligned, modrm: "m", access: "w" }),
    xmm("movntpd", 0x2b, 0x66, { ...aligned, modrm: "m", access: "w" }),
    xmm("movntdq", 0xe7, 0x66, { ...aligned, modrm: "m", access: "w" }),
    mmx("movntq", 0xe7, { modrm: "m", access: "w", looseFault: true }),
    xmm("movmskps", 0x50, undefined, { modrm: "r", reg: "gpr" }),
    xmm("movmskpd", 0x50, 0x66, { modrm: "r", reg: "gpr" }),
    xmm("pmovmskb V", 0xd7, 0x66, { modrm: "r", reg: "gpr" }),
    mmx("pmovmskb P", 0xd7, { modrm: "r", reg: "gpr" }),
    xmm("movd V,Ey", 0x6e, 0x66, { rm: "gpr", sizing: "y", memoryFollowsSize: true }),
    xmm("movd Ey,V", 0x7e, 0x66, { rm: "gpr", sizing: "y", memoryFollowsSize: true, access: "w" }),
    mmx("movd P,Ey", 0x6e, { rm: "gpr", sizing: "y", memoryFollowsSize: true }),
    mmx("movd Ey,P", 0x7e, {
      rm: "gpr",
      sizing: "y",
      memoryFollowsSize: true,
      access: "w",
      looseFault: true,
    }),
    mmx("movq P,Q", 0x6f),
    mmx("movq Q,P", 0x7f, { access: "w", looseFault: true }),
    xmm("movq2dq", 0xd6, 0xf3, { modrm: "r", rm: "mmx", unit: "mmx" }),
    xmm("movdq2q", 0xd6, 0xf2, { modrm: "r", reg: "mmx", unit: "mmx" }),
    xmm("maskmovdqu", 0xf7, 0x66, {
      modrm: "r",
      setup: maskTarget(16),
      finish: maskOperand,
      looseFault: true,
    }),
    mmx("maskmovq", 0xf7, { modrm: "r", setup: maskTarget(8), finish: maskOperand, looseFault: true }),
    mmx("pinsrw P", 0xc4, { rm: "gpr", memory: 2, imm: "b" }),
    xmm("pinsrw V", 0xc4, 0x66, { rm: "gpr", memory: 2, imm: "b" }),
    mmx("pextrw P", 0xc5, { reg: "gpr", modrm: "r", imm: "b" }),
    xmm("pextrw V", 0xc5, 0x66, { reg: "gpr", modrm: "r", imm: "b" }),
    { name: "emms", opcode: [0x0f, 0x77], sizing: "x", unit: "mmx", plain: true },
  );
  return rows;
}

/**
 * Where nothing is chosen, it is open whether an address that cannot be written faults: something is, and no operand
 * reaches from a good page into a bad one.
 */
const maskTarget =
  (size: number) =>
  (b: Builder): void => {
    let at = b.target(size, "w");
    while ((at & 0xfffn) + BigInt(size) > 0x1000n) at = b.target(size, "w");
    b.address = at;
    b.fix(7, b.addressSize === 4 ? BigInt.asUintN(32, at) | (BigInt(b.rng.u32()) << 32n) : at);
  };

/** The mask; and DS:RDI may be moved by a prefix (drawn as noise): the last one counts. */
function maskOperand(b: Builder): void {
  const mask = b.lanes();
  mask[0] = 0x80;
  b.setVector(mask);
  const last = b.prefixes.filter((p) => [0x64, 0x65, 0x2e, 0x36, 0x3e, 0x26].includes(p)).at(-1);
  if (last === 0x64) b.address += b.view.getBigUint64(S_FS_BASE, true);
  else if (last === 0x65) b.address += b.view.getBigUint64(S_GS_BASE, true);
}

/** Opcodes that MMX has and SSE2 has for XMM registers too. */
const BOTH = [
  [0x60, "punpcklbw"],
  [0x61, "punpcklwd"],
  [0x62, "punpckldq"],
  [0x63, "packsswb"],
  [0x64, "pcmpgtb"],
  [0x65, "pcmpgtw"],
  [0x66, "pcmpgtd"],
  [0x67, "packuswb"],
  [0x68, "punpckhbw"],
  [0x69, "punpckhwd"],
  [0x6a, "punpckhdq"],
  [0x6b, "packssdw"],
  [0x74, "pcmpeqb"],
  [0x75, "pcmpeqw"],
  [0x76, "pcmpeqd"],
  [0xd1, "psrlw"],
  [0xd2, "psrld"],
  [0xd3, "psrlq"],
  [0xd4, "paddq"],
  [0xd5, "pmullw"],
  [0xd8, "psubusb"],
  [0xd9, "psubusw"],
  [0xda, "pminub"],
  [0xdb, "pand"],
  [0xdc, "paddusb"],
  [0xdd, "paddusw"],
  [0xde, "pmaxub"],
  [0xdf, "pandn"],
  [0xe0, "pavgb"],
  [0xe1, "psraw"],
  [0xe2, "psrad"],
  [0xe3, "pavgw"],
  [0xe4, "pmulhuw"],
  [0xe5, "pmulhw"],
  [0xe8, "psubsb"],
  [0xe9, "psubsw"],
  [0xea, "pminsw"],
  [0xeb, "por"],
  [0xec, "paddsb"],
  [0xed, "paddsw"],
  [0xee, "pmaxsw"],
  [0xef, "pxor"],
  [0xf1, "psllw"],
  [0xf2, "pslld"],
  [0xf3, "psllq"],
  [0xf4, "pmuludq"],
  [0xf5, "pmaddwd"],
  [0xf6, "psadbw"],
  [0xf8, "psubb"],
  [0xf9, "psubw"],
  [0xfa, "psubd"],
  [0xfb, "psubq"],
  [0xfc, "paddb"],
  [0xfd, "paddw"],
  [0xfe, "paddd"],
] as const; // prettier-ignore

/** PSLLW and kin take their count from the operand's low 64 bits. */
const SHIFTS = new Set([0xd1, 0xd2, 0xd3, 0xe1, 0xe2, 0xf1, 0xf2, 0xf3]);

function vectorCount(b: Builder): void {
  if (b.rng.chance(0.25)) return;
  const bytes = new Uint8Array(16);
  bytes[0] = b.rng.below(70);
  if (b.rng.chance(0.2)) bytes[8] = 1;
  b.setVector(bytes);
}

function packedIntegers(): Row[] {
  const rows: Row[] = [];
  for (const [opcode, name] of BOTH) {
    const more: Partial<Row> = SHIFTS.has(opcode) ? { finish: vectorCount } : {};
    rows.push(mmx(`${name} P`, opcode, { ...more, weight: 0.6 }));
    rows.push(xmm(`${name} V`, opcode, 0x66, { ...aligned, ...more }));
  }
  rows.push(
    xmm("punpcklqdq", 0x6c, 0x66, aligned),
    xmm("punpckhqdq", 0x6d, 0x66, aligned),
    mmx("pshufw", 0x70, { imm: "b" }),
    xmm("pshufd", 0x70, 0x66, { ...aligned, imm: "b" }),
    xmm("pshufhw", 0x70, 0xf3, { ...aligned, imm: "b" }),
    xmm("pshuflw", 0x70, 0xf2, { ...aligned, imm: "b" }),
    xmm("shufps", 0xc6, undefined, { ...aligned, imm: "b" }),
    xmm("shufpd", 0xc6, 0x66, { ...aligned, imm: "b" }),
  );
  for (const [name, opcode, ext] of [
    ["psrlw", 0x71, 2],
    ["psraw", 0x71, 4],
    ["psllw", 0x71, 6],
    ["psrld", 0x72, 2],
    ["psrad", 0x72, 4],
    ["pslld", 0x72, 6],
    ["psrlq", 0x73, 2],
    ["psllq", 0x73, 6],
    ["psrldq", 0x73, 3],
    ["pslldq", 0x73, 7],
  ] as const) {
    const count = (b: Builder): void => {
      if (b.rng.chance(0.8)) b.code[b.code.length - 1] = b.rng.below(70);
    };
    // ModRM.reg is the opcode's; r/m the register
    const shift = { ext, modrm: "r", imm: "b", finish: count, reg: "gpr" } as const;
    if (!name.endsWith("dq")) rows.push(mmx(`${name} P,Ib`, opcode, { ...shift, weight: 0.7 }));
    rows.push(xmm(`${name} V,Ib`, opcode, 0x66, shift));
  } // prettier-ignore
  for (const [name, opcode] of [
    ["unpcklp", 0x14],
    ["unpckhp", 0x15],
    ["andp", 0x54],
    ["andnp", 0x55],
    ["orp", 0x56],
    ["xorp", 0x57],
  ] as const) {
    rows.push(
      xmm(`${name}s`, opcode, undefined, { ...aligned, weight: 0.7 }),
      xmm(`${name}d`, opcode, 0x66, { ...aligned, weight: 0.7 }),
    );
  }
  return rows;
}

/** FXSAVE's image of pointers and reserved parts; FXRSTOR's image. */
function saves(): Row[] {
  const area = { modrm: "m", memory: 512, align: 16, plain: true, unit: "x87", looseFault: true } as const;
  const stored = (b: Builder): void => {
    b.ignoreMemory(b.address + 5n, 19); // reserved, opcode, pointers
    b.ignoreMemory(b.address + 28n, 4); // MXCSR_MASK
    for (let i = 0; i < 8; i++) b.ignoreMemory(b.address + BigInt(42 + 16 * i), 6);
    b.ignoreMemory(b.address + 416n, 96);
  };
  const image = (b: Builder): void => {
    const { rng } = b;
    const masks = rng.chance(0.6) ? 0x3f : rng.u32() & 0x3f;
    const sticky = rng.u32() & masks;
    b.poke64(b.address, BigInt(0x40 | masks | (rng.pick([0, 2, 3]) << 8) | (rng.below(4) << 10)), 2);
    b.poke64(b.address + 2n, BigInt(sticky | (rng.u32() & 0x7f00)), 2);
    b.poke64(b.address + 4n, BigInt(rng.u32() & 0xff), 2);
    b.poke64(b.address + 24n, BigInt(rng.chance(0.9) ? rng.u32() & 0xffff : rng.u32()), 4);
  };
  const mxcsr = (b: Builder): void =>
    b.poke64(b.address, BigInt(b.rng.chance(0.85) ? b.rng.u32() & 0xffff : b.rng.u32()), 4);
  return [
    { ...area, name: "fxsave", opcode: [0x0f, 0xae], ext: 0, sizing: "x", access: "w", finish: stored },
    { ...area, name: "fxsave64", opcode: [0x0f, 0xae], ext: 0, sizing: "w", access: "w", finish: stored },
    { ...area, name: "fxrstor", opcode: [0x0f, 0xae], ext: 1, sizing: "x", finish: image },
    { ...area, name: "fxrstor64", opcode: [0x0f, 0xae], ext: 1, sizing: "w", finish: image },
    {
      name: "ldmxcsr",
      opcode: [0x0f, 0xae],
      ext: 2,
      modrm: "m",
      memory: 4,
      sizing: "x",
      plain: true,
      finish: mxcsr,
    },
    {
      name: "stmxcsr",
      opcode: [0x0f, 0xae],
      ext: 3,
      modrm: "m",
      memory: 4,
      sizing: "x",
      plain: true,
      lanes: "f32",
      access: "w",
    },
  ]; // prettier-ignore
}

export const vectorRows = {
  "sse-float": floatArithmetic(),
  "sse-convert": conversions(),
  "vector-move": moves(),
  "vector-integer": packedIntegers(),
  "fx-state": saves(),
};
