/** String instructions, the stack, branches. */
import { DF, S_FS_BASE, S_GS_BASE } from "../case.ts";
import { CODE, CODE_SIZE, DATA, PAGE, STACK, STACK_SIZE } from "../machine.ts";
import { type Builder, RSP } from "./builder.ts";
import type { Row } from "./row.ts";
import { integer } from "./values.ts";

const RAX = 0;
const RCX = 1;
const RBP = 5;
const RSI = 6;
const RDI = 7;

/** Registers of a string instruction: pointers, a count, and memory that makes REPZ stop somewhere. */
function string(reads: "none" | "si" | "di" | "both", writes: boolean) {
  return (b: Builder): void => {
    const { rng } = b;
    const down = (b.flags & DF) !== 0;
    const count = b.rep ? BigInt(rng.pick([0, 1, 2, 3, 5, 8, 13, 21, 33])) : integer(rng);
    const low = b.addressSize === 4;
    const counter = low && b.rep ? count | (BigInt(rng.u32()) << 32n) : count;
    b.fix(RCX, counter);
    const place = (access: "r" | "w"): bigint => {
      // near an edge often: of a page, of what is mapped, of what is writable
      if (rng.chance(0.35)) {
        const edges = [PAGE, 2 * PAGE, ...(access === "r" ? [3 * PAGE] : []), 0, 4 * PAGE, 5 * PAGE];
        const steps = rng.below(10) * b.size + rng.below(b.size);
        return DATA + BigInt(rng.pick(edges) + (down ? steps - b.size : -steps));
      }
      return b.target(b.size, access);
    };
    const overlap = rng.chance(0.25);
    const source = place("r");
    let destination = place(writes ? "w" : "r");
    if (overlap)
      destination = BigInt.asUintN(
        64,
        source + BigInt(rng.below(9) - 4) * BigInt(rng.chance(0.5) ? b.size : 1),
      );
    const fixAddress = (r: number, v: bigint): void =>
      b.fix(r, low ? BigInt.asUintN(32, v) | (BigInt(rng.u32()) << 32n) : v);
    let base = 0n;
    if ((reads === "si" || reads === "both") && rng.chance(0.12)) {
      // DS:RSI may be FS:RSI; ES:RDI stays
      const fs = rng.chance(0.5);
      base = BigInt(rng.below(0x10000000));
      b.view.setBigUint64(fs ? S_FS_BASE : S_GS_BASE, base, true);
      b.prefixes.push(fs ? 0x64 : 0x65);
    }
    fixAddress(RSI, source - base);
    fixAddress(RDI, destination);
    if (reads !== "both" && writes) return;
    // compares and scans: equal or not for a few elements
    const element = integer(rng);
    const same = rng.chance(0.7);
    const n = rng.below(12);
    for (let i = 0; i < n; i++) {
      const step = BigInt((down ? -i : i) * b.size);
      const last = i === n - 1;
      const other = last ? integer(rng) : same ? element : integer(rng);
      if (reads !== "di") b.poke64(source + step, element, b.size);
      if (reads !== "si") b.poke64(destination + step, other, b.size);
    }
    if (reads === "di") b.setGpr(RAX, element);
  };
}

function strings(): Row[] {
  const rows: Row[] = [];
  const kinds = [
    ["movs", 0xa4, "rep", string("si", true)],
    ["cmps", 0xa6, "repz", string("both", false)],
    ["stos", 0xaa, "rep", string("none", true)],
    ["lods", 0xac, "rep", string("si", false)],
    ["scas", 0xae, "repz", string("di", false)],
  ] as const;
  for (const [op, opcode, rep, setup] of kinds) {
    const weight = op === "lods" ? 1.5 : 3;
    rows.push(
      { name: `${op}b`, opcode: [opcode], sizing: "b", rep, weight, setup },
      { name: `${op}v`, opcode: [opcode + 1], sizing: "v", rep, weight: weight * 2, setup },
    ); // prettier-ignore
  }
  return rows;
}

