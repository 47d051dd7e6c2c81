/** What the engine answered beside what the processor answered; what the architecture leaves open does not count. */
import {
  AF,
  C0,
  C1,
  C2,
  C3,
  type Case,
  CF,
  DF,
  GPR_NAMES,
  OF,
  PF,
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
  SF,
  VECTOR_INT3,
  VECTOR_PF,
  viewOf,
  ZF,
} from "./case.ts"; // prettier-ignore

interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

export interface Verdict {
  readonly differences: readonly Difference[];
  /** Undefined flags or registers in which the two do not agree either; empty: they even agree there. */
  readonly undefinedDifferences: readonly string[];
}

/** TF and RF are not the program's. */
const ALL_FLAGS = 0xfffffeffn & ~0x10000n;

const FLAG_NAMES = [
  [CF, "CF"],
  [PF, "PF"],
  [AF, "AF"],
  [ZF, "ZF"],
  [SF, "SF"],
  [DF, "DF"],
  [OF, "OF"],
] as const; // prettier-ignore

export function flagNames(flags: number): string {
  const names = FLAG_NAMES.filter(([bit]) => flags & bit).map(([, name]) => name);
  const rest = flags & ~0x202 & ~FLAG_NAMES.reduce((all, [bit]) => all | bit, 0);
  if ((flags & 0x200) === 0) names.push("if" as never);
  if (rest) names.push(`0x${rest.toString(16)}` as never);
  return names.length ? names.join(" ") : "-";
}

export const hex = (v: bigint | number): string => v.toString(16);

/** Sign and exponent, then the significand. */
export function st(state: Uint8Array, r: number): string {
  const top = (viewOf(state).getUint16(S_FSW, true) >> 11) & 7;
  const at = S_ST + 16 * ((r - top) & 7);
  const view = viewOf(state);
  return `${hex(view.getUint16(at + 8, true)).padStart(4, "0")}:${hex(view.getBigUint64(at, true)).padStart(16, "0")}`;
}

export function xmm(state: Uint8Array, r: number): string {
  const view = viewOf(state);
  const half = (at: number): string => hex(view.getBigUint64(at, true)).padStart(16, "0");
  return `${half(S_XMM + 16 * r + 8)}_${half(S_XMM + 16 * r)}`;
}

/** Value of an 80-bit number as significand * 2^exponent; undefined for what is no finite number. */
function parts(text: string): { negative: boolean; significand: bigint; exponent: number } | undefined {
  const head = Number.parseInt(text.slice(0, 4), 16);
  if ((head & 0x7fff) === 0x7fff) return undefined;
  return {
    negative: head >= 0x8000,
    significand: BigInt(`0x${text.slice(5)}`),
    exponent: Math.max(head & 0x7fff, 1),
  };
}

/** Within a relative 2^-48. */
function nearlySt(expected: string, got: string): boolean {
  const a = parts(expected);
  const b = parts(got);
  if (!a || !b || a.significand === 0n || a.negative !== b.negative) return expected === got;
  if (Math.abs(a.exponent - b.exponent) > 1) return false;
  const least = Math.min(a.exponent, b.exponent);
  const difference =
    (a.significand << BigInt(a.exponent - least)) - (b.significand << BigInt(b.exponent - least));
  return (difference < 0n ? -difference : difference) <= 1n << 16n;
}

/** Each of four lanes within a relative 2^-10, what is no number alike. */
function nearlyXmm(expected: Uint8Array, got: Uint8Array): boolean {
  const a = viewOf(expected);
  const b = viewOf(got);
  for (let i = 0; i < 16; i += 4) {
    if (a.getUint32(i, true) === b.getUint32(i, true)) continue;
    const x = a.getFloat32(i, true);
    const y = b.getFloat32(i, true);
    if (!Number.isFinite(x) || x === 0 || !(Math.abs(x - y) <= Math.abs(x) * 2 ** -10)) return false;
  }
  return true;
}

export function describeOutcome(vector: number, error: number, cr2: bigint): string {
  if (vector === VECTOR_INT3) return "done";
  if (vector === VECTOR_PF) return `#PF(${hex(error)}) at ${hex(cr2)}`;
  const name =
    { 0: "#DE", 1: "#DB", 6: "#UD", 12: "#SS", 13: "#GP", 16: "#MF", 17: "#AC", 19: "#XM" }[vector] ??
    `vector ${vector}`;
  return error ? `${name}(${hex(error)})` : name;
}

/** Beyond user space, whose last page is not usable either, Linux says "present" for every address. */
function errorMask(cr2: bigint): number {
  return cr2 >= 0x7ffffffff000n ? ~1 : ~0;
}

/** The instruction itself is through, whatever came behind it (the last one in the code pages ends in a page fault). */
export function completed(c: Case, r: Result): boolean {
  return (
    r.vector === VECTOR_INT3 ||
    viewOf(r.state).getBigUint64(S_RIP, true) !== viewOf(c.state).getBigUint64(S_RIP, true)
  );
}

