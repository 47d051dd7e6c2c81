/** libxc's half of a save (xc_domain_save): the domain's memory, vCPUs and time as records, in libxc's order. */
import type { XenResult } from "../../abi/errno.ts";
import type { Gate } from "../../abi/hypercall.ts";
import { PFINFO, tableLevel } from "../../abi/migration.ts";
import { type Domid, PAGE_SIZE } from "../../abi/types.ts";
import type { VcpuGuestContext } from "../../abi/vcpu-context.ts";
import type { Plan } from "../wait.ts";
import { readFrame } from "./foreign.ts";
import { type GuestP2m, readGuestP2m } from "./p2m.ts";
import { BATCH_PAGES, hasContent, type PageEntry, pageDataHead } from "./page-data.ts";
import {
  cpuidPolicyBody,
  msrPolicyBody,
  p2mFramesBody,
  pvInfoBody,
  tscInfoBody,
  vcpuBasicBody,
  vcpuExtendedBody,
} from "./pv-records.ts";
import type { ByteSink } from "./stream.ts";
import { normaliseTable } from "./tables.ts";
import { SUCCESS, XcFault, xcError, xcFault, xcInfo } from "./xc-fault.ts";
import { REC, xcHeaders, xcRecord } from "./xc-records.ts";

/** Pages handed on at a time: a megabyte. */
const PIECE_PAGES = 256;

export interface SaveImage {
  readonly gate: Gate;
  readonly domid: Domid;
  readonly sink: ByteSink;
  /** Lines on stderr as they come. */
  readonly say: (line: string) => void;
  /** `done` of `total`, of what; `total` 0: a step without parts. */
  readonly progress: (what: string, done: number, total: number) => void;
  /** Has the guest suspend. False: it did not. */
  readonly suspend: () => Plan<boolean>;
}

/** Throws {@link XcFault} with all that libxc says, its closing line included. */
export function* saveImage(image: SaveImage): Plan<void> {
  image.say(xcInfo(`Saving domain ${image.domid}, type x86 PV`));
  try {
    yield* writeImage(image);
  } catch (error) {
    if (!(error instanceof XcFault)) throw error;
    throw new XcFault([...error.lines, xcError("Save failed", SUCCESS)], error.hint);
  }
}

function must<T>(result: XenResult<T>, what: string): T {
  if (!result.ok) throw xcFault(what, result.errno);
  return result.value;
}

function* writeImage({ gate, domid, sink, progress, suspend }: SaveImage): Plan<void> {
  yield* readGuestP2m(gate, domid); // a guest without one is refused before it is asked to suspend
  progress("Start of stream", 0, 0);
  if (!(yield* suspend())) throw xcFault("save callback suspend() failed: 0");
  progress("Domain now suspended", 0, 0);
  const p2m = yield* readGuestP2m(gate, domid);
  const version = gate.sysctl.version();
  yield* sink.put(xcHeaders({ major: version.major, minor: version.minor }));
  yield* sink.put(xcRecord(REC.X86_PV_INFO, pvInfoBody()));
  const policy = must(gate.migration.getCpuPolicy(domid), "Unable to get CPU Policy size");
  yield* sink.put(xcRecord(REC.X86_CPUID_POLICY, cpuidPolicyBody(policy)));
  yield* sink.put(xcRecord(REC.X86_MSR_POLICY, msrPolicyBody(policy)));
  yield* sink.put(xcRecord(REC.STATIC_DATA_END));
  yield* sink.put(xcRecord(REC.X86_PV_P2M_FRAMES, p2mFramesBody(p2m.maxPfn, p2m.frames)));
  const total = p2m.maxPfn + 1;
  for (let first = 0; first < total; first += BATCH_PAGES) {
    progress("Frames", first, total);
    yield* writeBatch(gate, domid, sink, p2m, first);
  }
  progress("Frames", total, total);

  const tsc = must(gate.migration.getTscInfo(domid), "Unable to obtain TSC information");
  yield* sink.put(xcRecord(REC.X86_TSC_INFO, tscInfoBody(tsc)));
  const shared = gate.domctl.getSharedInfoFrame(domid);
  const page = shared.ok ? readFrame(gate, domid, shared.value) : undefined;
  if (page === undefined) throw xcFault("Failed to map shared info frame", SUCCESS);
  yield* sink.put(xcRecord(REC.SHARED_INFO, page));
  const { maxVcpuId } = must(gate.domctl.getInfo(domid), "Unable to refresh domain information");
  for (let vcpu = 0; vcpu <= maxVcpuId; vcpu++) {
    const info = must(gate.domctl.getVcpuInfo(domid, vcpu), `Failed to get vcpu${vcpu} information`);
    if (!info.online) continue;
    const context = must(gate.domctl.getVcpuContext(domid, vcpu), `Failed to get vcpu${vcpu} context`);
    const basic = vcpuBasicBody(vcpu, normaliseContext(vcpu, context, p2m));
    yield* sink.put(xcRecord(REC.X86_PV_VCPU_BASIC, basic));
    const extended = must(
      gate.migration.getExtVcpuContext(domid, vcpu),
      `Unable to get vcpu${vcpu} extended context`,
    );
    yield* sink.put(xcRecord(REC.X86_PV_VCPU_EXTENDED, vcpuExtendedBody(vcpu, extended)));
    // No XSAVE and no MSRs of its own: the CPU has neither, and empty records are left out.
  }
  progress("End of stream", 0, 0);
  yield* sink.put(xcRecord(REC.END));
  progress("Complete", 0, 0);
}

