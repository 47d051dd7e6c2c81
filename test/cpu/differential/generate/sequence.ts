/**
 * Several instructions in a row: flags made by one and used by another, partial registers, short jumps and loops. An
 * engine that computes flags lazily, or not at all when nobody asks, shows its mistakes only here.
 *
 * What is undefined after one instruction must not reach a later one: each step says which flags it reads, defines and
 * leaves undefined, and a step that would read an undefined flag is not taken.
 */
import { AF, CF, OF, PF, SF, STATUS, ZF } from "../case.ts";
import { DATA } from "../machine.ts";
import type { Random } from "../prng.ts";
import type { Builder } from "./builder.ts";
import type { Row } from "./row.ts";
import { integer } from "./values.ts";

interface Step {
  readonly bytes: readonly number[];
  readonly reads: number;
  readonly defines: number;
  readonly undefines: number;
}

/** Points to memory all the time. */
const POINTER = 15;
const RSP = 4;

const CONDITION_READS = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF] as const;

function step(bytes: readonly number[], reads = 0, defines = 0, undefines = 0): Step {
  return { bytes, reads, defines, undefines };
}

function register(rng: Random): number {
  for (;;) {
    const r = rng.below(15);
    if (r !== RSP) return r;
  }
}

const size = (rng: Random): number => rng.pick([1, 2, 4, 4, 8, 8]);

function immediate(rng: Random, bytes: number): number[] {
  let v = integer(rng);
  return Array.from({ length: bytes }, () => {
    const byte = Number(v & 0xffn);
    v >>= 8n;
    return byte;
  });
}

/**
 * One instruction with ModRM: r/m a register or memory at the pointer. `opcode` is that of the byte form where `size` is
 * 1; otherwise the caller has chosen it.
 */
function encode(
  rng: Random,
  opcode: readonly number[],
  bytes: number,
  reg: number,
  tail: readonly number[] = [],
  memory = 0.3,
): number[] {
  const inMemory = rng.chance(memory);
  // without REX 4..7 are AH CH DH BH; with it 4 is SPL, which must stay
  const rm = inMemory ? POINTER : register(rng);
  const plainByte = bytes === 1 && reg < 8 && rm < 8 && rng.chance(0.6);
  let rex = (bytes === 8 ? 8 : 0) | (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0);
  if (rex || (bytes === 1 && !plainByte)) rex |= 0x40;
  const modrm = inMemory ? 0x40 | ((reg & 7) << 3) | (rm & 7) : 0xc0 | ((reg & 7) << 3) | (rm & 7);
  return [
    ...(bytes === 2 ? [0x66] : []),
    ...(rex ? [rex] : []),
    ...opcode,
    modrm,
    ...(inMemory ? [rng.below(8) * 8 + rng.below(2)] : []),
    ...tail,
  ];
}

const ALU_READS = [0, 0, CF, CF, 0, 0, 0, 0];

function alu(rng: Random): Step {
  const op = rng.below(8);
  const n = size(rng);
  const wide = n === 1 ? 0 : 1;
  const form = rng.below(4);
  // AF after OR, AND, XOR: undefined by the book, 0 on every processor there is; kept out of what is compared
  const open = op === 1 || op === 4 || op === 6 ? AF : 0;
  const bytes =
    form === 0
      ? encode(rng, [(op << 3) + wide], n, register(rng))
      : form === 1
        ? encode(rng, [(op << 3) + 2 + wide], n, register(rng))
        : form === 2
          ? encode(rng, [n === 1 ? 0x80 : 0x83], n, op, immediate(rng, 1))
          : encode(rng, [0x80 + wide], n, op, immediate(rng, Math.min(n, 4)));
  return step(bytes, ALU_READS[op], STATUS, open);
}

function unary(rng: Random): Step {
  const n = size(rng);
  const wide = n === 1 ? 0 : 1;
  switch (rng.below(4)) {
    case 0:
      return step(encode(rng, [0xfe + wide], n, 0), 0, STATUS & ~CF);
    case 1:
      return step(encode(rng, [0xfe + wide], n, 1), 0, STATUS & ~CF);
    case 2:
      return step(encode(rng, [0xf6 + wide], n, 2));
    default:
      return step(encode(rng, [0xf6 + wide], n, 3), 0, STATUS);
  }
}

/** Flags of a shift or rotation by a known count. */
function shifted(bytes: readonly number[], op: number, n: number, raw: number): Step {
  const count = raw & (n === 8 ? 63 : 31);
  if (count === 0) return step(bytes);
  const single = count === 1 ? OF : 0;
  const many = count === 1 ? 0 : OF;
  if (op < 4) return step(bytes, op >= 2 ? CF : 0, CF | single, many);
  const lost = op !== 7 && count >= 8 * n ? CF : 0;
  return step(bytes, 0, (SF | ZF | PF | CF | single) & ~lost, AF | many | lost);
}

