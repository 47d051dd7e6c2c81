/** grub-mkpasswd-pbkdf2's passwords: "grub.pbkdf2.sha512.ITERATIONS.SALT.HASH", salt and hash in hex (RFC 8018, PBKDF2). */
import { schedule, type Thread } from "../../minios/threads.ts";
import { BLOCK_BYTES, DIGEST_BYTES, finish, type State, sha512, startState, takeBlocks } from "./sha512.ts";

/** grub-mkpasswd-pbkdf2 makes 10,000; a million takes a minute. */
const ITERATIONS_MAX = 1_000_000;
/** Bytes of a salt or hash. */
const BYTES_MAX = 1024;
const ITERATIONS_PER_TURN = 64;

interface Stored {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** Undefined when the text is none. */
export function parsePbkdf2(text: string): Stored | undefined {
  const match = /^grub\.pbkdf2\.sha512\.(\d{1,9})\.((?:[0-9a-f]{2})+)\.((?:[0-9a-f]{2})+)$/i.exec(text);
  const [, iterations = "", salt = "", hash = ""] = match ?? [];
  if (match === null || Number(iterations) < 1 || Number(iterations) > ITERATIONS_MAX) return undefined;
  if (salt.length > 2 * BYTES_MAX || hash.length > 2 * BYTES_MAX) return undefined;
  return { iterations: Number(iterations), salt: fromHex(salt), hash: fromHex(hash) };
}

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export function* isPassword(typed: string, { iterations, salt, hash }: Stored): Thread<boolean> {
  const hmac = keyed(new TextEncoder().encode(typed));
  for (let block = 0; block * DIGEST_BYTES < hash.length; block++) {
    const seed = new Uint8Array(salt.length + 4);
    seed.set(salt);
    new DataView(seed.buffer).setUint32(salt.length, block + 1);
    let last = hmac(seed);
    const sum = last.slice();
    for (let i = 1; i < iterations; i++) {
      last = hmac(last);
      for (let at = 0; at < DIGEST_BYTES; at++) sum[at] = (sum[at] ?? 0) ^ (last[at] ?? 0);
      if (i % ITERATIONS_PER_TURN === 0) yield* schedule();
    }
    const wanted = hash.subarray(block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES);
    if (wanted.some((byte, at) => byte !== sum[at])) return false;
  }
  return true;
}

/** HMAC-SHA-512 (RFC 2104) with that key; messages are short, but for the first. */
function keyed(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const short = key.length > BLOCK_BYTES ? sha512(key) : key;
  const pad = (by: number): State => {
    const block = new Uint8Array(BLOCK_BYTES).fill(by);
    for (const [i, byte] of short.entries()) block[i] = byte ^ by;
    return takeBlocks(startState(), block);
  };
  const inner = pad(0x36);
  const outer = pad(0x5c);
  return (message) => finish(outer, BLOCK_BYTES, finish(inner, BLOCK_BYTES, message));
}
