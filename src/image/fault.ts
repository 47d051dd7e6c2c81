/**
 * How a parser of strangers' bytes answers: the structure, or one plain sentence that says what is wrong with the file.
 * Parsers never throw, and stay within the file's size and a stated limit in time and memory.
 */

export interface Fault {
  readonly ok: false;
  /** What is wrong, naming the part of the file; starts small, has no final stop. */
  readonly why: string;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | Fault;

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const fault = (why: string): Fault => ({ ok: false, why });

/** How numbers of the file appear in sentences. */
export const hex = (n: number | bigint): string => `0x${n.toString(16)}`;
