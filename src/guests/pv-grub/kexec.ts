/**
 * The hand-over: the program's last act. The kernel is laid out in the domain's own frames as a domain builder would, the
 * console and xenstore pages keep their machine frames and channels, and the vCPU goes on with the kernel's registers.
 */
import type { Mfn } from "../../abi/types.ts";
import { PAGE_SIZE } from "../../abi/types.ts";
import { DomainWriter } from "../../dombuild/domain-writer.ts";
import type { BuildFault } from "../../dombuild/fault.ts";
import type { ParsedKernel } from "../../dombuild/kernel.ts";
import { planPv } from "../../dombuild/layout.ts";
import { tablePages } from "../../dombuild/page-tables.ts";
import { must, Refused } from "../../dombuild/refused.ts";
import { firstVcpu, p2mList, startInfoPage } from "../../dombuild/start-of-day.ts";
import type { MiniOs } from "../minios/kernel.ts";
import { schedule, type Thread } from "../minios/threads.ts";

export interface HandOver {
  readonly kernel: ParsedKernel;
  readonly ramdisk: Uint8Array | undefined;
  readonly cmdline: string;
}

/** Answers why it cannot be; when it can, it does not answer. `prepare` lets go of all devices: from there is no way back. */
export function* kexec(os: MiniOs, wanted: HandOver, prepare: () => Thread<void>): Thread<BuildFault> {
  const { gate, start, memory } = os;
  const { kernel, ramdisk, cmdline } = wanted;
  const plan = planPv(kernel, (start.nrPages / 256) * 1024, ramdisk?.length);
  if (!plan.ok) return plan;
  const layout = plan.value;
  yield* prepare();
  try {
    const p2m = exchange(memory.p2m, [
      [layout.console.pfn, start.consoleMfn],
      [layout.xenstore.pfn, start.storeMfn],
    ]);
    const mfnOf = (pfn: number): Mfn => p2m[pfn] as Mfn;
    const stubs = stubsOf(os);
    // What the program has used is the new kernel's memory now, and begins as zeros.
    let wiped = 0;
    for (const mfn of memory.used()) {
      if (mfn === start.consoleMfn || mfn === start.storeMfn) continue;
      const frame = must("boot-image", "a page", gate.memory.mapForeign(gate.domid, mfn, "write"));
      frame.write(0, ZEROS);
      frame.unmap();
      if (++wiped % 64 === 0) yield* schedule();
    }
    for (let pfn = 0; pfn < p2m.length; pfn++)
      if (p2m[pfn] !== memory.p2m[pfn]) must("boot-image", "m2p", gate.mmu.setMachphys(mfnOf(pfn), pfn));

    const writer = new DomainWriter(gate, gate.domid, mfnOf);
    const write = function* (paddr: number, bytes: Uint8Array): Thread<void> {
      for (const steps = writer.write(paddr, bytes); steps.next().done !== true; ) yield* schedule();
      gate.charge("byte", bytes.length);
    };
    for (const { offset, filesz, paddr } of kernel.segments)
      yield* write(paddr, kernel.image.subarray(offset, offset + filesz));
    if (kernel.bsdSymbols !== undefined) yield* write(kernel.bsdSymbols.paddr, kernel.bsdSymbols.bytes);
    if (ramdisk !== undefined && layout.ramdisk !== undefined)
      yield* write(layout.ramdisk.pfn * PAGE_SIZE, ramdisk);
    for (const [first, words] of p2mList(p2m)) yield* write(layout.p2m.pfn * PAGE_SIZE + first * 8, words);
    for (const [pfn, page] of tablePages(layout.maps, mfnOf)) yield* write(pfn * PAGE_SIZE, page);
    const request = {
      kernel,
      ...(ramdisk === undefined ? {} : { ramdisk: { bytes: ramdisk, length: ramdisk.length } }),
      cmdline,
      memKib: (start.nrPages / 256) * 1024,
      storePort: start.storePort,
      consolePort: start.consolePort,
    };
    yield* write(
      layout.startInfo.pfn * PAGE_SIZE,
      startInfoPage(request, layout, mfnOf, start.sharedInfoMfn),
    );
    const { hypercallPage, virtBase } = kernel.addresses;
    if (hypercallPage !== undefined) yield* write(Number(hypercallPage - virtBase), stubs);
    const l4 = mfnOf(layout.pageTables.pfn);
    must("boot-image", "pin_table", gate.mmu.pinL4(gate.domid, l4));
    os.console.release();
    os.stopRunning();
    must("boot-image", "the new registers", gate.sched.become(firstVcpu(kernel, layout, l4)));
    // Nobody resumes this thread: the vCPU is the kernel's.
    for (;;) yield* schedule();
  } catch (error) {
    if (error instanceof Refused) return error.fault;
    throw error;
  }
}

const ZEROS = new Uint8Array(PAGE_SIZE);

/** The page of hypercall stubs that the domain's builder left. */
function stubsOf(os: MiniOs): Uint8Array {
  const { gate, start } = os;
  const frame = must("boot-image", "stubs", gate.memory.mapForeign(gate.domid, start.hypercallMfn, "read"));
  const bytes = frame.read(0, PAGE_SIZE);
  frame.unmap();
  return bytes;
}

/** The list with the given machine frames at these places; what stood there takes their old places. */
function exchange(p2m: readonly Mfn[], wanted: readonly (readonly [pfn: number, mfn: Mfn])[]): Mfn[] {
  const list = [...p2m];
  for (const [pfn, mfn] of wanted) {
    const other = list.indexOf(mfn);
    const here = list[pfn];
    if (other < 0 || here === undefined) continue;
    list[other] = here;
    list[pfn] = mfn;
  }
  return list;
}
