/** crypt(3)'s "$1$" (crypt(5), "md5crypt"), which menu.lst's `password --md5` keeps. */
import { md5 } from "./md5.ts";

const ROUNDS = 1000;
const SALT_MAX = 8;
const DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Which bytes of the digest stand together in the text, most significant first. */
const GROUPS = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const;

/** "$1$salt$…"; `setting` is "$1$salt" with whatever behind it. Undefined when it does not begin so. */
export function md5Crypt(typed: string, setting: string): string | undefined {
  const salt = /^\$1\$([^$]*)/.exec(setting)?.[1]?.slice(0, SALT_MAX);
  if (salt === undefined) return undefined;
  const bytes = (text: string) => new TextEncoder().encode(text);
  const key = bytes(typed);
  const salted = bytes(salt);
  let digest = md5(joined([key, salted, key]));

  const first: Uint8Array[] = [key, bytes("$1$"), salted];
  for (let left = key.length; left > 0; left -= 16) first.push(digest.subarray(0, Math.min(16, left)));
  // A quirk that has stayed: a zero byte, or the key's first, for each bit of its length.
  for (let length = key.length; length > 0; length >>>= 1)
    first.push((length & 1) !== 0 ? Uint8Array.of(0) : key.subarray(0, 1));
  digest = md5(joined(first));

  for (let round = 0; round < ROUNDS; round++) {
    const parts: Uint8Array[] = [(round & 1) !== 0 ? key : digest];
    if (round % 3 !== 0) parts.push(salted);
    if (round % 7 !== 0) parts.push(key);
    parts.push((round & 1) !== 0 ? digest : key);
    digest = md5(joined(parts));
  }
  let text = "";
  for (const [high, middle, low] of GROUPS)
    text += digits(((digest[high] ?? 0) << 16) | ((digest[middle] ?? 0) << 8) | (digest[low] ?? 0), 4);
  return `$1$${salt}$${text}${digits(digest[11] ?? 0, 2)}`;
}

function digits(value: number, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) text += DIGITS[(value >>> (6 * i)) & 63];
  return text;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
