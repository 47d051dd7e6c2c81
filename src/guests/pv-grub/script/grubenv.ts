/** GRUB's environment block: a file of fixed size, a signature, "name=value" lines, and "#" to its end. */

const SIGNATURE = "# GRUB Environment Block\n";
/** Longer ones are none of GRUB's. */
export const GRUBENV_MAX = 64 * 1024;

export type Variables = readonly (readonly [name: string, value: string])[];

const decode = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};

/** Undefined when it is none. Values are bytes, a character each. */
export function readGrubenv(bytes: Uint8Array): Variables | undefined {
  const text = decode(bytes);
  if (!text.startsWith(SIGNATURE)) return undefined;
  const found: [string, string][] = [];
  let line = "";
  for (let i = SIGNATURE.length; i < text.length; i++) {
    const char = text[i] ?? "";
    if (line === "" && char === "#") {
      // A comment, and the padding: to the end of its line.
      const end = text.indexOf("\n", i);
      if (end < 0) break;
      i = end;
    } else if (char === "\\" && i + 1 < text.length) line += text[++i];
    else if (char === "\n") {
      const equals = line.indexOf("=");
      if (equals > 0) found.push([line.slice(0, equals), line.slice(equals + 1)]);
      line = "";
    } else line += char;
  }
  return found;
}

/** A block of `size` bytes; undefined when the variables do not fit. */
export function writeGrubenv(variables: Variables, size: number): Uint8Array | undefined {
  let text = SIGNATURE;
  for (const [name, value] of variables) text += `${name}=${value.replace(/[\\\n]/g, "\\$&")}\n`;
  if (text.length > size) return undefined;
  return Uint8Array.from(text.padEnd(size, "#"), (char) => char.charCodeAt(0) & 0xff);
}
