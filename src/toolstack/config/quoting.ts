/**
 * Quoted strings of an xl.cfg: what the escapes mean to xl 4.17, faults included.
 *
 * `\xNN` is never accepted and `\NNN` names no character: both are xl's own slips, kept because a file that relies on
 * them would mean something else on the real machine.
 */

export type Unquoted =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

/** What follows the backslash, and the character it stands for. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["'", "'"],
  ['"', '"'],
  ["\\", "\\"],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

/** An octal digit and two or three decimal ones: xl reads them, and then drops the character. */
const OCTAL = /[0-7][0-9]{2,3}/y;

const BAD_HEX = "invalid digit after backslash hexnumerical character escape in quoted string";
const BAD_OCTAL = "invalid digit after backslash octalnumerical character escape in quoted string";
const BAD_ESCAPE = "invalid character after backlash in quoted string";

/** Takes a STRING token, quotes and all, and answers what it says. */
export function unquote(quoted: string): Unquoted {
  const inner = quoted.slice(1, -1);
  if (!inner.includes("\\")) return { ok: true, text: inner };
  let text = "";
  for (let i = 0; i < inner.length; i++) {
    const c = inner.charAt(i);
    if (c !== "\\") {
      text += c;
      continue;
    }
    i++;
    const escaped = inner.charAt(i);
    const plain = ESCAPES.get(escaped);
    if (plain !== undefined) {
      text += plain;
    } else if (escaped === "x") {
      return { ok: false, message: BAD_HEX };
    } else if (escaped >= "0" && escaped <= "7") {
      OCTAL.lastIndex = i;
      const digits = OCTAL.exec(inner)?.[0];
      if (digits === undefined) return { ok: false, message: BAD_OCTAL };
      i += digits.length - 1;
    } else {
      return { ok: false, message: BAD_ESCAPE };
    }
  }
  return { ok: true, text };
}
