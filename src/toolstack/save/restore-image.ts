/**
 * libxc's half of a restore (xc_domain_restore): records become a domain's memory and vCPUs. The domain exists, is paused
 * and empty, has its memory limit and its two event channels.
 */
import type { Gate } from "../../abi/hypercall.ts";
import type { CpuidLeaf, MsrEntry } from "../../abi/migration.ts";
import type { Domid, Mfn, Port } from "../../abi/types.ts";
import { DOMID_0, Gfn, Gref } from "../../abi/types.ts";
import { sharedInfo, VCPU_INFO_SIZE, vcpuInfo, XEN_LEGACY_MAX_VCPUS } from "../../abi/xen.ts";
import type { Plan } from "../wait.ts";
import { putPages } from "./put-pages.ts";
import { checkPvInfo, readCpuidPolicy, readMsrPolicy, readP2mFrames, readTscInfo } from "./pv-records.ts";
import { completeDomain } from "./restore-complete.ts";
import { RestoredPages } from "./restored-pages.ts";
import { readVcpuRecord, type SavedVcpus } from "./saved-vcpus.ts";
import type { ByteSource } from "./stream.ts";
import { SUCCESS, XcFault, xcError, xcFault, xcInfo } from "./xc-fault.ts";
import { REC, REC_OPTIONAL, readXcHeaders, readXcRecord, recordName, type XcRecord } from "./xc-records.ts";

export interface RestoreImage {
  readonly gate: Gate;
  readonly domid: Domid;
  readonly source: ByteSource;
  readonly storePort: Port;
  readonly consolePort: Port;
  /** Pages that the domain may have. */
  readonly maxPages: number;
  readonly say: (line: string) => void;
}

export interface Restored {
  readonly storeMfn: Mfn;
  readonly consoleMfn: Mfn;
}

/** Throws {@link XcFault} with all that libxc says. */
export function* restoreImage(image: RestoreImage): Plan<Restored> {
  const { gate, domid, source, say, storePort, consolePort } = image;
  yield* readXcHeaders(source, (line) => say(xcInfo(line)));
  let restored: Restored;
  try {
    restored = yield* new Restoring(image).run();
  } catch (error) {
    if (!(error instanceof XcFault)) throw error;
    throw new XcFault([...error.lines, xcError("Restore failed", SUCCESS)], error.hint);
  }
  const { storeMfn, consoleMfn } = restored;
  const seeded =
    gate.gnttab.seed(domid, GREF_CONSOLE, DOMID_0, Gfn(consoleMfn)).ok &&
    gate.gnttab.seed(domid, GREF_XENSTORE, DOMID_0, Gfn(storeMfn)).ok;
  if (!seeded) throw xcFault("Failed to seed grant table", SUCCESS);
  const where = (mfn: number, port: number): string => `mfn 0x${mfn.toString(16)}, dom 0, evt ${port}`;
  say(xcInfo("Restore successful"));
  say(xcInfo(`XenStore: ${where(storeMfn, storePort)}`));
  say(xcInfo(`Console: ${where(consoleMfn, consolePort)}`));
  return restored;
}

/** Reserved grant references (public/grant_table.h, GNTTAB_RESERVED_*). */
const GREF_CONSOLE = Gref(0);
const GREF_XENSTORE = Gref(1);

class Restoring {
  readonly #image: RestoreImage;
  readonly #pages: RestoredPages;
  readonly #vcpus: SavedVcpus;
  #seenInfo = false;
  #staticDone = false;
  #leaves: CpuidLeaf[] = [];
  #msrs: MsrEntry[] = [];
  /** pfns of the frames that hold the guest's own p2m, by their place in it. */
  #p2mFrames: number[] = [];

  constructor(image: RestoreImage) {
    this.#image = image;
    const info = image.gate.domctl.getInfo(image.domid);
    if (!info.ok) throw xcFault("Failed to get domain info", "3 = No such process");
    this.#vcpus = Array.from({ length: info.value.maxVcpuId + 1 }, () => ({}));
    this.#pages = new RestoredPages(image.gate, image.domid, image.maxPages);
  }