export function compareResults(c: Case, expected: Result, got: Result): Verdict {
  const differences: Difference[] = [];
  const undefinedDifferences: string[] = [];
  const differ = (what: string, a: string, b: string): void => {
    differences.push({ what, expected: a, got: b });
  };
  const a = viewOf(expected.state);
  const b = viewOf(got.state);
  const done = completed(c, expected);

  const loose = c.looseFault;
  const inOperand = (va: bigint): boolean =>
    loose !== undefined && va >= loose.from && va < loose.from + BigInt(loose.size);
  const mask = errorMask(expected.cr2) & (loose ? ~1 : ~0);
  if (
    expected.vector !== got.vector ||
    (expected.error & mask) !== (got.error & mask) ||
    (expected.vector === VECTOR_PF &&
      expected.cr2 !== got.cr2 &&
      !(inOperand(expected.cr2) && inOperand(got.cr2)))
  )
    differ(
      "outcome",
      describeOutcome(expected.vector, expected.error, expected.cr2),
      describeOutcome(got.vector, got.error, got.cr2),
    );
  if (a.getBigUint64(S_RIP, true) !== b.getBigUint64(S_RIP, true))
    differ("rip", hex(a.getBigUint64(S_RIP, true)), hex(b.getBigUint64(S_RIP, true)));

  for (let r = 0; r < 16; r++) {
    const open = done ? (c.undefinedGpr.get(r) ?? 0n) : 0n;
    const x = a.getBigUint64(S_GPR + 8 * r, true);
    const y = b.getBigUint64(S_GPR + 8 * r, true);
    if (x === y) continue;
    if (((x ^ y) & ~open) !== 0n) differ(GPR_NAMES[r] ?? "", hex(x), hex(y));
    else undefinedDifferences.push(GPR_NAMES[r] ?? "");
  }

  const flags = (a.getBigUint64(S_RFLAGS, true) ^ b.getBigUint64(S_RFLAGS, true)) & ALL_FLAGS;
  if (flags !== 0n) {
    const open = done ? c.undefinedFlags : 0;
    const wrong = Number(flags) & ~open;
    const names = (view: DataView): string => flagNames(view.getUint32(S_RFLAGS, true));
    if (wrong) differ(`flags (${flagNames(wrong | 0x200)})`, names(a), names(b));
    if (Number(flags) & open) undefinedDifferences.push(flagNames((Number(flags) & open) | 0x200));
  }

  compareVectors(c, expected, got, differ);
  compareX87(c, expected, got, differ, undefinedDifferences);

  for (const p of loose && !done ? [] : got.writes) {
    // `writes` of the engine holds only bytes that are wrong
    const right = expected.writes.find((w) => w.offset <= p.offset && p.offset < w.offset + w.bytes.length);
    const bytes = (list: Uint8Array): string => Buffer.from(list.subarray(0, 32)).toString("hex");
    differ(
      `memory +${hex(p.offset)}`,
      right ? bytes(right.bytes.subarray(p.offset - right.offset)) : "unchanged",
      bytes(p.bytes),
    );
  }
  return { differences, undefinedDifferences };
}

type Differ = (what: string, expected: string, got: string) => void;

function compareVectors(c: Case, expected: Result, got: Result, differ: Differ): void {
  for (let r = 0; r < 16; r++) {
    const x = xmm(expected.state, r);
    const y = xmm(got.state, r);
    if (x === y) continue;
    const at = S_XMM + 16 * r;
    const near = nearlyXmm(expected.state.subarray(at, at + 16), got.state.subarray(at, at + 16));
    if (c.exactness !== "reciprocal" || !near) differ(`xmm${r}`, x, y);
  }
  const a = viewOf(expected.state).getUint32(S_MXCSR, true);
  const b = viewOf(got.state).getUint32(S_MXCSR, true);
  if (a !== b) differ("mxcsr", hex(a), hex(b));
}

function compareX87(c: Case, expected: Result, got: Result, differ: Differ, open: string[]): void {
  const a = viewOf(expected.state);
  const b = viewOf(got.state);
  if (a.getUint16(S_FCW, true) !== b.getUint16(S_FCW, true))
    differ("fcw", hex(a.getUint16(S_FCW, true)), hex(b.getUint16(S_FCW, true)));
  const approximate = c.exactness === "transcendental";
  let undefinedFsw = completed(c, expected) ? c.undefinedFsw : 0;
  if (approximate) undefinedFsw |= 0x30; // UE, PE
  const mayHaveBegun = c.looseFault !== undefined && !completed(c, expected);
  if (mayHaveBegun) undefinedFsw |= 0x3800; // TOP
  const fsw = a.getUint16(S_FSW, true) ^ b.getUint16(S_FSW, true);
  if (fsw & ~undefinedFsw)
    differ("fsw", fswNames(a.getUint16(S_FSW, true)), fswNames(b.getUint16(S_FSW, true)));
  else if (fsw) open.push(`fsw ${hex(fsw)}`);
  if (a.getUint8(S_FTW) !== b.getUint8(S_FTW) && !mayHaveBegun)
    differ("tags", hex(a.getUint8(S_FTW)), hex(b.getUint8(S_FTW)));
  for (let r = 0; r < 8; r++) {
    const x = st(expected.state, r);
    const y = st(got.state, r);
    if (x !== y && !(approximate && nearlySt(x, y))) differ(`R${r}`, x, y);
  }
}

export function fswNames(fsw: number): string {
  const names = ["IE", "DE", "ZE", "OE", "UE", "PE", "SF", "ES"].filter((_, i) => fsw & (1 << i));
  for (const [bit, name] of [
    [C0, "C0"],
    [C1, "C1"],
    [C2, "C2"],
    [C3, "C3"],
  ] as const)
    if (fsw & bit) names.push(name); // prettier-ignore
  return `${hex(fsw).padStart(4, "0")} (top ${(fsw >> 11) & 7}${names.length ? ` ${names.join(" ")}` : ""})`;
}