function shift(rng: Random): Step {
  const op = rng.below(8);
  const n = size(rng);
  const wide = n === 1 ? 0 : 1;
  const raw = rng.chance(0.15) ? 0 : rng.chance(0.3) ? 1 : rng.below(70);
  const form = rng.below(3);
  if (form === 0) return shifted(encode(rng, [0xd0 + wide], n, op), op, n, 1);
  if (form === 1) return shifted(encode(rng, [0xc0 + wide], n, op, [raw]), op, n, raw);
  const setCount = [0xb1, raw]; // mov cl
  return shifted([...setCount, ...encode(rng, [0xd2 + wide], n, op)], op, n, raw);
}

function double(rng: Random): Step {
  const n = rng.pick([4, 8]);
  const raw = rng.chance(0.2) ? 0 : rng.below(64);
  const opcode = rng.pick([0xa4, 0xac]);
  const bytes = rng.chance(0.5)
    ? encode(rng, [0x0f, opcode], n, register(rng), [raw])
    : [0xb1, raw, ...encode(rng, [0x0f, opcode + 1], n, register(rng))];
  return shifted(bytes, 4, n, raw);
}

function multiply(rng: Random): Step {
  const n = size(rng);
  const other = SF | ZF | AF | PF;
  const form = rng.below(4);
  if (form === 0 || n === 1)
    return step(encode(rng, [n === 1 ? 0xf6 : 0xf7], n, rng.pick([4, 5])), 0, CF | OF, other);
  if (form === 1) return step(encode(rng, [0x0f, 0xaf], n, register(rng)), 0, CF | OF, other);
  if (form === 2) return step(encode(rng, [0x6b], n, register(rng), immediate(rng, 1)), 0, CF | OF, other);
  return step(encode(rng, [0x69], n, register(rng), immediate(rng, Math.min(n, 4))), 0, CF | OF, other);
}

function bitTest(rng: Random): Step {
  const n = rng.pick([2, 4, 8]);
  const open = OF | SF | AF | PF;
  // a register as the bit's number only with a register: in memory it would reach anywhere
  if (rng.chance(0.5))
    return step(
      encode(rng, [0x0f, rng.pick([0xa3, 0xab, 0xb3, 0xbb])], n, register(rng), [], 0),
      0,
      CF,
      open,
    );
  return step(encode(rng, [0x0f, 0xba], n, 4 + rng.below(4), [rng.below(256)]), 0, CF, open);
}

function conditional(rng: Random): Step {
  const cc = rng.below(16);
  const reads = CONDITION_READS[cc >> 1] as number;
  if (rng.chance(0.5)) return step(encode(rng, [0x0f, 0x90 + cc], 1, 0), reads);
  return step(encode(rng, [0x0f, 0x40 + cc], rng.pick([2, 4, 8]), register(rng)), reads);
}

function flagMoves(rng: Random): Step {
  switch (rng.below(6)) {
    case 0:
      return step([0x9f], STATUS & ~OF); // lahf
    case 1:
      return step([0x9e], 0, STATUS & ~OF); // sahf
    case 2: {
      const r = rng.below(8);
      return r === RSP ? step([0xf8], 0, CF) : step([0x9c, 0x58 + r], STATUS); // pushf, pop
    }
    case 3:
      return step([0xf5], CF, CF); // cmc
    case 4:
      return step([0xf8], 0, CF);
    default:
      return step([0xf9], 0, CF);
  }
}

function move(rng: Random): Step {
  const n = size(rng);
  const wide = n === 1 ? 0 : 1;
  switch (rng.below(9)) {
    case 0:
      return step(encode(rng, [0x88 + wide], n, register(rng), [], 0.6));
    case 1:
      return step(encode(rng, [0x8a + wide], n, register(rng), [], 0.6));
    case 2:
      return step(encode(rng, [0x0f, rng.pick([0xb6, 0xb7, 0xbe, 0xbf])], rng.pick([4, 8]), register(rng)));
    case 3:
      return step(encode(rng, [0x8d], rng.pick([4, 8]), register(rng), [], 1));
    case 4:
      return step(encode(rng, [0x86 + wide], n, register(rng), [], 0)); // with memory it locks the bus: slow
    case 5:
      return step(encode(rng, [0xc6 + wide], n, 0, immediate(rng, Math.min(n, 4))));
    case 6: {
      const r = register(rng) & 7;
      return r === RSP ? step([0x99]) : step([rng.pick([0x48, 0x40]), 0x0f, 0xc8 + r]); // bswap
    }
    case 7:
      return step([...(rng.chance(0.5) ? [0x48] : []), rng.pick([0x98, 0x99])]);
    default: {
      const from = register(rng);
      const to = register(rng);
      const rex = (r: number): number[] => (r >= 8 ? [0x41] : []);
      return step([...rex(from), 0x50 + (from & 7), ...rex(to), 0x58 + (to & 7)]);
    }
  }
}

