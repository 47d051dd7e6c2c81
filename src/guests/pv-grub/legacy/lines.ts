/** How GRUB 0.97 takes a menu.lst apart. */

/** Bytes of a line that count; the rest is dropped. */
const LINE_MAX = 1500;

/**
 * The lines that are not empty and no comments. "#" begins a comment only at the start of a line; a backslash before the line's
 * end joins it to the next one; leading blanks are gone and tabs are blanks.
 */
export function linesOf(text: string): readonly string[] {
  const lines: string[] = [];
  let begun = "";
  for (const raw of text.replace(/\r/g, "").replace(/\t/g, " ").split("\n")) {
    const line = (begun + raw).trimStart();
    const isJoined = (/\\+$/.exec(raw)?.[0].length ?? 0) % 2 === 1;
    begun = isJoined ? `${line.slice(0, Math.min(-1 + line.length, LINE_MAX))} ` : "";
    if (!isJoined && line !== "" && !line.startsWith("#")) lines.push(line.slice(0, LINE_MAX));
  }
  const last = begun.trim();
  if (last !== "" && !last.startsWith("#")) lines.push(last);
  return lines;
}

/** "kernel" of "kernel /x", "kernel=/x" and "kernel". */
export const commandOf = (line: string): string => /^[^ \t=]*/.exec(line)?.[0] ?? "";

/** What follows the command: blanks and "=" between them do not count. */
export const argumentOf = (line: string): string => line.replace(/^[^ \t=]*[ \t=]*/, "");

/** The first word of an argument, and the rest. Blanks in a name are written "\ ". */
export function takeWord(argument: string): [word: string, rest: string] {
  const match = /^((?:\\.|[^ \t\\]|\\$)*)[ \t]*(.*)$/s.exec(argument);
  return [(match?.[1] ?? "").replace(/\\(.)/g, "$1"), match?.[2] ?? ""];
}

/** Decimal, or hexadecimal behind 0x; undefined when it does not begin with a number ("safe_parse_maxint"). */
export function numberIn(text: string): number | undefined {
  const match = /^(?:0[xX]([0-9a-fA-F]+)|([0-9]+))/.exec(text);
  if (match === null) return undefined;
  const value = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  return value <= 0x7fffffff ? value : undefined;
}
