/**
 * PAGE_DATA: u32 count, u32 0, `count` words {type in bits 60..63, pfn in bits 0..51}, then the pages of those that have
 * content, 4096 bytes each.
 */
import { PFINFO } from "../../abi/migration.ts";
import { PAGE_SIZE } from "../../abi/types.ts";
import { xcFault } from "./xc-fault.ts";
import { REC, xcRecordHeader } from "./xc-records.ts";

/** Pages of a record, as libxc writes them. */
export const BATCH_PAGES = 1024;
const HEAD = 8;
const PFN_HIGH_MASK = 0x000f_ffff;
const RESERVED_HIGH_MASK = 0x0ff0_0000;

export interface PageEntry {
  readonly pfn: number;
  /** PFINFO */
  readonly type: number;
}

/** XTAB is no page, XALLOC one without content, BROKEN one that has lost it. */
export const hasContent = (type: number): boolean => type < PFINFO.BROKEN;

const KNOWN_TYPES: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf]);

/** Everything of the record up to the pages' contents, which are to follow in order. */
export function pageDataHead(entries: readonly PageEntry[]): Uint8Array {
  const contents = entries.filter(({ type }) => hasContent(type)).length;
  const length = HEAD + entries.length * 8 + contents * PAGE_SIZE;
  const record = xcRecordHeader(REC.PAGE_DATA, length);
  const bytes = new Uint8Array(record.length + HEAD + entries.length * 8);
  const view = new DataView(bytes.buffer);
  bytes.set(record);
  view.setUint32(record.length, entries.length, true);
  entries.forEach(({ pfn, type }, i) => {
    const at = record.length + HEAD + i * 8;
    view.setUint32(at, pfn, true);
    view.setUint32(at + 4, (type << 28) >>> 0, true);
  });
  return bytes;
}

export interface PageData {
  readonly entries: readonly PageEntry[];
  /** Contents, in the order of the entries that have one. */
  readonly pages: readonly Uint8Array[];
}

/** `maxPfn`: the highest that the domain has. */
export function readPageData(body: DataView, maxPfn: number): PageData {
  const { byteLength: length } = body;
  if (length < HEAD) throw xcFault(`PAGE_DATA record truncated: length ${length}, min ${HEAD}`);
  const count = body.getUint32(0, true);
  if (count < 1) throw xcFault("Expected at least 1 pfn in PAGE_DATA record");
  if (length < HEAD + count * 8) {
    throw xcFault(
      `PAGE_DATA record (length ${length}) too short to contain ${count} pfns worth of information`,
    );
  }
  const entries: PageEntry[] = [];
  let contents = 0;
  for (let i = 0; i < count; i++) {
    const high = body.getUint32(HEAD + i * 8 + 4, true);
    const pfn = (high & PFN_HIGH_MASK) * 2 ** 32 + body.getUint32(HEAD + i * 8, true);
    const type = high >>> 28;
    const said = `0x${pfn.toString(16)} (index ${i})`;
    if (pfn > maxPfn) throw xcFault(`pfn ${said} outside domain maximum`);
    if (!KNOWN_TYPES.has(type) || (high & RESERVED_HIGH_MASK) !== 0) {
      throw xcFault(`Unknown type 0x${((type << 28) >>> 0).toString(16)} for pfn ${said}`);
    }
    if (hasContent(type)) contents++;
    entries.push({ pfn, type });
  }
  const first = HEAD + count * 8;
  if (length !== first + contents * PAGE_SIZE) {
    throw xcFault(
      `PAGE_DATA record wrong size: length ${length}, expected ${HEAD} + ${count * 8} + ${contents * PAGE_SIZE}`,
    );
  }
  const pages = Array.from(
    { length: contents },
    (_, i) => new Uint8Array(body.buffer, body.byteOffset + first + i * PAGE_SIZE, PAGE_SIZE),
  );
  return { entries, pages };
}
