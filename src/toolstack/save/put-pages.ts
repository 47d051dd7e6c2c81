/** PAGE_DATA's pages into a domain's frames. */
import type { Gate } from "../../abi/hypercall.ts";
import { PFINFO, tableLevel } from "../../abi/migration.ts";
import { PTE_P } from "../../abi/mmu.ts";
import type { Domid } from "../../abi/types.ts";
import type { Plan } from "../wait.ts";
import { writeFrame } from "./foreign.ts";
import { hasContent, readPageData } from "./page-data.ts";
import type { RestoredPages } from "./restored-pages.ts";
import { localiseTable } from "./tables.ts";
import { SUCCESS, xcFault } from "./xc-fault.ts";

const PAGES_PER_TURN = 256;

export function* putPages(gate: Gate, domid: Domid, pages: RestoredPages, body: DataView): Plan<void> {
  const { entries, pages: contents } = readPageData(body, pages.maxPfn);
  const wanted = entries.filter(({ type }) => hasContent(type) || type === PFINFO.XALLOC);
  const fresh = new Set(wanted.filter(({ pfn }) => pages.mfnOf(pfn) === undefined).map(({ pfn }) => pfn));
  pages.populate(wanted.map(({ pfn }) => pfn));
  let next = 0;
  for (const { pfn, type } of entries) {
    pages.types[pfn] = type;
    if (!hasContent(type)) continue;
    const content = contents[next++] as Uint8Array;
    const level = tableLevel(type);
    const page = level === 0 ? content : localise(pages, content, level, pfn);
    if (!writeFrame(gate, domid, pages.mfns[pfn] as number, page, fresh.delete(pfn))) {
      throw xcFault(
        `Mapping pfn 0x${pfn.toString(16)} (type 0x${((type << 28) >>> 0).toString(16)}) failed`,
        SUCCESS,
      );
    }
    if (next % PAGES_PER_TURN === 0) yield { wait: "turn" };
  }
}

/** A table may name pages that come later: they get their frames now. */
function localise(pages: RestoredPages, content: Uint8Array, level: number, pfn: number): Uint8Array {
  const words = new DataView(content.buffer, content.byteOffset, content.length);
  const missing: number[] = [];
  for (let at = 0; at < content.length; at += 8) {
    const low = words.getUint32(at, true);
    if ((low & PTE_P) === 0) continue;
    const target = (words.getUint32(at + 4, true) & 0xf_ffff) * 2 ** 20 + (low >>> 12);
    if (target > pages.maxPfn) {
      throw xcFault(`Failed to localise pfn 0x${pfn.toString(16)} (type ${level})`);
    }
    if (pages.mfnOf(target) === undefined) missing.push(target);
  }
  if (missing.length > 0) pages.populate([...new Set(missing)]);
  return localiseTable(content, level, (target) => pages.mfnOf(target));
}
