/**
 * Recorded answers, kept small: only what the instruction changed. The inputs are not kept; they come from the seed
 * again, and a checksum tells whether the generator still makes the same ones.
 *
 *   u32 magic, version, seed, cases per row, checksum of the inputs, cases; then per case (v = variable-length number):
 *
 *   u8 vector, what changed (CHANGED_*); then as these say
 *     fault    v error, u64 cr2 (page faults)
 *     rip      v signed distance from the end of the code and its int3 (faults: from the start of the code)
 *     flags    v bits that differ
 *     gpr      u16 which, each: u8 which bytes differ, these bytes
 *     xmm      u16 which, each: u16 which bytes differ, these bytes
 *     x87      u8 which of FCW FSW FTW MXCSR and of them the new u16 u16 u8 u32; u8 which physical registers, 10 bytes each
 *     memory   v runs, each: v offset from the last, v length, bytes
 */
import {
  type Case,
  type Patch,
  type Result,
  S_FCW,
  S_FSW,
  S_FTW,
  S_GPR,
  S_MXCSR,
  S_RFLAGS,
  S_RIP,
  S_ST,
  S_XMM,
  VECTOR_INT3,
  VECTOR_PF,
  viewOf,
} from "./case.ts"; // prettier-ignore

const MAGIC = 0x46505543;
const VERSION = 1;
const HEAD_SIZE = 24;

const CHANGED_FAULT = 1;
const CHANGED_RIP = 2;
const CHANGED_FLAGS = 4;
const CHANGED_GPR = 8;
const CHANGED_XMM = 16;
const CHANGED_X87 = 32;
const CHANGED_MEMORY = 64;

export interface FixtureHead {
  readonly seed: number;
  readonly perRow: number;
  readonly checksum: number;
  readonly cases: number;
}

/** FNV-1a over everything that goes into the cases. */
function checksumOf(cases: readonly Case[]): number {
  let h = 0x811c9dc5;
  const add = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ (bytes[i] as number), 0x01000193);
  };
  for (const c of cases) {
    add(c.code);
    add(c.state);
    for (const p of c.patches) {
      h = Math.imul(h ^ p.offset, 0x01000193);
      add(p.bytes);
    }
  }
  return h >>> 0;
}

/** Where RIP is expected if nothing special happens. */
function usualRip(c: Case, vector: number): bigint {
  const start = viewOf(c.state).getBigUint64(S_RIP, true);
  return vector === VECTOR_INT3 ? start + BigInt(c.code.length + 1) : start;
}

/** Registers R0..R7 as they lie in the processor, not as the stack's top turns them. */
function physical(state: Uint8Array, r: number): Uint8Array {
  const top = (viewOf(state).getUint16(S_FSW, true) >> 11) & 7;
  const at = S_ST + 16 * ((r - top) & 7);
  return state.subarray(at, at + 10);
}

class Writer {
  #bytes = new Uint8Array(1 << 16);
  #view = viewOf(this.#bytes);
  length = 0;

  #room(n: number): number {
    if (this.length + n > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length + n);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = viewOf(larger);
    }
    this.length += n;
    return this.length - n;
  }
  u8(v: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, v);
  }
  u16(v: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, v, true);
  }
  u32(v: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, v, true);
  }
  u64(v: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, v, true);
  }
  v(v: bigint): void {
    let rest = v;
    for (; rest >= 0x80n; rest >>= 7n) this.u8(Number(rest & 0x7fn) | 0x80);
    this.u8(Number(rest));
  }
  signed(v: bigint): void {
    this.v(v < 0n ? -2n * v - 1n : 2n * v);
  }
  bytes(v: Uint8Array): void {
    const at = this.#room(v.length);
    this.#bytes.set(v, at);
  }
  /** The bytes that differ, behind a bit for each. */
  difference(from: Uint8Array, to: Uint8Array): void {
    let which = 0;
    for (let i = 0; i < to.length; i++) if (from[i] !== to[i]) which |= 1 << i;
    if (to.length > 8) this.u16(which);
    else this.u8(which);
    for (let i = 0; i < to.length; i++) if (from[i] !== to[i]) this.u8(to[i] as number);
  }
  /** All that was written; the writer is empty again. */
  take(): Uint8Array {
    const all = this.#bytes.slice(0, this.length);
    this.length = 0;
    return all;
  }
}

