/** Names, labels and identifiers as they stand on disks. */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A name of bytes as text: UTF-8 where it is that; otherwise every byte above 127 becomes U+DC00 + byte (as Python's
 * "surrogateescape" has it), so that different names stay different.
 */
export function nameFromBytes(bytes: Uint8Array): string {
  let ascii = true;
  for (let i = 0; i < bytes.length && ascii; i++) ascii = (bytes[i] as number) < 0x80;
  if (!ascii) {
    try {
      return utf8.decode(bytes);
    } catch {
      // not UTF-8: byte by byte below
    }
  }
  let out = "";
  for (const byte of bytes) out += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
  return out;
}

/** The other way round. */
export function bytesFromName(name: string): Uint8Array {
  const out: number[] = [];
  for (const char of name) {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) out.push(code - 0xdc00);
    else if (code < 0x80) out.push(code);
    else out.push(...new TextEncoder().encode(char));
  }
  return Uint8Array.from(out);
}

/** A label in a field of fixed size, ended by NUL if shorter. */
export function labelFromBytes(field: Uint8Array): string {
  const end = field.indexOf(0);
  return nameFromBytes(end < 0 ? field : field.subarray(0, end));
}

const hex2 = (byte: number): string => byte.toString(16).padStart(2, "0");

/** 16 bytes as 8-4-4-4-12 small hex digits, in the order they stand. */
export function uuidFromBytes(bytes: Uint8Array): string {
  const digits = Array.from(bytes.subarray(0, 16), hex2).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A GUID as EFI stores it: the first three groups little endian. */
export function guidFromBytes(bytes: Uint8Array): string {
  const at = (i: number) => bytes[i] ?? 0;
  return uuidFromBytes(
    Uint8Array.from([at(3), at(2), at(1), at(0), at(5), at(4), at(7), at(6), ...bytes.subarray(8, 16)]),
  );
}
