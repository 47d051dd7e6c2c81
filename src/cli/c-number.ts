/** strtol's reading of a command-line word: what leads is taken, what follows is left. */

/** undefined: no digit stands at the beginning. */
export function leadingInteger(word: string): number | undefined {
  const digits = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(word)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** atoi, and strtol where xl does not look whether there was a number: 0 then. An int's range is kept. */
export const toInteger = (word: string): number =>
  Math.max(-0x8000_0000, Math.min(0x7fff_ffff, leadingInteger(word) ?? 0));
