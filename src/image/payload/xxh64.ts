/**
 * XXH64 with seed 0 (xxHash's doc/xxhash_spec.md), of which zstd frames keep the lower half. The long part counts in halves
 * of 32 bits: bigints would take seconds for a kernel.
 */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const [P1_LOW, P1_HIGH] = [0x85ebca87, 0x9e3779b1];
const [P2_LOW, P2_HIGH] = [0x27d4eb4f, 0xc2b2ae3d];
const STRIPE = 32;

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const rotate = (x: bigint, n: bigint): bigint => u64((x << n) | (x >> (64n - n)));
const round = (lane: bigint, input: bigint): bigint => u64(rotate(u64(lane + input * P2), 31n) * P1);

export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = P5;
  let at = 0;
  if (bytes.length >= STRIPE) {
    at = bytes.length - (bytes.length % STRIPE);
    const a = runLane(view, 0, at, u64(P1 + P2));
    const b = runLane(view, 8, at, P2);
    const c = runLane(view, 16, at, 0n);
    const d = runLane(view, 24, at, u64(-P1));
    hash = u64(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
    for (const lane of [a, b, c, d]) hash = u64((hash ^ round(0n, lane)) * P1 + P4);
  }
  hash = u64(hash + BigInt(bytes.length));
  for (; bytes.length - at >= 8; at += 8)
    hash = u64(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  if (bytes.length - at >= 4) {
    hash = u64(rotate(hash ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < bytes.length; at++) hash = u64(rotate(hash ^ u64(BigInt(view.getUint8(at)) * P5), 11n) * P1);
  hash = u64((hash ^ (hash >> 33n)) * P2);
  hash = u64((hash ^ (hash >> 29n)) * P3);
  return hash ^ (hash >> 32n);
}

/** One of the four lanes over every stripe: the words at `from`, `from` + 32 and so on, below `end`. */
function runLane(view: DataView, from: number, end: number, start: bigint): bigint {
  let low = Number(start & 0xffffffffn) | 0;
  let high = Number(start >> 32n) | 0;
  for (let at = from; at < end; at += STRIPE) {
    const inLow = view.getInt32(at, true);
    const inHigh = view.getInt32(at + 4, true);
    const addLow = Math.imul(inLow, P2_LOW);
    const sum = (low + addLow) | 0;
    const carry = sum >>> 0 < addLow >>> 0 ? 1 : 0;
    const addHigh = multiplyHigh(inLow, P2_LOW) + Math.imul(inLow, P2_HIGH) + Math.imul(inHigh, P2_LOW);
    const top = (high + addHigh + carry) | 0;
    const turnedLow = (sum << 31) | (top >>> 1);
    const turnedHigh = (top << 31) | (sum >>> 1);
    low = Math.imul(turnedLow, P1_LOW);
    high =
      (multiplyHigh(turnedLow, P1_LOW) + Math.imul(turnedLow, P1_HIGH) + Math.imul(turnedHigh, P1_LOW)) | 0;
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Upper half of the product of two unsigned 32-bit numbers; as a signed one. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const one = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const two = (Math.imul(aLow, bHigh) + (one & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (one >>> 16) + (two >>> 16)) | 0;
}