class Reader {
  #view: DataView;
  #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
  u8(): number {
    return this.#view.getUint8(this.at++);
  }
  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2, true);
  }
  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }
  u64(): bigint {
    this.at += 8;
    return this.#view.getBigUint64(this.at - 8, true);
  }
  v(): bigint {
    let v = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8();
      v |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
  }
  signed(): bigint {
    const v = this.v();
    return v & 1n ? -(v + 1n) / 2n : v / 2n;
  }
  bytes(n: number): Uint8Array {
    this.at += n;
    return this.#bytes.subarray(this.at - n, this.at);
  }
  difference(to: Uint8Array): void {
    const which = to.length > 8 ? this.u16() : this.u8();
    for (let i = 0; i < to.length; i++) if (which & (1 << i)) to[i] = this.u8();
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const FILES = [
  { changed: CHANGED_GPR, at: S_GPR, size: 8 },
  { changed: CHANGED_XMM, at: S_XMM, size: 16 },
] as const;

/** FCW FSW FTW MXCSR */
const X87_WORDS = [
  [S_FCW, 2],
  [S_FSW, 2],
  [S_FTW, 1],
  [S_MXCSR, 4],
] as const; // prettier-ignore

function encodeResult(w: Writer, body: Writer, c: Case, r: Result): void {
  const before = viewOf(c.state);
  const after = viewOf(r.state);
  let changed = 0;
  if (r.error !== 0 || r.vector === VECTOR_PF) {
    changed |= CHANGED_FAULT;
    body.v(BigInt(r.error));
    if (r.vector === VECTOR_PF) body.u64(r.cr2);
  }
  const rip = after.getBigUint64(S_RIP, true) - usualRip(c, r.vector);
  if (rip !== 0n) {
    changed |= CHANGED_RIP;
    body.signed(rip);
  }
  const flags = before.getBigUint64(S_RFLAGS, true) ^ after.getBigUint64(S_RFLAGS, true);
  if (flags !== 0n) {
    changed |= CHANGED_FLAGS;
    body.v(flags);
  }
  for (const file of FILES) {
    const differ: number[] = [];
    for (let i = 0; i < 16; i++) {
      const at = file.at + file.size * i;
      if (!same(c.state.subarray(at, at + file.size), r.state.subarray(at, at + file.size))) differ.push(i);
    }
    if (differ.length === 0) continue;
    changed |= file.changed;
    body.u16(differ.reduce((bits, i) => bits | (1 << i), 0));
    for (const i of differ) {
      const at = file.at + file.size * i;
      body.difference(c.state.subarray(at, at + file.size), r.state.subarray(at, at + file.size));
    }
  }
  const words = X87_WORDS.filter(
    ([at, n]) => !same(c.state.subarray(at, at + n), r.state.subarray(at, at + n)),
  );
  const registers = [0, 1, 2, 3, 4, 5, 6, 7].filter((n) => !same(physical(c.state, n), physical(r.state, n)));
  if (words.length + registers.length > 0) {
    changed |= CHANGED_X87;
    body.u8(words.reduce((bits, word) => bits | (1 << X87_WORDS.indexOf(word)), 0));
    for (const [at, n] of words) body.bytes(r.state.subarray(at, at + n));
    body.u8(registers.reduce((bits, n) => bits | (1 << n), 0));
    for (const n of registers) body.bytes(physical(r.state, n));
  }
  if (r.writes.length > 0) {
    changed |= CHANGED_MEMORY;
    body.v(BigInt(r.writes.length));
    let last = 0;
    for (const p of r.writes) {
      body.v(BigInt(p.offset - last));
      body.v(BigInt(p.bytes.length));
      body.bytes(p.bytes);
      last = p.offset + p.bytes.length;
    }
  }
  w.u8(r.vector);
  w.u8(changed);
  w.bytes(body.take());
}

function decodeResult(r: Reader, c: Case): Result {
  const vector = r.u8();
  const changed = r.u8();
  const state = c.state.slice();
  const view = viewOf(state);
  const error = changed & CHANGED_FAULT ? Number(r.v()) : 0;
  const cr2 = changed & CHANGED_FAULT && vector === VECTOR_PF ? r.u64() : 0n;
  const rip = changed & CHANGED_RIP ? r.signed() : 0n;
  view.setBigUint64(S_RIP, BigInt.asUintN(64, usualRip(c, vector) + rip), true);
  if (changed & CHANGED_FLAGS) view.setBigUint64(S_RFLAGS, view.getBigUint64(S_RFLAGS, true) ^ r.v(), true);
  for (const file of FILES) {
    if (!(changed & file.changed)) continue;
    const which = r.u16();
    for (let i = 0; i < 16; i++)
      if (which & (1 << i))
        r.difference(state.subarray(file.at + file.size * i, file.at + file.size * (i + 1)));
  }
  if (changed & CHANGED_X87) {
    const words = r.u8();
    X87_WORDS.forEach(([at, n], i) => {
      if (words & (1 << i)) state.set(r.bytes(n), at);
    });
    // the top may have moved
    for (let n = 0; n < 8; n++) physical(state, n).set(physical(c.state, n));
    const registers = r.u8();
    for (let n = 0; n < 8; n++) if (registers & (1 << n)) physical(state, n).set(r.bytes(10));
  }
  const writes: Patch[] = [];
  if (changed & CHANGED_MEMORY) {
    let last = 0;
    for (let n = Number(r.v()); n > 0; n--) {
      const offset = last + Number(r.v());
      const length = Number(r.v());
      writes.push({ offset, bytes: r.bytes(length).slice() });
      last = offset + length;
    }
  }
  return { vector, error, cr2, state, writes };
}

export function encodeFixture(
  seed: number,
  perRow: number,
  cases: readonly Case[],
  results: readonly Result[],
): Uint8Array {
  const w = new Writer();
  const body = new Writer();
  for (const v of [MAGIC, VERSION, seed, perRow, checksumOf(cases), cases.length]) w.u32(v);
  cases.forEach((c, i) => {
    encodeResult(w, body, c, results[i] as Result);
  });
  return w.take();
}

export function fixtureHead(bytes: Uint8Array): FixtureHead {
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION)
    throw new Error("not a fixture of ours");
  const [seed, perRow, checksum, cases] = [8, 12, 16, 20].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  return { seed, perRow, checksum, cases };
}

/** Answers to the cases that the fixture was recorded from. */
export function decodeFixture(bytes: Uint8Array, cases: readonly Case[]): Result[] {
  const head = fixtureHead(bytes);
  if (head.cases !== cases.length || head.checksum !== checksumOf(cases))
    throw new Error(
      "the generator has changed since these answers were recorded: node scripts/record-cpu.mjs",
    );
  const r = new Reader(bytes);
  r.at = HEAD_SIZE;
  const results = cases.map((c) => decodeResult(r, c));
  if (r.at !== bytes.length) throw new Error("fixture has a tail");
  return results;
}
