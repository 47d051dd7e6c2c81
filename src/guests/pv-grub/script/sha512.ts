/** SHA-512 (FIPS 180-4) in halves of 32 bits. */

const PRIMES: readonly number[] = primes(80);

/** The first 64 bits behind the point of a prime's root: [high, low] each. */
const K = Uint32Array.from(PRIMES.flatMap((prime) => fraction(prime, 3n)));
const START = Uint32Array.from(PRIMES.slice(0, 8).flatMap((prime) => fraction(prime, 2n)));

function primes(count: number): readonly number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

function fraction(prime: number, degree: 2n | 3n): [high: number, low: number] {
  // The root of prime * 2^(64 * degree) is the prime's, 64 bits further left.
  const wanted = BigInt(prime) << (64n * degree);
  let low = 0n;
  let high = 1n << 70n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= wanted) low = middle;
    else high = middle;
  }
  return [Number((low >> 32n) & 0xffffffffn), Number(low & 0xffffffffn)];
}

export const BLOCK_BYTES = 128;
export const DIGEST_BYTES = 64;

/** A hash under way: what has been taken in is whole blocks. */
export type State = Uint32Array;

const words = new Uint32Array(160);
/** [high, low] of a…h */
const now = new Uint32Array(16);

/** Takes in whole blocks; answers a new state. */
export function takeBlocks(before: State, blocks: Uint8Array): State {
  const state = before.slice();
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let at = 0; at + BLOCK_BYTES <= blocks.length; at += BLOCK_BYTES) compress(state, view, at);
  return state;
}

export const startState = (): State => START.slice();

/** The digest of all that was taken in (`before`: so many bytes of whole blocks) and of `rest`. */
export function finish(state: State, before: number, rest: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((rest.length + 17) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(rest);
  padded[rest.length] = 0x80;
  const bits = (before + rest.length) * 8;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bits / 2 ** 32));
  view.setUint32(padded.length - 4, bits >>> 0);
  const out = new DataView(new ArrayBuffer(DIGEST_BYTES));
  for (const [i, word] of takeBlocks(state, padded).entries()) out.setUint32(i * 4, word);
  return new Uint8Array(out.buffer);
}

export const sha512 = (message: Uint8Array): Uint8Array => {
  const whole = message.length - (message.length % BLOCK_BYTES);
  return finish(takeBlocks(startState(), message.subarray(0, whole)), whole, message.subarray(whole));
};

const at = (list: Uint32Array, i: number): number => list[i] as number;

function compress(state: State, view: DataView, from: number): void {
  const w = words;
  for (let i = 0; i < 32; i++) w[i] = view.getUint32(from + i * 4);
  for (let i = 32; i < 160; i += 2) {
    const h15 = at(w, i - 30);
    const l15 = at(w, i - 29);
    const h2 = at(w, i - 4);
    const l2 = at(w, i - 3);
    const high0 = ((h15 >>> 1) | (l15 << 31)) ^ ((h15 >>> 8) | (l15 << 24)) ^ (h15 >>> 7);
    const low0 = ((l15 >>> 1) | (h15 << 31)) ^ ((l15 >>> 8) | (h15 << 24)) ^ ((l15 >>> 7) | (h15 << 25));
    const high1 = ((h2 >>> 19) | (l2 << 13)) ^ ((l2 >>> 29) | (h2 << 3)) ^ (h2 >>> 6);
    const low1 = ((l2 >>> 19) | (h2 << 13)) ^ ((h2 >>> 29) | (l2 << 3)) ^ ((l2 >>> 6) | (h2 << 26));
    const low = at(w, i - 31) + (low0 >>> 0) + at(w, i - 13) + (low1 >>> 0);
    w[i + 1] = low;
    w[i] = at(w, i - 32) + high0 + at(w, i - 14) + high1 + Math.floor(low / 2 ** 32);
  }
  const v = now;
  v.set(state);
  for (let i = 0; i < 160; i += 2) {
    const [eh, el] = [at(v, 8), at(v, 9)];
    const high1 = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
    const low1 = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
    const highC = (eh & at(v, 10)) ^ (~eh & at(v, 12));
    const lowC = (el & at(v, 11)) ^ (~el & at(v, 13));
    const low = at(v, 15) + (low1 >>> 0) + (lowC >>> 0) + at(K, i + 1) + at(w, i + 1);
    const high = (at(v, 14) + high1 + highC + at(K, i) + at(w, i) + Math.floor(low / 2 ** 32)) >>> 0;
    const [ah, al, bh, bl, ch, cl] = [at(v, 0), at(v, 1), at(v, 2), at(v, 3), at(v, 4), at(v, 5)];
    const high0 = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
    const low0 = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
    const lowM = (al & bl) ^ (al & cl) ^ (bl & cl);
    const highM = (ah & bh) ^ (ah & ch) ^ (bh & ch);
    const lowD = at(v, 7) + (low >>> 0);
    const highD = at(v, 6) + high + Math.floor(lowD / 2 ** 32);
    const lowA = (low >>> 0) + (low0 >>> 0) + (lowM >>> 0);
    const highA = high + high0 + highM + Math.floor(lowA / 2 ** 32);
    v.copyWithin(2, 0, 14);
    v[8] = highD;
    v[9] = lowD;
    v[0] = highA;
    v[1] = lowA;
  }
  for (let i = 0; i < 16; i += 2) {
    const low = at(state, i + 1) + at(v, i + 1);
    state[i + 1] = low;
    state[i] = at(state, i) + at(v, i) + Math.floor(low / 2 ** 32);
  }
}