  *run(): Plan<Restored> {
    for (;;) {
      const record = yield* readXcRecord(this.#image.source);
      if (record.type === REC.END) break;
      yield* this.#take(record);
    }
    return yield* completeDomain(this.#image, this.#pages, this.#vcpus, this.#p2mFrames);
  }

  *#take({ type, body }: XcRecord): Plan<void> {
    const { gate, domid } = this.#image;
    switch (type) {
      case REC.X86_PV_INFO:
        if (this.#seenInfo) throw xcFault("Already received X86_PV_INFO record");
        checkPvInfo(body, domid);
        this.#seenInfo = true;
        return;
      case REC.X86_CPUID_POLICY:
        this.#leaves = readCpuidPolicy(body);
        return;
      case REC.X86_MSR_POLICY:
        this.#msrs = readMsrPolicy(body);
        return;
      case REC.STATIC_DATA_END:
        this.#endStatic();
        return;
      case REC.X86_PV_P2M_FRAMES: {
        this.#mustBeStatic();
        this.#mustHaveInfo();
        const { startPfn, endPfn, frames } = readP2mFrames(body);
        this.#pages.expand(endPfn);
        const first = Math.floor(startPfn / 512);
        if (first > this.#p2mFrames.length) throw xcFault("X86_PV_P2M_FRAMES record leaves a gap");
        frames.forEach((pfn, i) => {
          this.#p2mFrames[first + i] = pfn;
        });
        return;
      }
      case REC.PAGE_DATA:
        this.#mustBeStatic();
        yield* putPages(gate, domid, this.#pages, body);
        return;
      case REC.X86_TSC_INFO: {
        const set = gate.migration.setTscInfo(domid, readTscInfo(body));
        if (!set.ok) throw xcFault("Unable to set TSC information", set.errno);
        return;
      }
      case REC.SHARED_INFO:
        this.#mustHaveInfo();
        restoreSharedInfo(gate, domid, body);
        return;
      case REC.X86_PV_VCPU_BASIC:
        readVcpuRecord("BASIC", body, this.#vcpus);
        return;
      case REC.X86_PV_VCPU_EXTENDED:
        readVcpuRecord("EXTENDED", body, this.#vcpus);
        return;
      case REC.X86_PV_VCPU_XSAVE:
        readVcpuRecord("XSAVE", body, this.#vcpus);
        return;
      case REC.X86_PV_VCPU_MSRS:
        readVcpuRecord("MSRS", body, this.#vcpus);
        return;
      case REC.CHECKPOINT:
        throw xcFault("Found checkpoint in non-checkpointed stream");
      default:
        if ((type & REC_OPTIONAL) !== 0) return;
        throw xcFault(`Mandatory record 0x${type.toString(16)} (${recordName(type)}) not handled`);
    }
  }

  #mustHaveInfo(): void {
    if (!this.#seenInfo) throw xcFault("Not yet received X86_PV_INFO record");
  }

  #mustBeStatic(): void {
    if (!this.#staticDone) throw xcFault("No STATIC_DATA_END seen");
  }

  #endStatic(): void {
    if (this.#staticDone) throw xcFault("Multiple STATIC_DATA_END records found");
    this.#staticDone = true;
    const { gate, domid } = this.#image;
    const audit = gate.migration.auditCpuPolicy(domid, { leaves: this.#leaves, msrs: this.#msrs });
    if (audit.ok && audit.value === undefined) return;
    const fault = audit.ok ? audit.value : undefined;
    const at = { leaf: ~0, subleaf: ~0, msr: ~0, ...fault };
    const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, "0");
    throw xcFault(
      `Failed to set CPUID policy: leaf ${hex(at.leaf)}, subleaf ${hex(at.subleaf)}, msr ${hex(at.msr)}`,
      audit.ok ? "22 = Invalid argument" : audit.errno,
      "the guest was saved on a CPU that can do more than this one",
    );
  }
}

/** What a guest keeps over a restore: vcpu_info and its own words in `arch`; no event is pending, all are masked. */
function restoreSharedInfo(gate: Gate, domid: Domid, body: DataView): void {
  if (body.byteLength !== PAGE) {
    throw xcFault(`X86_PV_SHARED_INFO record wrong size: length ${body.byteLength}, expected ${PAGE}`);
  }
  const mfn = gate.domctl.getSharedInfoFrame(domid);
  const frame = mfn.ok ? gate.memory.mapForeign(domid, mfn.value, "write") : mfn;
  if (!frame.ok) throw xcFault("Failed to map Shared Info", frame.errno);
  const page = frame.value.read(0, PAGE);
  const view = new DataView(page.buffer);
  const saved = new Uint8Array(body.buffer, body.byteOffset, PAGE);
  page.set(saved.subarray(0, XEN_LEGACY_MAX_VCPUS * VCPU_INFO_SIZE));
  const { archMaxPfn, archPfnToMfnFrameListList } = sharedInfo.field;
  page.set(saved.subarray(archMaxPfn.offset, sharedInfo.size), archMaxPfn.offset);
  archPfnToMfnFrameListList.set(view, 0, 0n);
  page.fill(0, PENDING, MASK);
  page.fill(0xff, MASK, MASK + (MASK - PENDING));
  for (let vcpu = 0; vcpu < XEN_LEGACY_MAX_VCPUS; vcpu++) {
    vcpuInfo.field.evtchnPendingSel.set(view, vcpu * VCPU_INFO_SIZE, 0n);
  }
  frame.value.write(0, page);
  frame.value.unmap();
}

const PAGE = 4096;
/** `evtchn_pending`, `evtchn_mask` */
const PENDING = 0x800;
const MASK = 0xa00;
