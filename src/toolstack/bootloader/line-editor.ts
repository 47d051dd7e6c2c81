/** One line that is edited: `> ` and the text, as much of it as the screen shows. */
import { decodeKeys, type Key } from "./keys.ts";
import type { Pygrub } from "./steps.ts";

const LONGEST = 4096;
const SHOWN = 72;

/** `row` from 0. Undefined: Escape. `keys`: what was typed ahead; it takes from its front. */
export function* editLine(
  text: string,
  row: number,
  keys: Key[],
  out: (text: string) => void,
): Pygrub<string | undefined> {
  let before = text;
  let after = "";
  for (;;) {
    const from = Math.max(0, before.length - SHOWN + 1);
    const shown = (before + after).slice(from, from + SHOWN).replace(/[\p{Cc}\p{Cs}]/gu, "?");
    out(`\x1b[${row + 1};3H> ${shown}\x1b[K\x1b[${row + 1};${5 + before.length - from}H`);
    while (keys.length === 0) keys.push(...decodeKeys(yield { need: "keys", seconds: undefined }));
    const key = keys.shift() ?? "";
    switch (key) {
      case "escape":
        return undefined;
      case "enter":
        return before + after;
      case "left":
        after = before.slice(-1) + after;
        before = before.slice(0, -1);
        break;
      case "right":
        before += after.slice(0, 1);
        after = after.slice(1);
        break;
      case "home":
        after = before + after;
        before = "";
        break;
      case "end":
        before += after;
        after = "";
        break;
      case "backspace":
        before = before.slice(0, -1);
        break;
      case "delete":
        after = after.slice(1);
        break;
      case "kill":
        after = "";
        break;
      default:
        if (key.length <= 2 && key >= " " && before.length + after.length < LONGEST) before += key;
    }
  }
}
