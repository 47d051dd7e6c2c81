/** What a stream says of each vCPU. It is kept until the end: contexts name frames that come in any order. */
import { ERRNO } from "../../abi/errno.ts";
import type { Gate } from "../../abi/hypercall.ts";
import type { ExtVcpuContext } from "../../abi/migration.ts";
import { tableLevel } from "../../abi/migration.ts";
import type { Domid } from "../../abi/types.ts";
import type { VcpuGuestContext } from "../../abi/vcpu-context.ts";
import { readVcpuBasic, readVcpuBlob, readVcpuExtended, type VcpuRecord } from "./pv-records.ts";
import type { RestoredPages } from "./restored-pages.ts";
import { xcFault } from "./xc-fault.ts";

/** By vCPU id. */
export type SavedVcpus = SavedVcpu[];
interface SavedVcpu {
  basic?: VcpuGuestContext;
  extended?: ExtVcpuContext | undefined;
  /** State that this machine's CPU has no place for. */
  foreign?: "xsave" | "msrs";
}

export function readVcpuRecord(kind: VcpuRecord, body: DataView, vcpus: SavedVcpus): void {
  const { vcpuId, context } = readVcpuBlob(kind, body, vcpus.length);
  const vcpu = vcpus[vcpuId];
  if (vcpu === undefined || context.byteLength === 0) return;
  switch (kind) {
    case "BASIC":
      vcpu.basic = readVcpuBasic(context);
      return;
    case "EXTENDED":
      vcpu.extended = readVcpuExtended(context);
      if (vcpu.extended === undefined) throw xcFault(`Failed to set vcpu${vcpuId}'s extended info`, EINVAL);
      return;
    case "XSAVE":
      vcpu.foreign = "xsave";
      return;
    case "MSRS":
      vcpu.foreign = "msrs";
      return;
  }
}

const EINVAL = "22 = Invalid argument";
const MAX_GDT_ENTRIES = 14 * 512;

/** Hands everything to Xen, pfns made frames again. `startInfo`: the frame that vCPU 0's rdx is to name. */
export function setVcpus(
  gate: Gate,
  domid: Domid,
  vcpus: SavedVcpus,
  pages: RestoredPages,
  startInfo: number,
): void {
  for (const [id, { basic, extended, foreign }] of vcpus.entries()) {
    if (foreign !== undefined) {
      const hint = "the guest was saved on a CPU with registers that this one has not";
      throw xcFault(
        `Failed to set vcpu${id}'s ${foreign}${foreign === "xsave" ? " info" : ""}`,
        EINVAL,
        hint,
      );
    }
    if (basic === undefined) continue;
    const context = localiseContext(basic, pages);
    const regs = id === 0 ? { ...context.userRegs, rdx: BigInt(startInfo) } : context.userRegs;
    const set = gate.domctl.setVcpuContext(domid, id, { ...context, userRegs: regs });
    if (!set.ok) throw xcFault(`Failed to set vcpu${id}'s basic info`, `${ERRNO[set.errno]} = ${set.errno}`);
    if (extended === undefined) continue;
    const more = gate.migration.setExtVcpuContext(domid, id, extended);
    if (!more.ok) throw xcFault(`Failed to set vcpu${id}'s extended info`, EINVAL);
  }
}

function localiseContext(context: VcpuGuestContext, pages: RestoredPages): VcpuGuestContext {
  const { gdtFrames, gdtEntries, cr3, cr3User } = context;
  if (gdtEntries > MAX_GDT_ENTRIES) {
    throw xcFault(`GDT entry count (${gdtEntries}) out of range (max ${MAX_GDT_ENTRIES})`);
  }
  const used = gdtFrames.slice(0, Math.ceil(gdtEntries / 512));
  return {
    ...context,
    gdtFrames: used.map((pfn, i) => frame(pages, pfn, 0, `GDT frame ${i}`)),
    cr3: BigInt(frame(pages, Number(cr3 >> 12n), 4, "cr3")) << 12n,
    cr3User: (cr3User & 1n) === 0n ? 0n : BigInt(frame(pages, Number(cr3User >> 12n), 4, "cr1")) << 12n,
  };
}

/** The frame of a pfn that must be a table of this level, or (0) none. */
export function frame(pages: RestoredPages, pfn: number, level: number, what: string): number {
  const said = `${what} (pfn 0x${pfn.toString(16)})`;
  if (pfn > pages.maxPfn) throw xcFault(`${said} out of range`);
  const type = pages.types[pfn] as number;
  if (type === 0xff || tableLevel(type) !== level) {
    throw xcFault(`${said} has bad type ${type}${level === 0 ? "" : `, expected ${level}`}`);
  }
  const mfn = pages.mfnOf(pfn);
  if (mfn === undefined) throw xcFault(`${what} has bad mfn`);
  return mfn;
}