function exchange(rng: Random): Step {
  const n = size(rng);
  const wide = n === 1 ? 0 : 1;
  const opcode = rng.pick([0xb0, 0xc0]); // cmpxchg, xadd
  return step(encode(rng, [0x0f, opcode + wide], n, register(rng)), 0, STATUS);
}

const KINDS = [
  alu,
  alu,
  alu,
  unary,
  unary,
  shift,
  shift,
  double,
  multiply,
  bitTest,
  conditional,
  conditional,
  conditional,
  flagMoves,
  move,
  move,
  exchange,
];

/** Steps and what is undefined behind them; undefined: a step would read what is undefined before it. */
function undefinedAfter(steps: readonly Step[], before: number): number | undefined {
  let open = before;
  for (const s of steps) {
    if (s.reads & open) return undefined;
    open = (open & ~s.defines) | s.undefines;
  }
  return open;
}

function some(rng: Random, n: number, before: number): { steps: Step[]; open: number } {
  const steps: Step[] = [];
  let open = before;
  while (steps.length < n) {
    const next = rng.pick(KINDS)(rng);
    const after = undefinedAfter([next], open);
    if (after === undefined) continue;
    steps.push(next);
    open = after;
  }
  return { steps, open };
}

const bytesOf = (steps: readonly Step[]): number[] => steps.flatMap((s) => s.bytes);

/** A condition that may be asked for with these flags undefined. */
function askable(rng: Random, open: number): number {
  for (;;) {
    const cc = rng.below(16);
    const reads = CONDITION_READS[cc >> 1] as number;
    if ((reads & open) === 0) return cc;
    if ((open & STATUS) === STATUS) return -1;
  }
}

function start(b: Builder): void {
  b.fix(POINTER, DATA + BigInt(0x200 + 8 * b.rng.below(0x300)));
}

function straight(b: Builder): Uint8Array {
  start(b);
  const { steps, open } = some(b.rng, 2 + b.rng.below(7), 0);
  b.undefinedFlags = open;
  return new Uint8Array(bytesOf(steps));
}

/** Some steps, a jump over a few more (or not), some again. */
function forked(b: Builder): Uint8Array {
  start(b);
  const { rng } = b;
  for (;;) {
    const first = some(rng, 1 + rng.below(4), 0);
    const cc = askable(rng, first.open);
    if (cc < 0) continue;
    const middle = some(rng, 1 + rng.below(3), first.open);
    const last = some(rng, 1 + rng.below(3), first.open | middle.open);
    const over = bytesOf(middle.steps);
    b.undefinedFlags = last.open;
    return new Uint8Array([...bytesOf(first.steps), 0x70 + cc, over.length, ...over, ...bytesOf(last.steps)]);
  }
}

/** A body that runs a few times: `push rcx; mov ecx, n; ...; pop rcx; dec ecx; jnz`, or LOOP. */
function looped(b: Builder): Uint8Array {
  start(b);
  const { rng } = b;
  for (;;) {
    const body = some(rng, 1 + rng.below(5), 0);
    const counting = rng.chance(0.6);
    // dec leaves CF as it is, loop leaves all
    const around = counting ? [step([0xff, 0xc9], 0, STATUS & ~CF)] : [];
    const once = undefinedAfter([...body.steps, ...around], 0);
    const again = once === undefined ? undefined : undefinedAfter([...body.steps, ...around], once);
    if (again === undefined) continue;
    const inner = [0x51, ...bytesOf(body.steps), 0x59, ...bytesOf(around)];
    const jump = counting ? 0x75 : 0xe2;
    const distance = inner.length + 2;
    if (distance > 120) continue;
    const last = some(rng, rng.below(3), again);
    b.undefinedFlags = last.open;
    return new Uint8Array([
      0xb9,
      2 + rng.below(4),
      0,
      0,
      0,
      ...inner,
      jump,
      256 - distance,
      ...bytesOf(last.steps),
    ]);
  }
}

const common = { opcode: [], sizing: "x", plain: true, stack: true } as const;

export const sequenceRows: { readonly sequence: readonly Row[] } = {
  sequence: [
    { ...common, name: "in a row", assemble: straight, weight: 20 },
    { ...common, name: "with a jump", assemble: forked, weight: 10 },
    { ...common, name: "in a loop", assemble: looped, weight: 8 },
  ],
};
