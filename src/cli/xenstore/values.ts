/** Values as people see and type them (xs_lib.c): what does not print is a backslash and a code. Octets both ways. */
import type { Octets } from "../../xenstore/octets.ts";

const NAMED: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

/** For showing: codes below 8 in octal (`\001`), others in hexadecimal (`\x1b`). */
export function sanitise(value: Octets): string {
  let shown = "";
  for (const char of value) {
    const code = char.charCodeAt(0);
    if (code >= 0x20 && code <= 0x7e && char !== "\\") shown += char;
    else if (NAMED[char] !== undefined) shown += NAMED[char];
    else if (code < 8) shown += `\\${code.toString(8).padStart(3, "0")}`;
    else shown += `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return shown;
}

const TYPED: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r" };
const ESCAPE = /\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.?)/gs;

/** The reverse. An escape that means nothing stands for its letter; a backslash at the end is a NUL, as in Xen's. */
export function unsanitise(typed: Octets): Octets {
  return typed.replace(ESCAPE, (_, code: string) => {
    if (code === "") return "\0";
    if (/^x./.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
    return TYPED[code] ?? code;
  });
}
