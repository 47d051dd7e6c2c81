/**
 * The bytes that unpacking makes. Memory follows what really comes, not what a header claims: a file of a few bytes that
 * says it holds a gigabyte costs a few bytes.
 */

/** Kernels unpack to some four or five times their size: what is taken at first, so that most never grow. */
const USUAL_RATIO = 8;
const LEAST = 64 * 1024;

export class Growing {
  /** Written up to where its user says; zero behind. Changes with {@link reserve}: do not hold on to it. */
  bytes: Uint8Array;
  /** Most bytes there may be. */
  readonly limit: number;

  /** For what `packed` bytes unpack to: `limit` at most. */
  constructor(packed: number, limit: number) {
    this.limit = limit;
    this.bytes = new Uint8Array(Math.min(limit, Math.max(LEAST, packed * USUAL_RATIO)));
  }

  /** Makes room for `end` bytes in all, or for `limit` when that is less; answers the bytes. */
  reserve(end: number): Uint8Array {
    const { bytes, limit } = this;
    if (end <= bytes.length || bytes.length === limit) return bytes;
    const grown = new Uint8Array(Math.min(limit, Math.max(end, bytes.length * 2)));
    grown.set(bytes);
    this.bytes = grown;
    return grown;
  }
}
