/** Keys of a vt100, from the bytes that it sends. */

/** A character, or a key by name. */
export type Key = string;

const SEQUENCES: readonly (readonly [string, Key])[] = [
  ["\x1b[A", "up"],
  ["\x1bOA", "up"],
  ["\x1b[B", "down"],
  ["\x1bOB", "down"],
  ["\x1b[C", "right"],
  ["\x1bOC", "right"],
  ["\x1b[D", "left"],
  ["\x1bOD", "left"],
  ["\x1b[H", "home"],
  ["\x1b[F", "end"],
  ["\x1b", "escape"],
  ["\r", "enter"],
  ["\n", "enter"],
  ["\x7f", "backspace"],
  ["\b", "backspace"],
  ["\x01", "home"],
  ["\x05", "end"],
  ["\x02", "left"],
  ["\x06", "right"],
  ["\x04", "delete"],
  ["\x0b", "kill"],
];

/** A sequence arrives whole: terminals send it in one piece. */
export function decodeKeys(bytes: Uint8Array): Key[] {
  let rest = new TextDecoder().decode(bytes);
  const keys: Key[] = [];
  while (rest !== "") {
    const known = SEQUENCES.find(([sequence]) => rest.startsWith(sequence));
    const length = known === undefined ? ([...rest][0]?.length ?? 1) : known[0].length;
    keys.push(known === undefined ? rest.slice(0, length) : known[1]);
    rest = rest.slice(length);
  }
  return keys;
}
