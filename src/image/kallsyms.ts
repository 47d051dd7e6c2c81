/**
 * Names of addresses from Linux's own tables (scripts/kallsyms.c, CONFIG_KALLSYMS): what a kernel without a symbol table
 * carries in its read-only data. Nothing points at them from outside, so they are found by how they are built:
 *
 *   offsets[n]  relative_base  num_syms  names  markers  [seqs_of_names]  token_table  token_index      up to 6.3
 *   num_syms  names  markers  token_table  token_index  offsets[n]  relative_base  [seqs_of_names]     from 6.4 on
 *
 * token_table: 256 strings, of which those at '0' to '9' are these digits; token_index: where each begins. names: a length
 * and so many token numbers for each symbol, the first character its type; markers: where every 256th name begins. Each
 * table is on 8 bytes. A find counts only when all of them agree.
 */
import type { ImageSymbol } from "./elf/symbols.ts";

interface Tokens {
  /** Where in the file the tables begin and end. */
  readonly table: number;
  readonly end: number;
  readonly text: readonly string[];
}

interface Names {
  readonly start: number;
  readonly count: number;
}

const TOKENS = 256;
const PER_MARKER = 256;
const MAX_SYMBOLS = 1 << 20;
/** A look-alike of the digits is tried this often, not for ever. */
const MAX_CANDIDATES = 64;
/** Between the marker of the last 256 names and the end of these: bytes, at most. */
const LAST_BLOCK = PER_MARKER * 130;
const TEXT_TYPES = "tTwW";

const align8 = (n: number): number => Math.ceil(n / 8) * 8;

/** Functions of the kernel, ascending by address; empty when the tables are not there. */
export function kallsymsSymbols(bytes: Uint8Array): ImageSymbol[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let from = 0;
  for (let tries = 0; tries < MAX_CANDIDATES; tries++) {
    const digits = findDigits(bytes, from);
    if (digits < 0) return [];
    from = digits + 1;
    const tokens = readTokens(bytes, view, digits);
    const names = tokens && findNames(view, bytes, tokens.table);
    const addresses = tokens && names && readAddresses(view, tokens, names);
    if (tokens !== undefined && names !== undefined && addresses !== undefined)
      return decode(bytes, tokens, names, addresses);
  }
  return [];
}

/** "0\0" "1\0" … "9\0": looks at every tenth pair's place first. Answers -1 when there is none from `from` on. */
function findDigits(bytes: Uint8Array, from: number): number {
  const last = bytes.length - 20;
  for (let i = from; i <= last; ) {
    const byte = bytes[i + 18] as number;
    if (byte === 0x39) {
      let k = 0;
      while (k < 10 && bytes[i + 2 * k] === 0x30 + k && bytes[i + 2 * k + 1] === 0) k++;
      if (k === 10) return i;
      i++;
    } else i += byte >= 0x30 && byte < 0x39 ? 18 - 2 * (byte - 0x30) : byte === 0 ? 1 : 19;
  }
  return -1;
}

/** The token tables around the token '0'; the index confirms every one. */
function readTokens(bytes: Uint8Array, view: DataView, digits: number): Tokens | undefined {
  let end = digits;
  for (let token = 0x30; token < TOKENS; token++) {
    while (end < bytes.length && bytes[end] !== 0) end++;
    end++;
  }
  const index = align8(end);
  if (index + TOKENS * 2 > bytes.length) return undefined;
  const at = (token: number): number => view.getUint16(index + token * 2, true);
  const table = digits - at(0x30);
  if (table < 0 || at(0) !== 0) return undefined;
  const text: string[] = [];
  let place = table;
  for (let token = 0; token < TOKENS; token++) {
    if (place - table !== at(token)) return undefined;
    let word = "";
    for (; place < end && bytes[place] !== 0; place++) word += String.fromCharCode(bytes[place] as number);
    text.push(word);
    place++;
  }
  return place === end ? { table, end: index + TOKENS * 2, text } : undefined;
}

/** Looks for markers before `table` (seqs_of_names, three bytes a symbol, may lie between), then for the names before them. */
function findNames(view: DataView, bytes: Uint8Array, table: number): Names | undefined {
  for (const end of markerEnds(view, table)) {
    const first = firstMarker(view, end);
    if (first === undefined) continue;
    const names = namesBefore(view, bytes, first, (end - first) / 4);
    if (names !== undefined) return names;
  }
  return undefined;
}

