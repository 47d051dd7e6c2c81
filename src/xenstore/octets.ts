/**
 * Octets: bytes as a string with one character (0..255) each. Paths, values and payloads live as octets inside
 * xenstored: they compare, split and index like text, and hold any byte that a guest writes.
 */
export type Octets = string;

const CHUNK = 4096;

export function octetsOf(bytes: Uint8Array): Octets {
  if (bytes.length <= CHUNK) return String.fromCharCode(...bytes);
  let out = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    out += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return out;
}

export function bytesOf(octets: Octets): Uint8Array {
  const out = new Uint8Array(octets.length);
  for (let i = 0; i < octets.length; i++) out[i] = octets.charCodeAt(i);
  return out;
}

const isAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
};

/** Text (a name, a command line) as UTF-8 octets. */
export const octetsOfText = (text: string): Octets =>
  isAscii(text) ? text : octetsOf(new TextEncoder().encode(text));

/** Octets read as UTF-8; what is not UTF-8 becomes U+FFFD. */
export const textOf = (octets: Octets): string =>
  isAscii(octets) ? octets : new TextDecoder().decode(bytesOf(octets));
