/**
 * Where a kernel lies: its loadable segments by *physical* address (Linux's per-cpu segment has the virtual address 0),
 * and from the notes the virtual addresses of libelf's elf_xen_addr_calc_check, with the same defaults.
 */
import { type Elf, within } from "../image/elf/elf.ts";
import { PF_R, PF_W, PF_X, PT_LOAD } from "../image/elf/layout.ts";
import { fault, hex, type Parsed, parsed } from "../image/fault.ts";
import { notMappable } from "./address.ts";
import type { XenNotes } from "./xen-notes.ts";

/** All in bytes. */
export interface LoadSegment {
  /** Where in the domain's pseudo-physical memory it begins: the file's p_paddr less PADDR_OFFSET. */
  readonly paddr: number;
  readonly offset: number;
  readonly filesz: number;
  readonly memsz: number;
}

export interface KernelAddresses {
  /** Virtual address of pfn 0; page aligned. */
  readonly virtBase: bigint;
  /** Kernel from its first byte to the byte after its last. */
  readonly virtKstart: bigint;
  readonly virtKend: bigint;
  readonly virtEntry: bigint;
  readonly hypercallPage: bigint | undefined;
  /** Where the p2m list goes when the kernel wants it outside its own mapping; page aligned. */
  readonly p2mBase: bigint | undefined;
}

/** A PV domain has less memory than this, so nothing of a kernel may lie beyond it. */
const MAX_PADDR = 2 ** 46;
const PAGE = 4096n;

export function loadSegments(elf: Elf, notes: XenNotes): Parsed<LoadSegment[]> {
  const paddrOffset = notes.paddrOffset ?? 0n;
  const out: LoadSegment[] = [];
  for (const [i, row] of elf.segments.entries()) {
    if (row.type !== PT_LOAD || (row.flags & (PF_R | PF_W | PF_X)) === 0 || row.memsz === 0) continue;
    const { offset, filesz, memsz } = row;
    if (filesz > memsz)
      return fault(`segment ${i} has ${filesz} bytes in the file but only ${memsz} in memory`);
    if (row.paddr < paddrOffset)
      return fault(
        `segment ${i} lies at the physical address ${hex(row.paddr)}, below the note PADDR_OFFSET of ${hex(paddrOffset)}`,
      );
    const paddr = Number(row.paddr - paddrOffset);
    if (memsz >= MAX_PADDR || paddr + memsz >= MAX_PADDR)
      return fault(
        `segment ${i}, ${memsz} bytes at the physical address ${hex(row.paddr)}, wraps or lies beyond any domain's memory`,
      );
    if (!within(offset, filesz, elf.bytes.length))
      return fault(
        `segment ${i} should have ${filesz} bytes at ${hex(offset)}, but the image has ${elf.bytes.length} bytes: it is truncated`,
      );
    out.push({ paddr, offset, filesz, memsz });
  }
  if (out.length === 0) return fault("the kernel has no loadable segment");
  out.sort((a, b) => a.paddr - b.paddr);
  for (let i = 1; i < out.length; i++) {
    const [a, b] = [out[i - 1] as LoadSegment, out[i] as LoadSegment];
    if (a.paddr + a.memsz > b.paddr)
      return fault(`the segments at ${hex(a.paddr)} (${a.memsz} bytes) and ${hex(b.paddr)} overlap`);
  }
  return parsed(out);
}

/** `end`: where in pseudo-physical memory the byte after the kernel's last is, its symbols included. */
export function kernelAddresses(
  elf: Elf,
  segments: readonly LoadSegment[],
  end: number,
  notes: XenNotes,
): Parsed<KernelAddresses> {
  if (notes.paddrOffset !== undefined && notes.virtBase === undefined && notes.from !== "__xen_guest")
    return fault("the kernel has the note PADDR_OFFSET but not VIRT_BASE, which it is relative to");
  const virtBase = notes.virtBase ?? 0n;
  if (virtBase % PAGE !== 0n)
    return fault(`the kernel's note VIRT_BASE, ${hex(virtBase)}, is not page aligned`);

  const first = segments[0] as LoadSegment;
  const virtKstart = virtBase + BigInt(first.paddr);
  const virtKend = virtBase + BigInt(end);
  const bad = notMappable(virtBase, virtKend);
  if (bad !== undefined)
    return fault(`the kernel's mapping from ${hex(virtBase)} (note VIRT_BASE) to ${hex(virtKend)} ${bad}`);
  if (virtKstart % PAGE !== 0n && virtKstart !== virtBase)
    return fault(`the kernel starts at ${hex(virtKstart)}, which is not page aligned`);

  const virtEntry = notes.entry ?? elf.entry;
  const entryName = notes.entry === undefined ? "entry point (ELF header)" : "note ENTRY";
  if (virtEntry < virtKstart || virtEntry >= virtKend)
    return fault(
      `the kernel's ${entryName}, ${hex(virtEntry)}, lies outside the kernel, ${hex(virtKstart)} to ${hex(virtKend)}`,
    );

  const { hypercallPage } = notes;
  if (hypercallPage !== undefined) {
    if (hypercallPage % PAGE !== 0n)
      return fault(`the kernel's note HYPERCALL_PAGE, ${hex(hypercallPage)}, is not page aligned`);
    if (hypercallPage < virtBase)
      return fault(
        `the kernel's note HYPERCALL_PAGE, ${hex(hypercallPage)}, lies below VIRT_BASE, ${hex(virtBase)}`,
      );
  }

  const wanted = notes.initP2m;
  if (wanted !== undefined && wanted >= virtKstart && wanted < virtKend)
    return fault(`the kernel's note INIT_P2M, ${hex(wanted)}, lies inside the kernel`);
  // libxc ignores a list that is not below VIRT_BASE or not aligned: it then goes behind the kernel.
  const p2mBase = wanted !== undefined && wanted < virtBase && wanted % PAGE === 0n ? wanted : undefined;
  return parsed({ virtBase, virtKstart, virtKend, virtEntry, hypercallPage, p2mBase });
}