/** RSP in the middle, or where the next push or pop meets an edge. */
function edgyStack(b: Builder): void {
  const { rng } = b;
  if (rng.chance(0.88)) return;
  const at = rng.pick([
    STACK, // a push falls off
    STACK + BigInt(STACK_SIZE), // a pop falls off
    STACK + 0x1000n,
    DATA + 0x3000n, // read only below
    DATA + 0x5000n,
    0x0000900000000000n,
    0x0000800000000000n,
  ]);
  b.fix(RSP, at + BigInt(rng.pick([0, 0, 0, 1, 2, 4, 7, -1, -2, -4, -7, 8, -8])));
}

/** For addresses that come from registers or memory: the code may lie anywhere, so stay out of its way altogether. */
function wildTarget(b: Builder): bigint {
  const kind = b.rng.below(20);
  if (kind === 0) return DATA + BigInt(b.rng.below(PAGE)); // not executable
  if (kind === 1) return DATA + 0x3000n + BigInt(b.rng.below(PAGE)); // nothing
  if (kind === 2) return b.rng.pick([0x0000800000000000n, 0x8000000000000000n, 0xdeadbeefdeadbeefn]);
  return CODE + BigInt(CODE_SIZE - 0x1f0 + b.rng.below(0x1c0)); // no instruction starts there, see #finishBytes
}

const FLAG_IMAGES = 0x244cd5n; // AC ID NT and the rest: not TF

function stack(): Row[] {
  const common = { stack: true, setup: edgyStack } as const;
  const popfImage = (b: Builder): void => {
    const image = b.rng.u64() & (b.rng.chance(0.5) ? FLAG_IMAGES : 0xffffffffffff0eddn) & ~0x100n;
    b.poke64(b.gpr(RSP), image);
  };
  return [
    { ...common, name: "push Zq", opcode: [0x50], plus: true, sizing: "q", weight: 2 },
    { ...common, name: "pop Zq", opcode: [0x58], plus: true, sizing: "q", weight: 2 },
    { ...common, name: "push Eq", opcode: [0xff], ext: 6, sizing: "q", modrm: "rm", weight: 2 },
    { ...common, name: "pop Eq", opcode: [0x8f], ext: 0, sizing: "q", modrm: "rm", access: "w", weight: 2 },
    { ...common, name: "push Iz", opcode: [0x68], sizing: "q", imm: "z" },
    { ...common, name: "push Ibs", opcode: [0x6a], sizing: "q", imm: "b" },
    { ...common, name: "push fs", opcode: [0x0f, 0xa0], sizing: "q", weight: 0.4 },
    { ...common, name: "push gs", opcode: [0x0f, 0xa8], sizing: "q", weight: 0.4 },
    { ...common, name: "pushf", opcode: [0x9c], sizing: "q" },
    { ...common, name: "popf", opcode: [0x9d], sizing: "q", weight: 2, finish: popfImage },
    {
      ...common,
      name: "leave",
      opcode: [0xc9],
      sizing: "q",
      setup: (b) => {
        edgyStack(b);
        b.fix(RBP, b.rng.chance(0.9) ? STACK + BigInt(b.rng.below(STACK_SIZE - 8)) : b.target(8, "r"));
      },
    },
    {
      ...common,
      name: "enter",
      looseFault: true,
      opcode: [0xc8],
      sizing: "q",
      imm: "wb",
      weight: 2,
      setup: (b) => {
        edgyStack(b);
        b.fix(RBP, b.rng.chance(0.95) ? STACK + BigInt(0x400 + 8 * b.rng.below(0x100)) : b.target(8, "r"));
      },
      finish: (b) => {
        // the frame mostly stays on the stack's pages; nesting levels small
        const at = b.code.length - 3;
        b.code[at + 1] = b.rng.chance(0.9) ? b.rng.below(3) : b.rng.below(256);
        b.code[at + 2] = b.rng.chance(0.85) ? b.rng.below(4) : b.rng.below(256);
      },
    },
  ]; // prettier-ignore
}