/** Places where the markers may end: right before the tokens, or before a seqs_of_names of a fitting size. */
function* markerEnds(view: DataView, table: number): Generator<number> {
  for (const end of [table, table - 4]) if (end >= 8) yield end;
  // seqs_of_names holds each number below num_syms once: 3 n bytes, n between these markers and these tokens.
  const reach = Math.min(table, MAX_SYMBOLS * 3);
  for (let size = 8; size <= reach; size += 8) {
    const end = table - size;
    // cheap sieve: a last marker fits the number of markers that this many names need
    const markers = Math.ceil(size / 3 / PER_MARKER);
    const first = end - markers * 4;
    if (first < 8) return;
    for (const start of [first, first - 4, first + 4])
      if (start % 8 === 0 && view.getUint32(start, true) === 0 && isMarker(view.getUint32(start + 4, true))) {
        yield start + markers * 4;
        yield start + markers * 4 - 4;
      }
  }
}

const isMarker = (step: number): boolean => step >= PER_MARKER * 2 && step <= LAST_BLOCK;

/** From the end of the markers back to the one that is 0, each step as far as 256 names reach. */
function firstMarker(view: DataView, end: number): number | undefined {
  let at = end - 4;
  let value = view.getUint32(at, true);
  while (value !== 0) {
    if (at < 4) return undefined;
    const before = view.getUint32(at - 4, true);
    if (!isMarker(value - before)) return undefined;
    value = before;
    at -= 4;
  }
  return end - at > 8 && at % 8 === 0 ? at : undefined;
}

/** The names whose markers begin at `markers`: num_syms stands before them, every marker must meet the start of a name. */
function namesBefore(view: DataView, bytes: Uint8Array, markers: number, count: number): Names | undefined {
  const last = view.getUint32(markers + (count - 1) * 4, true);
  const highest = Math.floor((markers - last - 1) / 8) * 8;
  for (let start = highest; start >= Math.max(8, markers - last - LAST_BLOCK); start -= 8) {
    const symbols = view.getUint32(start - 8, true);
    if (Math.ceil(symbols / PER_MARKER) !== count || symbols > MAX_SYMBOLS) continue;
    const end = walkNames(bytes, view, start, symbols, markers);
    if (end !== undefined && align8(end) === markers) return { start, count: symbols };
  }
  return undefined;
}

/** Over `symbols` names from `start`; undefined when one of them misses its marker. */
function walkNames(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  symbols: number,
  markers: number,
): number | undefined {
  let at = start;
  for (let i = 0; i < symbols; i++) {
    if (i % PER_MARKER === 0 && at - start !== view.getUint32(markers + (i / PER_MARKER) * 4, true))
      return undefined;
    at += nameHeader(bytes, at) + nameLength(bytes, at);
    if (at > markers) return undefined;
  }
  return at;
}

/** Since 6.1 a length of 128 and more takes two bytes. */
const nameHeader = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) & 0x80 ? 2 : 1);
const nameLength = (bytes: Uint8Array, at: number): number => {
  const low = bytes[at] ?? 0;
  return low & 0x80 ? (low & 0x7f) | ((bytes[at + 1] ?? 0) << 7) : low;
};

/** The offsets before num_syms (up to 6.3) or behind the tokens: whichever ascends. */
function readAddresses(view: DataView, tokens: Tokens, names: Names): ((i: number) => bigint) | undefined {
  const size = align8(names.count * 4);
  for (const base of [names.start - 16, align8(tokens.end) + size]) {
    const offsets = base - size;
    if (offsets < 0 || base + 8 > view.byteLength) continue;
    const relativeBase = view.getBigUint64(base, true);
    if (relativeBase < 0xffff_8000_0000_0000n) continue; // the kernel's half
    const offset = (i: number): number => view.getInt32(offsets + i * 4, true);
    // CONFIG_KALLSYMS_ABSOLUTE_PERCPU: what is not per-cpu counts downwards from -1.
    let negative = 0;
    for (let i = 0; i < names.count; i++) if (offset(i) < 0) negative++;
    const percpu = negative * 2 > names.count;
    const address = (i: number): bigint => {
      const n = offset(i);
      if (percpu) return n >= 0 ? BigInt(n) : BigInt.asUintN(64, relativeBase - 1n - BigInt(n));
      return BigInt.asUintN(64, relativeBase + BigInt(n >>> 0));
    };
    if (ascends(address, names.count)) return address;
  }
  return undefined;
}

function ascends(address: (i: number) => bigint, count: number): boolean {
  let before = 0n;
  for (let i = 0; i < count; i++) {
    const now = address(i);
    if (now < before) return false;
    before = now;
  }
  return true;
}

function decode(
  bytes: Uint8Array,
  tokens: Tokens,
  names: Names,
  address: (i: number) => bigint,
): ImageSymbol[] {
  const out: ImageSymbol[] = [];
  let at = names.start;
  for (let i = 0; i < names.count; i++) {
    const length = nameLength(bytes, at);
    at += nameHeader(bytes, at);
    let text = "";
    for (let k = 0; k < length; k++) text += tokens.text[bytes[at + k] as number];
    at += length;
    if (TEXT_TYPES.includes(text[0] ?? "?")) out.push({ address: address(i), name: text.slice(1) });
  }
  return out;
}
