/**
 * Builds a 64-bit PV domain: kernel, ramdisk, p2m, page tables, start_info and the first vCPU's registers, in the state
 * that public/xen.h calls start of day. Everything reaches the domain through its builder's {@link Gate}.
 *
 *   const kernel = readKernel(file);                       // kernel.ts; may run in a worker
 *   const built = buildPv(gate, domid, { kernel: kernel.value, cmdline: "console=hvc0", … });
 *
 * The domain must exist, be paused, and have its memory limit set; its pages are allocated here and come zeroed.
 */
import type { Gate } from "../abi/hypercall.ts";
import { DOMID_0, type Domid, Gfn, Gref, type Mfn, PAGE_SIZE } from "../abi/types.ts";
import { DomainWriter } from "./domain-writer.ts";
import type { BuildFault } from "./fault.ts";
import { type PvLayout, planPv } from "./layout.ts";
import { tablePages } from "./page-tables.ts";
import { outOfMemory, populate } from "./populate.ts";
import { must, Refused } from "./refused.ts";
import type { PvRequest } from "./request.ts";
import { firstVcpu, maskUpcalls, p2mList, startInfoPage } from "./start-of-day.ts";

export type { PvRequest };

export interface PvBuilt {
  readonly entry: bigint;
  readonly storeMfn: Mfn;
  readonly consoleMfn: Mfn;
  readonly startInfoMfn: Mfn;
  /** Frame of the pinned L4. */
  readonly l4Mfn: Mfn;
  readonly sharedInfoMfn: Mfn;
  /** Machine frame of each pfn. */
  readonly p2m: readonly Mfn[];
  readonly layout: PvLayout;
}

export type PvResult = { readonly ok: true; readonly value: PvBuilt } | BuildFault;

/** 4 TiB: beyond any modelled machine; even a plan for it would take long. */
const MAX_MEMORY_KIB = 2 ** 32;

/** All at once; {@link buildPvSteps} for a caller that must not block. */
export function buildPv(gate: Gate, domid: Domid, request: PvRequest): PvResult {
  const steps = buildPvSteps(gate, domid, request);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Yields now and then, and means nothing by it but that others may have a turn. */
export function* buildPvSteps(gate: Gate, domid: Domid, request: PvRequest): Generator<undefined, PvResult> {
  const { kernel, ramdisk } = request;
  if (request.memKib > MAX_MEMORY_KIB) return outOfMemory(Math.floor(request.memKib / 1024), 0, "ENOMEM");
  const plan = planPv(kernel, request.memKib, ramdisk?.length);
  if (!plan.ok) return plan;
  const layout = plan.value;

  const p2m = yield* populate(gate, domid, layout.nrPages);
  if (!Array.isArray(p2m)) return p2m;
  const mfnOf = (pfn: number): Mfn => p2m[pfn] as Mfn;
  const memory = new DomainWriter(gate, domid, mfnOf);
  try {
    for (const segment of kernel.segments) {
      const bytes = kernel.image.subarray(segment.offset, segment.offset + segment.filesz);
      yield* memory.write(segment.paddr, bytes);
    }
    if (kernel.bsdSymbols !== undefined)
      yield* memory.write(kernel.bsdSymbols.paddr, kernel.bsdSymbols.bytes);
    if (ramdisk !== undefined && layout.ramdisk !== undefined)
      yield* memory.write(layout.ramdisk.pfn * PAGE_SIZE, ramdisk.bytes);
    for (const [first, words] of p2mList(p2m))
      yield* memory.write(layout.p2m.pfn * PAGE_SIZE + first * 8, words);
    for (const [pfn, page] of tablePages(layout.maps, mfnOf)) yield* memory.write(pfn * PAGE_SIZE, page);

    const sharedInfoMfn = must("boot-image", "shared_info", gate.domctl.getSharedInfoFrame(domid));
    yield* memory.write(
      layout.startInfo.pfn * PAGE_SIZE,
      startInfoPage(request, layout, mfnOf, sharedInfoMfn),
    );
    const { hypercallPage, virtBase } = kernel.addresses;
    if (hypercallPage !== undefined) {
      const pfn = Number((hypercallPage - virtBase) / BigInt(PAGE_SIZE));
      must("boot-image", "HYPERCALL_INIT", gate.domctl.hypercallInit(domid, mfnOf(pfn)));
    }
    const l4Mfn = mfnOf(layout.pageTables.pfn);
    while (!must("boot-image", "pin_table", gate.mmu.prepareL4(domid, l4Mfn))) yield;
    must("boot-image", "pin_table", gate.mmu.pinL4(domid, l4Mfn));
    maskUpcalls(gate, domid, sharedInfoMfn);
    must(
      "boot-image",
      "SETVCPUCONTEXT",
      gate.domctl.setVcpuContext(domid, 0, firstVcpu(kernel, layout, l4Mfn)),
    );

    const consoleMfn = mfnOf(layout.console.pfn);
    const storeMfn = mfnOf(layout.xenstore.pfn);
    must(
      "gnttab",
      "console grant",
      gate.gnttab.seed(domid, GREF_CONSOLE, request.consoleDomid ?? DOMID_0, Gfn(consoleMfn)),
    );
    must(
      "gnttab",
      "xenstore grant",
      gate.gnttab.seed(domid, GREF_XENSTORE, request.storeDomid ?? DOMID_0, Gfn(storeMfn)),
    );
    const startInfoMfn = mfnOf(layout.startInfo.pfn);
    const entry = kernel.addresses.virtEntry;
    return {
      ok: true,
      value: { entry, storeMfn, consoleMfn, startInfoMfn, l4Mfn, sharedInfoMfn, p2m, layout },
    };
  } catch (error) {
    if (error instanceof Refused) return error.fault;
    throw error;
  }
}

/** Reserved grant references (public/grant_table.h, GNTTAB_RESERVED_*). */
const GREF_CONSOLE = Gref(0);
const GREF_XENSTORE = Gref(1);
