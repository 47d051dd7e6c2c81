/**
 * Where everything of a new PV domain goes, as libxc lays it out (xc_dom_build_image; public/xen.h, "Start-of-day memory
 * layout"). A pure plan: nothing is written. Upward from VIRT_BASE (pfn 0), page by page, all of it mapped:
 *
 *   kernel | ramdisk [1] | p2m list [2] | start_info | xenstore | console | page tables | boot stack | padding
 *
 * padding: at least 512 KiB, to a multiple of 4 MiB. [1] only when the kernel wants it mapped, else behind the padding.
 * [2] only without INIT_P2M, else last: the list and the tables that map it, at the kernel's address.
 */

import { hex } from "../image/fault.ts";
import { notMappable } from "./address.ts";
import type { BuildFault } from "./fault.ts";
import { buildFault, panic } from "./fault.ts";
import type { ParsedKernel } from "./kernel.ts";
import { type AddressMap, mapRange } from "./page-tables.ts";

/** Pages [pfn, pfn + pages), mapped at `virt` when they are. */
interface Extent {
  readonly name: string;
  readonly pfn: number;
  readonly pages: number;
  readonly virt: bigint;
}

export interface PvLayout {
  readonly nrPages: number;
  readonly kernel: Extent;
  readonly ramdisk: Extent | undefined;
  /** The ramdisk is named by pfn and not mapped (note MOD_START_PFN). */
  readonly ramdiskUnmapped: boolean;
  readonly p2m: Extent;
  readonly startInfo: Extent;
  readonly xenstore: Extent;
  readonly console: Extent;
  readonly pageTables: Extent;
  readonly bootStack: Extent;
  /** First address that is not mapped. */
  readonly mappedEnd: bigint;
  /** The initial mapping, then the p2m's own when it has one. */
  readonly maps: readonly AddressMap[];
  /** What `xl -vvv create` shows of it. */
  readonly shown: readonly string[];
}

const PAGE = 4096;
const PADDING_PAGES = (512 * 1024) / PAGE;
const ALIGN_MASK = (1n << 22n) - 1n;
const MIB_PAGES = 256;

export type LayoutResult = { readonly ok: true; readonly value: PvLayout } | BuildFault;

/** `memKib` is rounded down to whole MiB, as libxl does; `ramdiskBytes` undefined: none. */
export function planPv(kernel: ParsedKernel, memKib: number, ramdiskBytes: number | undefined): LayoutResult {
  const nrPages = Math.floor(memKib / 1024) * MIB_PAGES;
  const { virtBase, virtKstart, virtKend, hypercallPage, p2mBase } = kernel.addresses;
  const unmapped = kernel.notes.modStartPfn;
  const shown: string[] = [];
  let next = 0;
  let failure: BuildFault | undefined;

  const virtOf = (pfn: number): bigint => virtBase + BigInt(pfn) * BigInt(PAGE);
  const take = (name: string, pages: number): Extent => {
    const extent = { name, pfn: next, pages, virt: virtOf(next) };
    if (pages > nrPages - next) failure ??= tooLarge(name, pages, nrPages, next, virtKend - virtBase);
    else next += pages;
    return extent;
  };
  const segment = (name: string, bytes: number): Extent => {
    const extent = take(name, Math.ceil(bytes / PAGE));
    const end = extent.virt + BigInt(bytes);
    shown.push(
      `xc_dom_alloc_segment:   ${name.padEnd(12)} : ${hex(extent.virt)} -> ${hex(end)}  (pfn ${hex(extent.pfn)} + ${hex(extent.pages)} pages)`,
    );
    return extent;
  };
  const page = (name: string): Extent => {
    const extent = take(name, 1);
    shown.push(`xc_dom_alloc_page   :   ${name.padEnd(12)} : ${hex(extent.virt)} (pfn ${hex(extent.pfn)})`);
    return extent;
  };

  take("padding", Number((virtKstart - virtBase) / BigInt(PAGE)));
  if (failure) return failure;
  const kernelExtent = segment("kernel", Number(virtKend - virtKstart));
  if (failure) return failure;
  let ramdisk = ramdiskBytes !== undefined && !unmapped ? segment("module0", ramdiskBytes) : undefined;
  let p2m = p2mBase === undefined ? segment("phys2mach", Math.ceil((nrPages * 8) / PAGE) * PAGE) : undefined;
  const startInfo = page("start info");
  const xenstore = page("xenstore");
  const console = page("console");
  if (failure) return failure;

  const initial = mapInitially(virtBase, next, nrPages, shown);
  if (!("tables" in initial)) return initial;
  const maps = [initial];
  const pageTables = segment("page tables", initial.tables.length * PAGE);
  const bootStack = page("boot stack");
  const mappedEnd = initial.to;
  shown.push(
    `xc_dom_build_image  : virt_alloc_end : ${hex(virtOf(next))}`,
    `xc_dom_build_image  : virt_pgtab_end : ${hex(mappedEnd)}`,
  );
  take("padding", Number((mappedEnd - virtOf(next)) / BigInt(PAGE)));
  if (ramdiskBytes !== undefined && unmapped) ramdisk = segment("module0", ramdiskBytes);
  if (failure) return failure;

  if (p2m === undefined && p2mBase !== undefined) {
    const outside = mapP2m(p2mBase, next, nrPages, initial, shown);
    if (!("tables" in outside)) return outside;
    maps.push(outside);
    const listPages = Math.ceil((nrPages * 8) / PAGE);
    p2m = { ...segment("phys2mach", (listPages + outside.tables.length) * PAGE), virt: p2mBase };
  }
  if (failure) return failure;
  if (hypercallPage !== undefined && hypercallPage >= mappedEnd)
    return buildFault(
      "boot-image",
      `the kernel's note HYPERCALL_PAGE, ${hex(hypercallPage)}, lies beyond what is mapped for it, ${hex(virtBase)} to ${hex(mappedEnd)}`,
      panic(
        "xg_dom_boot.c:58",
        "setup_hypercall_page: HYPERCALL_INIT failed: 22 - Invalid argument)",
        "Internal error",
      ),
    );
  return {
    ok: true,
    value: {
      nrPages,
      kernel: kernelExtent,
      ramdisk,
      ramdiskUnmapped: unmapped,
      p2m: p2m as Extent,
      startInfo,
      xenstore,
      console,
      pageTables,
      bootStack,
      mappedEnd,
      maps,
      shown,
    },
  };
}

