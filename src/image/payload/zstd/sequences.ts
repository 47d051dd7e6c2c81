/**
 * The second part of a packed block (RFC 8878, 3.1.1.3.2): so many literals, then so many bytes again from so far back, over
 * and over. Every sequence makes three bytes at least, so the output's bound is the loop's too.
 */
import { damage } from "./damage.ts";
import { type FseTable, makeFse, oneSymbol, readFse } from "./fse.ts";
import { bitsOf, type Input } from "./input.ts";
import type { Literals } from "./literals.ts";

/** Of a code: the least value, and how many bits are added to it (tables 16 and 17). */
interface Codes {
  readonly base: Uint32Array;
  readonly bits: Uint8Array;
}

/** `plain` codes that step by one from `first`, then one for each number of bits. */
function makeCodes(first: number, plain: number, more: readonly number[]): Codes {
  const bits = [...new Array<number>(plain).fill(0), ...more];
  let value = first;
  const base = bits.map((n) => {
    const from = value;
    value += 2 ** n;
    return from;
  });
  return { base: Uint32Array.from(base), bits: Uint8Array.from(bits) };
}

const LITERALS = makeCodes(0, 16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const MATCH = makeCodes(3, 32, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

/** What each of the three kinds of code may be, and its table when none is sent (3.1.1.3.2.2). */
interface Kind {
  readonly maxSymbol: number;
  readonly maxAccuracy: number;
  readonly predefined: FseTable;
}
const kind = (maxAccuracy: number, maxSymbol: number, accuracy: number, counts: readonly number[]): Kind => ({
  maxSymbol,
  maxAccuracy,
  predefined: makeFse(counts, accuracy),
});
const ones = (n: number): number[] => new Array<number>(n).fill(1);
const twos = (n: number): number[] => new Array<number>(n).fill(2);
const rare = (n: number): number[] => new Array<number>(n).fill(-1);

const KINDS = [
  kind(9, 35, 6, [4, 3, ...twos(11), ...ones(3), ...twos(9), 3, 2, ...ones(5), ...rare(4)]),
  kind(8, 31, 5, [...ones(6), ...twos(3), ...ones(15), ...rare(5)]),
  kind(9, 52, 6, [1, 4, 3, ...twos(6), ...ones(37), ...rare(7)]),
] as const;

export class Sequences {
  /** Of literal lengths, offsets and match lengths, as the last block left them. */
  readonly #tables: (FseTable | undefined)[] = [undefined, undefined, undefined];
  /** The last three distances. */
  readonly #recent = new Uint32Array(3);

  /** Before a frame's first block. */
  forget(): void {
    this.#tables.fill(undefined);
    this.#recent.set([1, 4, 8]);
  }

  /**
   * Reads the section in bytes [at, end) and carries it out: `out` is written from `to`, up to `toEnd` at most, and matches
   * reach back to `frameStart`. Answers where it ended.
   */
  run(
    input: Input,
    at: number,
    end: number,
    literals: Literals,
    out: Uint8Array,
    frameStart: number,
    to: number,
    toEnd: number,
  ): number {
    const head = this.#readHead(input, at, end);
    let written = to;
    let used = 0;
    if (head.count > 0) {
      const done = this.#carryOut(input, head, end, literals, out, frameStart, to, toEnd);
      written = done.to;
      used = done.used;
    } else if (head.from !== end) damage("a block goes on behind its sequences");
    const rest = literals.length - used;
    if (rest > toEnd - written) damage("a block unpacks to more than it may");
    out.set(literals.bytes.subarray(used, literals.length), written);
    return written + rest;
  }

  #readHead(input: Input, at: number, end: number): { readonly count: number; readonly from: number } {
    const { bytes } = input;
    if (at >= end) damage("a block has no sequences section");
    const first = bytes[at] as number;
    if (first === 0) return { count: 0, from: at + 1 };
    const count =
      first < 128
        ? first
        : first < 255
          ? ((first - 128) << 8) + (bytes[at + 1] as number)
          : input.view.getUint16(at + 1, true) + 0x7f00;
    let from = at + (first < 128 ? 1 : first < 255 ? 2 : 3);
    if (from >= end) damage("a block's sequences are cut off");
    const modes = bytes[from++] as number;
    if ((modes & 3) !== 0) damage("a block's sequences use a reserved bit");
    for (const [i, { maxSymbol, maxAccuracy, predefined }] of KINDS.entries()) {
      switch ((modes >>> (6 - 2 * i)) & 3) {
        case 0:
          this.#tables[i] = predefined;
          break;
        case 1: {
          const symbol = bytes[from++] as number;
          if (from > end || symbol > maxSymbol) damage("a block's sequences name an impossible code");
          this.#tables[i] = oneSymbol(symbol);
          break;
        }
        case 2: {
          const read = readFse(input, from, end, maxSymbol, maxAccuracy);
          this.#tables[i] = read.table;
          from = read.end;
          break;
        }
        default:
          if (this.#tables[i] === undefined)
            damage("a block's sequences use the table of a block before, and there is none");
      }
    }
    return { count, from };
  }

  #carryOut(
    input: Input,
    { count, from }: { readonly count: number; readonly from: number },
    end: number,
    literals: Literals,
    out: Uint8Array,
    frameStart: number,
    start: number,
    toEnd: number,
  ): { readonly to: number; readonly used: number } {
    const { view } = input;
    const source = literals.bytes;
    const [literalTable, offsetTable, matchTable] = this.#tables as [FseTable, FseTable, FseTable];
    const literalStates = literalTable.states;
    const offsetStates = offsetTable.states;
    const matchStates = matchTable.states;
    const recent = this.#recent;
    let to = start;
    let used = 0;
    let bit = bitsOf(input, from, end);
    /** Up to 25 bits, downward. */
    const read = (bits: number): number => {
      bit -= bits;
      return (view.getUint32(from + (bit >> 3), true) >>> (bit & 7)) & ((1 << bits) - 1);
    };
    let literalState = read(literalTable.accuracy);
    let offsetState = read(offsetTable.accuracy);
    let matchState = read(matchTable.accuracy);

    for (let left = count; left > 0; left--) {
      const literalEntry = literalStates[literalState] as number;
      const offsetEntry = offsetStates[offsetState] as number;
      const matchEntry = matchStates[matchState] as number;
      const offsetBits = offsetEntry >>> 24;
      const high = offsetBits > 16 ? read(offsetBits - 16) * 65_536 : 0;
      const value = 2 ** offsetBits + high + read(Math.min(offsetBits, 16));
      const matchCode = matchEntry >>> 24;
      const length = (MATCH.base[matchCode] as number) + read(MATCH.bits[matchCode] as number);
      const literalCode = literalEntry >>> 24;
      const count = (LITERALS.base[literalCode] as number) + read(LITERALS.bits[literalCode] as number);
      if (left > 1) {
        literalState = (literalEntry & 0xffff) + read((literalEntry >>> 16) & 0xff);
        matchState = (matchEntry & 0xffff) + read((matchEntry >>> 16) & 0xff);
        offsetState = (offsetEntry & 0xffff) + read((offsetEntry >>> 16) & 0xff);
      }
      if (bit < 0) damage("a block's sequences are cut off");
      if (count > literals.length - used) damage("a block's sequences take more literals than there are");
      if (count + length > toEnd - to) damage("a block unpacks to more than it may");

      const distance = value > 3 ? pushDistance(recent, value - 3) : recentDistance(recent, value, count);
      if (count > 32) {
        out.set(source.subarray(used, used + count), to);
        to += count;
        used += count;
      } else for (const until = to + count; to < until; ) out[to++] = source[used++] as number;
      if (distance > to - frameStart) damage("a match reaches back before its frame");
      if (distance === 1) {
        out.fill(out[to - 1] as number, to, to + length);
        to += length;
      } else if (length > 48 && distance >= length) {
        out.copyWithin(to, to - distance, to - distance + length);
        to += length;
      } else {
        let again = to - distance;
        for (const until = to + length; to < until; ) out[to++] = out[again++] as number;
      }
    }
    if (bit !== 0) damage("a block's sequences do not end where they should");
    return { to, used };
  }
}

function pushDistance(recent: Uint32Array, distance: number): number {
  recent[2] = recent[1] as number;
  recent[1] = recent[0] as number;
  recent[0] = distance;
  return distance;
}

/** One of the last three, or with no literals before it the next of them (3.1.1.5); it becomes the first. */
function recentDistance(recent: Uint32Array, value: number, literals: number): number {
  const which = literals === 0 ? value : value - 1;
  const first = recent[0] as number;
  if (which === 0) return first;
  const distance = which === 3 ? first - 1 : (recent[which] as number);
  if (distance === 0) damage("a match has the distance 0");
  if (which > 1) recent[2] = recent[1] as number;
  recent[1] = first;
  recent[0] = distance;
  return distance;
}
