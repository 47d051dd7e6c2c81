/**
 * The four levels of page tables that a domain starts with: which tables a range of addresses needs (libxc's
 * count_pgtables) and what stands in them (setup_pgtables_pv). All mappings are of 4 KiB pages.
 *
 *   const map = mapRange(from, to, 0, next, [], shown);   the first: has the L4
 *   const p2m = mapRange(at, end, first, next, [map], shown);
 *   for (const [pfn, page] of tablePages([map, p2m], mfnOf)) write(pfn, page);
 */
import type { Mfn } from "../abi/types.ts";

/** One table: its level (0 = L1 … 3 = L4), which one of that level (address >> (21 + 9 * level)), and its frame. */
interface Table {
  readonly level: number;
  readonly index: bigint;
  readonly pfn: number;
}

/** [from, to) shows the pages from `pfn` on; `tables` are those that only this mapping brought. */
export interface AddressMap {
  readonly from: bigint;
  readonly to: bigint;
  readonly pfn: number;
  readonly tables: readonly Table[];
}

const VADDR_MASK = (1n << 48n) - 1n;
const ENTRIES = 512;
const P_RW_A = 0x23;
const P_A = 0x21;
/** L2 to L4: P|RW|U|A|D. */
const UPPER = 0x67;

/** How far an address is shifted to number the tables of a level: one L1 spans 2 MiB. */
const spanBits = (level: number): bigint => 21n + 9n * BigInt(level);

/**
 * The tables for [from, to), taken from `firstTable` on, top level first; what `others` have already is shared.
 * `from` and `to` are page aligned and mappable. Only the first mapping brings the L4.
 */
export function mapRange(
  from: bigint,
  to: bigint,
  pfn: number,
  firstTable: number,
  others: readonly AddressMap[],
  shown: string[],
): AddressMap {
  const tables: Table[] = [];
  if (others.length === 0) tables.push({ level: 3, index: 0n, pfn: firstTable });
  const lo = from & VADDR_MASK;
  const hi = (to - 1n) & VADDR_MASK;
  for (let level = 2; level >= 0; level--) {
    const bits = spanBits(level);
    const mask = (1n << bits) - 1n;
    const had = new Set(
      others.flatMap((map) =>
        map.tables.filter((table) => table.level === level).map((table) => table.index),
      ),
    );
    let count = 0;
    let first: bigint | undefined;
    let last: bigint | undefined;
    for (let index = lo >> bits; index <= hi >> bits; index++) {
      if (had.has(index)) continue;
      tables.push({ level, index, pfn: firstTable + tables.length });
      first ??= index;
      last = index;
      count++;
    }
    const start = first === undefined ? 0n : first << bits;
    const end = last === undefined ? 0n : (last << bits) | mask;
    shown.push(`count_pgtables: ${hex16(mask)}/${bits}: ${hex16(start)} -> ${hex16(end)}, ${count} table(s)`);
  }
  return { from, to, pfn, tables };
}

const hex16 = (n: bigint): string => `0x${n.toString(16).padStart(16, "0")}`;

/** Every table's frame with its 4096 bytes, whole. Frames that are tables are shown read-only. */
export function* tablePages(
  maps: readonly AddressMap[],
  mfnOf: (pfn: number) => Mfn,
): Generator<readonly [pfn: number, page: Uint8Array]> {
  const all = maps.flatMap((map) => map.tables);
  const frames = new Set(all.map((table) => table.pfn));
  const byPlace = new Map(all.map((table) => [`${table.level}:${table.index}`, table]));
  for (const table of all) {
    const page = new Uint8Array(ENTRIES * 8);
    const view = new DataView(page.buffer);
    if (table.level === 0) fillL1(view, table, maps, frames, mfnOf);
    else
      for (let i = 0; i < ENTRIES; i++) {
        const below = byPlace.get(`${table.level - 1}:${table.index * 512n + BigInt(i)}`);
        if (below !== undefined) putEntry(view, i, mfnOf(below.pfn), UPPER);
      }
    yield [table.pfn, page];
  }
}

function fillL1(
  view: DataView,
  table: Table,
  maps: readonly AddressMap[],
  frames: ReadonlySet<number>,
  mfnOf: (pfn: number) => Mfn,
): void {
  const base = table.index << spanBits(0);
  for (const map of maps) {
    const lo = map.from & VADDR_MASK;
    const hi = (map.to - 1n) & VADDR_MASK;
    const first = base > lo ? base : lo;
    const end = base + (1n << spanBits(0)) - 1n;
    const last = end < hi ? end : hi;
    if (first > last) continue;
    let pfn = map.pfn + Number((first - lo) >> 12n);
    for (let i = Number((first - base) >> 12n); i <= Number((last - base) >> 12n); i++, pfn++)
      putEntry(view, i, mfnOf(pfn), frames.has(pfn) ? P_A : P_RW_A);
  }
}

/** mfn << 12 | flags, as two words: frame numbers pass 2^32 bytes. */
function putEntry(view: DataView, index: number, mfn: Mfn, flags: number): void {
  view.setUint32(index * 8, ((mfn << 12) | flags) >>> 0, true);
  view.setUint32(index * 8 + 4, Math.floor(mfn / 0x10_0000), true);
}
