/** Huffman codes of literals (RFC 8878, 4.2): the tree's description, and streams of symbols, read backward. */
import { damage } from "./damage.ts";
import { readFse } from "./fse.ts";
import { bitsOf, highestBit, type Input } from "./input.ts";

const MAX_BITS = 11;
const MAX_WEIGHT_ACCURACY = 6;
/** The last symbol's weight is not written. */
const MAX_WRITTEN = 255;

export interface HuffmanTable {
  readonly bits: number;
  /** By the next `bits` bits: the symbol << 4 | the bits it really takes. */
  readonly entries: Uint16Array;
}

/** The tree described at byte `at`, and the byte behind it. */
export function readHuffman(
  input: Input,
  at: number,
  end: number,
): { readonly table: HuffmanTable; readonly end: number } {
  if (at >= end) damage("a Huffman tree is missing");
  const head = input.bytes[at] as number;
  const count = head - 127;
  const next = at + 1 + (head < 128 ? head : (count + 1) >> 1);
  if (next > end) damage("a Huffman tree is cut off");
  const weights =
    head < 128
      ? packedWeights(input, at + 1, next)
      : Array.from({ length: count }, (_, i) => {
          const pair = input.bytes[at + 1 + (i >> 1)] as number;
          return i & 1 ? pair & 15 : pair >> 4;
        });
  return { table: makeHuffman(weights), end: next };
}

/** Weights by two states of one table, in turn, until the bits are used up (4.2.1.2). */
function packedWeights(input: Input, start: number, end: number): number[] {
  const { table, end: from } = readFse(input, start, end, MAX_BITS + 1, MAX_WEIGHT_ACCURACY);
  const { accuracy, states } = table;
  let bit = bitsOf(input, from, end);
  const read = (count: number): number => {
    bit -= count;
    return (input.view.getUint32(from + (bit >> 3), true) >>> (bit & 7)) & ((1 << count) - 1);
  };
  let state = read(accuracy);
  let other = read(accuracy);
  if (bit < 0) damage("a Huffman tree is cut off");
  const weights: number[] = [];
  for (;;) {
    const entry = states[state] as number;
    weights.push(entry >>> 24);
    if (weights.length >= MAX_WRITTEN) damage("a Huffman tree has more symbols than there are");
    const next = (entry & 0xffff) + read((entry >>> 16) & 0xff);
    if (bit < 0) {
      weights.push((states[other] as number) >>> 24);
      return weights;
    }
    state = other;
    other = next;
  }
}

function makeHuffman(weights: number[]): HuffmanTable {
  let total = 0;
  for (const weight of weights) {
    if (weight > MAX_BITS + 1) damage("a Huffman tree has a code that is too long");
    if (weight > 0) total += 1 << (weight - 1);
  }
  if (total === 0) damage("a Huffman tree has no symbols");
  const bits = highestBit(total) + 1;
  const rest = (1 << bits) - total;
  if (bits > MAX_BITS || (rest & (rest - 1)) !== 0) damage("a Huffman tree does not add up");
  const all = [...weights, highestBit(rest) + 1];
  if (all.filter((weight) => weight === 1).length < 2) damage("a Huffman tree has no longest codes");
  const entries = new Uint16Array(1 << bits);
  let place = 0;
  for (let weight = 1; weight <= bits; weight++)
    for (let symbol = 0; symbol < all.length; symbol++) {
      if (all[symbol] !== weight) continue;
      const width = 1 << (weight - 1);
      entries.fill((symbol << 4) | (bits + 1 - weight), place, place + width);
      place += width;
    }
  return { bits, entries };
}

/** Fills out[to, toEnd) from the stream in bytes [start, end), which must be used up. */
export function decodeHuffman(
  table: HuffmanTable,
  input: Input,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
  toEnd: number,
): void {
  const { entries, bits } = table;
  const { view } = input;
  const mask = (1 << bits) - 1;
  let bit = bitsOf(input, start, end) - bits; // of the lowest that the next code might have
  const least = -bits;
  let at = to;
  // Two codes have 22 bits at most: one word, however it lies.
  for (const pairs = toEnd - 1; at < pairs; at += 2) {
    const low = bit - bits;
    const word = view.getUint32(start + (low >> 3), true) >>> (low & 7);
    const first = entries[(word >>> bits) & mask] as number;
    out[at] = first >>> 4;
    const second = entries[(word >>> (bits - (first & 15))) & mask] as number;
    out[at + 1] = second >>> 4;
    bit -= (first & 15) + (second & 15);
    if (bit < least) damage("literals are cut off");
  }
  if (at < toEnd) {
    const last = entries[(view.getUint32(start + (bit >> 3), true) >>> (bit & 7)) & mask] as number;
    out[at] = last >>> 4;
    bit -= last & 15;
  }
  if (bit !== least) damage("literals do not end where they should");
}