function branches(): Row[] {
  const rows: Row[] = [];
  const near =
    (head: number[], displacement: 1 | 4, condition?: (b: Builder) => void) =>
    (b: Builder): Uint8Array => {
      condition?.(b);
      const { rng } = b;
      const prefixes: number[] = [];
      if (rng.chance(0.1)) prefixes.push(rng.pick([0x2e, 0x3e])); // hints
      if (b.addressSize === 4) prefixes.push(0x67);
      if (rng.chance(0.06)) prefixes.push(0x66); // ignored on Intel
      if (rng.chance(0.05)) prefixes.push(0xf2);
      if (rng.chance(0.08)) prefixes.push(0x48);
      const bytes = new Uint8Array(prefixes.length + head.length + displacement);
      bytes.set([...prefixes, ...head]);
      // the code lies somewhere in [CODE + 0x100, CODE + CODE_SIZE - 0x200)
      let distance: number;
      if (displacement === 1) {
        distance = rng.chance(0.5) ? 16 + rng.below(112) : -32 - rng.below(96);
        bytes[bytes.length - 1] = distance;
      } else {
        distance = rng.chance(0.8)
          ? rng.chance(0.5)
            ? 16 + rng.below(240)
            : -32 - rng.below(220)
          : rng.u32() | 0;
        if (Math.abs(distance) > 300 && Math.abs(distance) < 0x4000) distance = 0x12345;
        new DataView(bytes.buffer).setInt32(bytes.length - 4, distance, true);
      }
      return bytes;
    };
  for (let cc = 0; cc < 16; cc++) {
    rows.push(
      { name: "jcc rel8", opcode: [0x70 + cc], sizing: "f", assemble: near([0x70 + cc], 1), weight: 0.25 },
      {
        name: "jcc rel32",
        opcode: [0x80 + cc],
        sizing: "f",
        assemble: near([0x0f, 0x80 + cc], 4),
        weight: 0.25,
      },
    );
  }
  const counted = (b: Builder): void => {
    const n = b.rng.pick([0n, 1n, 2n, 0x100000000n, 0xffffffff00000001n, 0xffffffff00000000n, b.rng.u64()]);
    b.setGpr(RCX, n);
  };
  const stacked = { stack: true, sizing: "f" } as const;
  rows.push(
    { name: "loopne", opcode: [0xe0], sizing: "f", assemble: near([0xe0], 1, counted), weight: 0.7 },
    { name: "loope", opcode: [0xe1], sizing: "f", assemble: near([0xe1], 1, counted), weight: 0.7 },
    { name: "loop", opcode: [0xe2], sizing: "f", assemble: near([0xe2], 1, counted), weight: 0.7 },
    { name: "jrcxz", opcode: [0xe3], sizing: "f", assemble: near([0xe3], 1, counted), weight: 0.7 },
    { name: "jmp rel8", opcode: [0xeb], sizing: "f", assemble: near([0xeb], 1), weight: 0.5 },
    { name: "jmp rel32", opcode: [0xe9], sizing: "f", assemble: near([0xe9], 4) },
    { ...stacked, name: "call rel32", opcode: [0xe8], assemble: near([0xe8], 4, edgyStack), weight: 1.5 },
    {
      ...stacked,
      name: "call Eq",
      opcode: [0xff],
      ext: 2,
      modrm: "rm",
      setup: edgyStack,
      finish: indirect,
      weight: 2,
    },
    { name: "jmp Eq", opcode: [0xff], ext: 4, modrm: "rm", sizing: "f", finish: indirect, weight: 1.5 },
    {
      ...stacked,
      name: "ret",
      opcode: [0xc3],
      setup: edgyStack,
      finish: (b) => b.poke64(b.gpr(RSP), wildTarget(b)),
      weight: 1.5,
    },
    {
      ...stacked,
      name: "ret Iw",
      opcode: [0xc2],
      imm: "w",
      setup: edgyStack,
      finish: (b) => b.poke64(b.gpr(RSP), wildTarget(b)),
    },
    { name: "int3", opcode: [0xcc], sizing: "x", plain: true, weight: 0.1 },
  ); // prettier-ignore
  return rows;
}

/** The operand leads to code. A register that an address needs as it is leads wherever it does: not into the code. */
function indirect(b: Builder): void {
  if (b.rm === RSP || b.fixed.has(b.rm)) return;
  b.setRm(wildTarget(b), 8);
}

export const controlRows = { string: strings(), stack: stack(), branch: branches() };
