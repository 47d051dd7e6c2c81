/** How many columns of a terminal a character takes, and texts cut to columns. */

/** Ranges of code points that take two columns (Unicode's East Asian Width W and F, and emoji). */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];
const JOINING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** 0 for what joins the character before it, else 1 or 2. */
export function columnsOf(char: string): 0 | 1 | 2 {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (JOINING.test(char)) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

export const widthOf = (text: string): number => [...text].reduce((sum, char) => sum + columnsOf(char), 0);

/** Without anything that a terminal would obey: a menu's texts are a stranger's. */
export const harmless = (text: string): string => text.replace(/\t/g, " ").replace(CONTROL, "?");

/** The beginning of the text that fits into `columns`. */
export function cut(text: string, columns: number): string {
  let width = 0;
  let out = "";
  for (const char of text) {
    width += columnsOf(char);
    if (width > columns) break;
    out += char;
  }
  return out;
}

/** Exactly `columns` wide: cut, or filled up with blanks. */
export function padded(text: string, columns: number): string {
  const kept = cut(text, columns);
  return kept + " ".repeat(columns - widthOf(kept));
}
