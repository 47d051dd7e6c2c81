/** What `xlab inspect` says of a kernel file: what it is, what its Xen notes ask for, and which guests it can be. */
import { type KernelResult, readKernel, unpackKernel } from "../../dombuild/kernel.ts";
import { planPv } from "../../dombuild/layout.ts";
import { readXenNotes, type XenNotes } from "../../dombuild/xen-notes.ts";
import { bzImageVersion } from "../../image/bzimage.ts";
import { readElf } from "../../image/elf/elf.ts";
import { hex } from "../../image/fault.ts";

/** Whether a guest type can be made of it, and why not. */
export type Fitness = { readonly boots: true } | { readonly boots: false; readonly why: string };

export interface KernelReport {
  readonly bytes: number;
  /** "bzImage 2.15 (xz)"; undefined: it cannot be unpacked. */
  readonly format: string | undefined;
  /** What the kernel calls itself. */
  readonly version: string | undefined;
  readonly unpackedBytes: number | undefined;
  readonly bits: 32 | 64 | undefined;
  readonly notesFrom: XenNotes["from"] | undefined;
  /** One note a line, as libxl logs them. */
  readonly notes: readonly string[];
  readonly pv: Fitness;
  readonly pvh: Fitness;
  readonly entry: string | undefined;
  /** Least memory in which it can be laid out, without a ramdisk; it will want more to run. */
  readonly leastMib: number | undefined;
}

export function inspectKernel(file: Uint8Array): KernelReport {
  const unpacked = unpackKernel(file);
  const elf = unpacked.ok ? readElf(unpacked.value.image) : undefined;
  const notes = elf?.ok === true ? readXenNotes(elf.value) : undefined;
  const kernel: KernelResult = unpacked.ok ? readKernel(unpacked.value.image) : unpacked;
  const known = notes?.ok === true ? notes.value : undefined;
  return {
    bytes: file.length,
    format: unpacked.ok ? unpacked.value.format : undefined,
    version: bzImageVersion(file) ?? guestName(known),
    unpackedBytes: unpacked.ok ? unpacked.value.image.length : undefined,
    bits: elf?.ok === true ? elf.value.bits : undefined,
    notesFrom: known?.from,
    notes: known?.shown ?? [],
    pv: kernel.ok ? { boots: true } : { boots: false, why: kernel.why },
    pvh: { boots: false, why: pvhWhy(known) },
    entry: kernel.ok ? hex(kernel.value.addresses.virtEntry) : undefined,
    leastMib: kernel.ok ? leastMib(kernel.value) : undefined,
  };
}

const guestName = (notes: XenNotes | undefined): string | undefined =>
  notes === undefined || notes.guestOs === "" ? undefined : `${notes.guestOs} ${notes.guestVersion}`.trim();

const pvhWhy = (notes: XenNotes | undefined): string =>
  notes?.phys32Entry === undefined
    ? "it has no PVH entry (note PHYS32_ENTRY)"
    : `it has a PVH entry (note PHYS32_ENTRY = ${hex(notes.phys32Entry)}), but xlab runs PV guests only`;

const MIB_KIB = 1024;
/** No kernel needs more to be laid out. */
const MOST_MIB = 65_536;

function leastMib(kernel: Parameters<typeof planPv>[0]): number | undefined {
  const fits = (mib: number): boolean => planPv(kernel, mib * MIB_KIB, undefined).ok;
  let high = 1;
  while (!fits(high)) {
    high *= 2;
    if (high > MOST_MIB) return undefined;
  }
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Lines of a config that boots it; undefined: nothing here does. */
export function suggestConfig(path: string, report: KernelReport): string[] | undefined {
  if (!report.pv.boots || report.leastMib === undefined) return undefined;
  const isLinux = report.notes.some((line) => line.startsWith('GUEST_OS = "linux"'));
  const wanted = Math.max(isLinux ? 256 : 32, report.leastMib * 2);
  const base = path.slice(path.lastIndexOf("/") + 1);
  const name = base.replace(/^vmlinuz-?/, "").replace(/[^A-Za-z0-9_.-]+/g, "-") || "guest";
  return [
    `name    = ${JSON.stringify(name)}`,
    `type    = "pv"`,
    `kernel  = ${JSON.stringify(path)}`,
    ...(isLinux ? [`# ramdisk = "initrd.img"`, `extra   = "console=hvc0"`] : []),
    `memory  = ${2 ** Math.ceil(Math.log2(wanted))}`,
    "vcpus   = 1",
  ];
}
