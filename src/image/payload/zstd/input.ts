/**
 * zstd data as the decoders read them: with slack at both ends, so that a word may be loaded around any bit of them. Bits
 * are counted from the first byte of a piece; most pieces are read backward, from their last bit (RFC 8878, 4.1).
 */
import { damage } from "./damage.ts";

/** What a decoder may look at beyond a piece's end, or before its start, before it notices. */
const SLACK = 64;

export interface Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The data: bytes [start, end) of both. */
  readonly start: number;
  readonly end: number;
}

export function makeInput(data: Uint8Array): Input {
  const bytes = new Uint8Array(data.length + 2 * SLACK);
  bytes.set(data, SLACK);
  return { bytes, view: new DataView(bytes.buffer), start: SLACK, end: SLACK + data.length };
}

export const highestBit = (n: number): number => 31 - Math.clz32(n);

/** How many bits the piece [start, end) holds below its end mark, which is the highest bit set in its last byte. */
export function bitsOf(input: Input, start: number, end: number): number {
  if (end <= start) damage("a bit stream is empty");
  const last = input.bytes[end - 1] as number;
  if (last === 0) damage("a bit stream has no end mark");
  return (end - start - 1) * 8 + highestBit(last);
}