/** One PAGE_DATA record: the pages from `first` on. */
function* writeBatch(gate: Gate, domid: Domid, sink: ByteSink, p2m: GuestP2m, first: number): Plan<void> {
  const mfns = p2m.mfns.subarray(first, first + BATCH_PAGES);
  const types = must(gate.migration.pageTypes(domid, Array.from(mfns)), "Failed to get types for pfn batch");
  const entries = Array.from(types, (type, i): PageEntry => ({ pfn: first + i, type }));
  for (const entry of entries) if (entry.type === PFINFO.BROKEN) throw xcFault("Broken page in the batch");
  yield* sink.put(pageDataHead(entries));
  let piece = new Uint8Array(PIECE_PAGES * PAGE_SIZE);
  let filled = 0;
  for (const [i, { type, pfn }] of entries.entries()) {
    if (!hasContent(type)) continue;
    const page = readFrame(gate, domid, mfns[i] ?? 0);
    if (page === undefined) throw xcFault(`Mapping of pfn 0x${pfn.toString(16)} failed`, SUCCESS);
    const level = tableLevel(type);
    piece.set(level === 0 ? page : normaliseTable(page, level, p2m.pfnOf), filled);
    filled += PAGE_SIZE;
    if (filled < piece.length) continue;
    yield* sink.put(piece);
    piece = new Uint8Array(PIECE_PAGES * PAGE_SIZE);
    filled = 0;
  }
  if (filled > 0) yield* sink.put(piece.subarray(0, filled));
}

/** The context with pfns for frames: GDT, table bases and, on vCPU 0, the start_info frame that the guest left in rdx. */
function normaliseContext(vcpu: number, context: VcpuGuestContext, { pfnOf }: GuestP2m): VcpuGuestContext {
  const pfn = (mfn: number, what: string): number => {
    const found = pfnOf(mfn);
    if (found === undefined) throw xcFault(`Bad mfn for ${what}`);
    return found;
  };
  const { userRegs, gdtFrames, cr3, cr3User } = context;
  const base = (value: bigint, what: string): bigint => BigInt(pfn(frameOf(value >> 12n), what)) << 12n;
  return {
    ...context,
    userRegs:
      vcpu === 0 ? { ...userRegs, rdx: BigInt(pfn(frameOf(userRegs.rdx), "suspend record")) } : userRegs,
    gdtFrames: gdtFrames.map((mfn, i) => pfn(mfn, `frame ${i} of vcpu${vcpu}'s GDT`)),
    cr3: base(cr3, `vcpu${vcpu}'s cr3`),
    cr3User: cr3User === 0n ? 0n : base(cr3User, `vcpu${vcpu}'s cr1`) | 1n,
  };
}

/** A number of 64 bits as a frame; what cannot be one becomes one that nobody has. */
const frameOf = (value: bigint): number => (value < 0xffff_ffffn ? Number(value) : 0xffff_ffff);
