/**
 * The hand-over: the program's last act. The kernel's memory is put together from the pages that its contents were read
 * into: they stay where they are, and the new list of frames (p2m) puts each in its place. So nothing is moved, and nothing
 * is needed twice. The console and xenstore pages keep their machine frames and channels; every other page that the program
 * has used begins as zeros. Then the vCPU goes on with the kernel's registers.
 */
import type { Mfn } from "../../abi/types.ts";
import { PAGE_SIZE } from "../../abi/types.ts";
import type { ParsedKernel } from "../../dombuild/kernel.ts";
import type { PvLayout } from "../../dombuild/layout.ts";
import { tablePages } from "../../dombuild/page-tables.ts";
import { must } from "../../dombuild/refused.ts";
import { firstVcpu, maskUpcalls, p2mList, startInfoPage } from "../../dombuild/start-of-day.ts";
import type { MiniOs } from "../minios/kernel.ts";
import { schedule, type Thread } from "../minios/threads.ts";
import type { Image } from "./heap.ts";

export interface HandOver {
  /** Its image may be empty: its segments lie in `memory`. */
  readonly kernel: ParsedKernel;
  readonly layout: PvLayout;
  /** What lies where: kernel and ramdisk. */
  readonly memory: Image;
  /** Bytes. */
  readonly ramdisk: number | undefined;
  readonly cmdline: string;
}

/** Steps of work between two turns of the machine. */
const PER_STEP = 256;
const ZEROS = new Uint8Array(PAGE_SIZE);

/** Takes the pages that the kernel finds besides its own. Throws OutOfPages; up to here there is a way back. */
export function takeBootPages({ layout, memory, kernel }: HandOver): void {
  memory.page(layout.startInfo.pfn);
  const listPages = Math.ceil((layout.nrPages * 8) / PAGE_SIZE);
  for (let i = 0; i < listPages; i++) memory.page(layout.p2m.pfn + i);
  for (const { pfn } of layout.maps.flatMap((map) => map.tables)) memory.page(pfn);
  const stubs = stubsPfn(kernel);
  if (stubs !== undefined) memory.page(stubs);
}

/** Does not come back. All devices, and what else the program holds of Xen's, have been let go of. */
export function* kexec(os: MiniOs, wanted: HandOver): Thread<never> {
  const { gate, start } = os;
  const { kernel, layout, memory } = wanted;
  const old = os.memory.p2m;
  const stubs = stubsOf(os);
  const own = new Map([...memory.pages].map(([pfn, { mfn }]) => [pfn, mfn]));
  own.set(layout.console.pfn, start.consoleMfn).set(layout.xenstore.pfn, start.storeMfn);
  const p2m = rearranged(old, own);
  const mfnOf = (pfn: number): Mfn => p2m[pfn] as Mfn;

  const kept = new Set(own.values());
  const work = counter();
  for (const mfn of os.memory.used()) {
    if (kept.has(mfn)) continue;
    const frame = must("boot-image", "a page", gate.memory.mapForeign(gate.domid, mfn, "write"));
    frame.write(0, ZEROS);
    frame.unmap();
    gate.charge("byte", PAGE_SIZE);
    if (work()) yield* schedule();
  }
  for (let pfn = 0; pfn < p2m.length; pfn++) {
    if (p2m[pfn] === old[pfn]) continue;
    must("boot-image", "m2p", gate.mmu.setMachphys(mfnOf(pfn), pfn));
    if (work()) yield* schedule();
  }

  for (const [first, words] of p2mList(p2m))
    yield* memory.write(layout.p2m.pfn * PAGE_SIZE + first * 8, words);
  for (const [pfn, page] of tablePages(layout.maps, mfnOf)) {
    memory.page(pfn).frame.write(0, page);
    if (work()) yield* schedule();
  }
  const request = {
    kernel,
    ...(wanted.ramdisk === undefined ? {} : { ramdisk: { bytes: ZEROS, length: wanted.ramdisk } }),
    cmdline: wanted.cmdline,
    memKib: (start.nrPages / 256) * 1024,
    storePort: start.storePort,
    consolePort: start.consolePort,
  };
  const info = startInfoPage(request, layout, mfnOf, start.sharedInfoMfn);
  memory.page(layout.startInfo.pfn).frame.write(0, info);
  const stubsAt = stubsPfn(kernel);
  if (stubsAt !== undefined) memory.page(stubsAt).frame.write(0, stubs);
  for (const { frame } of memory.pages.values()) frame.unmap();

  const l4 = mfnOf(layout.pageTables.pfn);
  while (!must("boot-image", "pin_table", gate.mmu.prepareL4(gate.domid, l4))) yield* schedule();
  must("boot-image", "pin_table", gate.mmu.pinL4(gate.domid, l4));
  maskUpcalls(gate, gate.domid, start.sharedInfoMfn);
  os.console.release();
  os.stopRunning();
  must("boot-image", "the new registers", gate.sched.become(firstVcpu(kernel, layout, l4)));
  // Nobody resumes this thread: the vCPU is the kernel's.
  for (;;) yield* schedule();
}

/** True every so many steps. */
function counter(): () => boolean {
  let steps = 0;
  return () => ++steps % PER_STEP === 0;
}

function stubsPfn({ addresses: { hypercallPage, virtBase } }: ParsedKernel): number | undefined {
  return hypercallPage === undefined ? undefined : Number((hypercallPage - virtBase) / BigInt(PAGE_SIZE));
}

/** The page of hypercall stubs that the domain's builder left. */
function stubsOf(os: MiniOs): Uint8Array {
  const { gate, start } = os;
  const frame = must("boot-image", "stubs", gate.memory.mapForeign(gate.domid, start.hypercallMfn, "read"));
  const bytes = frame.read(0, PAGE_SIZE);
  frame.unmap();
  return bytes;
}

/** The same frames, those of `own` in their places; as many others as can stay where they were. */
function rearranged(old: readonly Mfn[], own: ReadonlyMap<number, Mfn>): Mfn[] {
  const placed = new Set(own.values());
  const displaced: Mfn[] = [];
  for (const pfn of own.keys()) {
    const mfn = old[pfn];
    if (mfn !== undefined && !placed.has(mfn)) displaced.push(mfn);
  }
  return old.map((mfn, pfn) => own.get(pfn) ?? (placed.has(mfn) ? (displaced.pop() as Mfn) : mfn));
}
