/**
 * Finite state entropy (RFC 8878, 4.1): a table of states, each with its symbol, the number of bits to read next, and what
 * to add to them for the state that follows.
 */
import { damage } from "./damage.ts";
import { highestBit, type Input } from "./input.ts";

export interface FseTable {
  /** States are numbers below 2^accuracy. */
  readonly accuracy: number;
  /** Of each state: the symbol << 24 | bits << 16 | base. */
  readonly states: Uint32Array;
}

/** A table whose one state is for `symbol` and needs no bits. */
export const oneSymbol = (symbol: number): FseTable => ({
  accuracy: 0,
  states: Uint32Array.of((symbol << 24) >>> 0),
});

/** `counts` of each symbol, together 2^accuracy; -1 stands for "less than one". */
export function makeFse(counts: ArrayLike<number>, accuracy: number): FseTable {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(counts.length);
  let high = size;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    const count = counts[symbol] as number;
    if (count === -1) symbols[--high] = symbol;
    next[symbol] = Math.abs(count);
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let place = 0;
  for (let symbol = 0; symbol < counts.length; symbol++)
    for (let i = counts[symbol] as number; i > 0; i--) {
      symbols[place] = symbol;
      do place = (place + step) & (size - 1);
      while (place >= high);
    }
  const states = new Uint32Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const n = next[symbol] as number;
    next[symbol] = n + 1;
    const bits = accuracy - highestBit(n);
    states[state] = ((symbol << 24) | (bits << 16) | ((n << bits) - size)) >>> 0;
  }
  return { accuracy, states };
}

/** The table described at byte `at` (4.1.1), and the byte behind it. Symbols are `maxSymbol` at most. */
export function readFse(
  input: Input,
  at: number,
  end: number,
  maxSymbol: number,
  maxAccuracy: number,
): { readonly table: FseTable; readonly end: number } {
  const last = (end - at) * 8;
  if (last < 8) damage("a table's description is missing");
  const peek = (bit: number, bits: number): number =>
    (input.view.getUint32(at + (bit >> 3), true) >>> (bit & 7)) & ((1 << bits) - 1);
  const accuracy = peek(0, 4) + 5;
  if (accuracy > maxAccuracy) damage(`a table has the accuracy ${accuracy}, more than ${maxAccuracy}`);
  let bit = 4;
  let left = 1 << accuracy;
  const counts: number[] = [];
  while (left > 0) {
    if (bit > last) damage("a table's description is cut off");
    if (counts.length > maxSymbol) damage("a table has more symbols than there are");
    const bits = highestBit(left + 1) + 1;
    const short = (1 << (bits - 1)) - 1;
    const spare = (1 << bits) - 2 - left;
    let value = peek(bit, bits);
    if ((value & short) < spare) {
      value &= short;
      bit += bits - 1;
    } else {
      if (value > short) value -= spare;
      bit += bits;
    }
    const count = value - 1;
    left -= Math.abs(count);
    counts.push(count);
    if (count !== 0) continue;
    for (let zeros = 3; zeros === 3; bit += 2) {
      if (bit > last) damage("a table's description is cut off");
      zeros = peek(bit, 2);
      for (let i = 0; i < zeros; i++) counts.push(0);
      if (counts.length > maxSymbol + 1) damage("a table has more symbols than there are");
    }
  }
  if (left < 0 || bit > last) damage("a table's description is cut off or does not add up");
  return { table: makeFse(counts, accuracy), end: at + ((bit + 7) >> 3) };
}