/** Tables for [virtBase, end) where end leaves room for the tables themselves, the stack and 512 KiB, to 4 MiB. */
function mapInitially(
  virtBase: bigint,
  next: number,
  nrPages: number,
  shown: string[],
): AddressMap | BuildFault {
  const allocEnd = virtBase + BigInt(next * PAGE);
  const extra = 1 + PADDING_PAGES;
  let pages = extra;
  for (;;) {
    const end = ((allocEnd + BigInt(pages * PAGE)) | ALIGN_MASK) + 1n;
    const bad = notMappable(virtBase, end);
    if (bad !== undefined)
      return buildFault(
        "build-image",
        `the kernel's first mapping, ${hex(virtBase)} (note VIRT_BASE) to ${hex(end)}, ${bad}`,
        panic(
          "xg_dom_core.c:567",
          `xc_dom_alloc_pad: segment boundary too low (${hex(BigInt.asUintN(64, end))} < ${hex(allocEnd)})`,
          "Internal error",
        ),
      );
    const lastPfn = Number((end - 1n - virtBase) >> 12n);
    if (lastPfn >= nrPages) return notEnoughForMapping(lastPfn, nrPages);
    const map = mapRange(virtBase, end, 0, next, [], shown);
    pages = map.tables.length + extra;
    if (allocEnd + BigInt(pages * PAGE) <= end) return map;
  }
}

function mapP2m(
  p2mBase: bigint,
  next: number,
  nrPages: number,
  initial: AddressMap,
  shown: string[],
): AddressMap | BuildFault {
  const listPages = Math.ceil((nrPages * 8) / PAGE);
  const end = p2mBase + BigInt(listPages * PAGE);
  const bad = notMappable(p2mBase, end);
  if (bad !== undefined)
    return buildFault(
      "build-image",
      `the p2m list's mapping, ${hex(p2mBase)} (note INIT_P2M) to ${hex(end)}, ${bad}`,
      [],
    );
  const lastPfn = next + listPages - 1;
  if (lastPfn >= nrPages) return notEnoughForMapping(lastPfn, nrPages);
  if (p2mBase < initial.to && end > initial.from)
    return buildFault(
      "build-image",
      `the p2m list at ${hex(p2mBase)} (note INIT_P2M) would overlap the kernel's mapping, ${hex(initial.from)} to ${hex(initial.to)}`,
      panic("xg_dom_x86.c:169", "count_pgtables: overlapping mappings\n", "Internal error"),
    );
  return mapRange(p2mBase, end, next, next + listPages, [initial], shown);
}

const mib = (pages: number): string => `${Math.ceil(pages / MIB_PAGES)} MiB`;

const tooLarge = (
  name: string,
  pages: number,
  nrPages: number,
  next: number,
  kernelBytes: bigint,
): BuildFault => {
  const what = next === 0 ? "kernel" : (WHAT[name] ?? name);
  const end = next === 0 || name === "kernel" ? Number(kernelBytes) / PAGE : next + pages;
  return buildFault(
    "build-image",
    `the domain's memory of ${mib(nrPages)} is too small: its ${what} would end at ${mib(end)}; give it more memory`,
    panic(
      "xg_dom_core.c:536",
      `xc_dom_chk_alloc_pages: segment ${name} too large (${hex(pages)} > ${hex(nrPages)} - ${hex(next)} pages)`,
      "Out of memory",
    ),
  );
};

/** libxc's names of segments, in words. */
const WHAT: Record<string, string> = { module0: "ramdisk", phys2mach: "p2m list", padding: "first mapping" };

const notEnoughForMapping = (lastPfn: number, nrPages: number): BuildFault =>
  buildFault(
    "build-image",
    `the domain's memory of ${mib(nrPages)} is too small: the kernel's first mapping ends at ${mib(lastPfn + 1)}; give it more memory`,
    panic(
      "xg_dom_x86.c:159",
      `count_pgtables: not enough memory for initial mapping (${hex(lastPfn)} > ${hex(nrPages)})`,
      "Out of memory",
    ),
  );
