/**
 * Builds a 64-bit PV domain: kernel, ramdisk, p2m, page tables, start_info and the first vCPU's registers, in the state
 * that public/xen.h calls start of day. Everything reaches the domain through its builder's {@link Gate}.
 *
 *   const kernel = readKernel(file);                       // kernel.ts; may run in a worker
 *   const built = buildPv(gate, domid, { kernel: kernel.value, cmdline: "console=hvc0", … });
 *
 * The domain must exist, be paused, and have its memory limit set; its pages are allocated here and come zeroed.
 */
import { ERRNO, type Errno, type XenResult } from "../abi/errno.ts";
import type { Gate } from "../abi/hypercall.ts";
import {
  MAX_GUEST_CMDLINE,
  SIF,
  START_INFO_CMD_LINE,
  START_INFO_MAGIC,
  startInfo,
} from "../abi/start-info.ts";
import { DOMID_0, type Domid, Gfn, Gref, type Mfn, PAGE_SIZE, type Port } from "../abi/types.ts";
import type { VcpuGuestContext } from "../abi/vcpu-context.ts";
import { hex } from "../image/fault.ts";
import { type BuildFault, buildFault, panic } from "./fault.ts";
import type { ParsedKernel } from "./kernel.ts";
import { type PvLayout, planPv } from "./layout.ts";
import { tablePages } from "./page-tables.ts";
import type { Ramdisk } from "./ramdisk.ts";

export interface PvRequest {
  readonly kernel: ParsedKernel;
  readonly ramdisk?: Ramdisk;
  /** Cut after 1023 bytes, as libxc does. */
  readonly cmdline: string;
  /** The memory target; whole MiB count. */
  readonly memKib: number;
  /** Unbound ports of the domain, allocated before for whoever serves xenstore and console. */
  readonly storePort: Port;
  readonly consolePort: Port;
  /** Who serves them; default dom0. */
  readonly storeDomid?: Domid;
  readonly consoleDomid?: Domid;
}

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

/** Pages between two yields of {@link buildPvSteps}: well under a millisecond of host time. */
const PAGES_PER_STEP = 256;
const POPULATE_STEP = 16_384;

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
    if (ramdisk !== undefined && layout.ramdisk !== undefined)
      yield* memory.write(layout.ramdisk.pfn * PAGE_SIZE, ramdisk.bytes);
    yield* memory.write(layout.p2m.pfn * PAGE_SIZE, p2mList(p2m));
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

/** The hypervisor refused a call: carried up to the one place that answers it. */
class Refused extends Error {
  readonly fault: BuildFault;
  constructor(fault: BuildFault) {
    super(fault.why);
    this.fault = fault;
  }
}

function must<T>(step: "boot-image" | "gnttab" | "build-image", call: string, result: XenResult<T>): T {
  if (result.ok) return result.value;
  throw new Refused(refusedCall(step, call, result.errno));
}

const refusedCall = (step: "boot-image" | "gnttab" | "build-image", call: string, errno: Errno): BuildFault =>
  buildFault(
    step,
    `the hypervisor refused to build the domain: ${call} failed with ${errno} (xl dmesg may say more)`,
    panic("xg_dom_boot.c:58", `${call} failed: ${ERRNO[errno]}`, "Internal error"),
    errno,
  );

/** A machine frame for every pfn. */
function* populate(gate: Gate, domid: Domid, nrPages: number): Generator<undefined, Mfn[] | BuildFault> {
  const p2m: Mfn[] = [];
  while (p2m.length < nrPages) {
    const wanted = Math.min(POPULATE_STEP, nrPages - p2m.length);
    const got = gate.memory.populate(domid, Gfn(p2m.length), wanted);
    if (got.ok) for (const mfn of got.value) p2m.push(mfn);
    if (!got.ok || got.value.length < wanted) {
      const errno = got.ok ? "ENOMEM" : got.errno;
      return buildFault(
        "boot-mem",
        `the machine has no ${nrPages / 256} MiB left for the domain (${Math.floor(p2m.length / 256)} MiB could be had): destroy or shrink others, or start the host with more memory`,
        panic(
          "xg_dom_boot.c:119",
          "xc_dom_boot_mem_init: can't allocate low memory for domain",
          "Out of memory",
        ),
        errno,
      );
    }
    yield;
  }
  return p2m;
}

/** Writes into the domain's pseudo-physical memory; pages that would stay zero are not touched. */
class DomainWriter {
  readonly #gate: Gate;
  readonly #domid: Domid;
  readonly #mfnOf: (pfn: number) => Mfn;

  constructor(gate: Gate, domid: Domid, mfnOf: (pfn: number) => Mfn) {
    this.#gate = gate;
    this.#domid = domid;
    this.#mfnOf = mfnOf;
  }

  *write(paddr: number, bytes: Uint8Array): Generator<undefined, void> {
    let done = 0;
    let pages = 0;
    while (done < bytes.length) {
      const at = paddr + done;
      const offset = at % PAGE_SIZE;
      const piece = bytes.subarray(done, done + Math.min(PAGE_SIZE - offset, bytes.length - done));
      if (!isZero(piece)) {
        const frame = must(
          "build-image",
          "foreign mapping",
          this.#gate.memory.mapForeign(this.#domid, this.#mfnOf(Math.floor(at / PAGE_SIZE)), "write"),
        );
        frame.write(offset, piece);
        frame.unmap();
      }
      done += piece.length;
      if (++pages % PAGES_PER_STEP === 0) yield;
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words =
    bytes.byteOffset % 4 === 0
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
      : undefined;
  if (words !== undefined) for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  for (let i = words === undefined ? 0 : words.length * 4; i < bytes.length; i++)
    if (bytes[i] !== 0) return false;
  return true;
}

/** 64-bit frame numbers by pfn. */
function p2mList(p2m: readonly Mfn[]): Uint8Array {
  const words = new Uint32Array(p2m.length * 2);
  for (let pfn = 0; pfn < p2m.length; pfn++) words[pfn * 2] = p2m[pfn] as Mfn;
  return new Uint8Array(words.buffer);
}

function startInfoPage(
  request: PvRequest,
  layout: PvLayout,
  mfnOf: (pfn: number) => Mfn,
  sharedInfo: Mfn,
): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  const outside = request.kernel.addresses.p2mBase !== undefined;
  const { ramdisk } = layout;
  putText(page, 0, START_INFO_MAGIC, 32);
  startInfo.write(new DataView(page.buffer), 0, {
    nr_pages: layout.nrPages,
    shared_info: sharedInfo * PAGE_SIZE,
    // libxl clears what libxc presets (SIF_VIRT_P2M_4TOOLS): libxl__build_pv, `dom->flags = flags`.
    flags: ramdisk !== undefined && layout.ramdiskUnmapped ? SIF.MOD_START_PFN : 0,
    store_mfn: mfnOf(layout.xenstore.pfn),
    store_evtchn: request.storePort,
    console_mfn: mfnOf(layout.console.pfn),
    console_evtchn: request.consolePort,
    pt_base: layout.pageTables.virt,
    nr_pt_frames: layout.pageTables.pages,
    mfn_list: layout.p2m.virt,
    mod_start: ramdisk === undefined ? 0n : layout.ramdiskUnmapped ? BigInt(ramdisk.pfn) : ramdisk.virt,
    // By pages when unmapped, by bytes when mapped: libxc's two places differ.
    mod_len:
      ramdisk === undefined
        ? 0
        : layout.ramdiskUnmapped
          ? ramdisk.pages * PAGE_SIZE
          : (request.ramdisk?.length ?? 0),
    first_p2m_pfn: outside ? layout.p2m.pfn : 0,
    nr_p2m_frames: outside ? layout.p2m.pages : 0,
  });
  putText(page, START_INFO_CMD_LINE, request.cmdline, MAX_GUEST_CMDLINE);
  return page;
}

/** UTF-8, cut so that a NUL follows within `room` bytes. */
function putText(page: Uint8Array, offset: number, text: string, room: number): void {
  page.set(new TextEncoder().encode(text).subarray(0, room - 1), offset);
}

/** `vcpu_info[].evtchn_upcall_mask` of all XEN_LEGACY_MAX_VCPUS: no upcall before the guest has a handler. */
function maskUpcalls(gate: Gate, domid: Domid, sharedInfo: Mfn): void {
  const frame = must("boot-image", "shared_info", gate.memory.mapForeign(domid, sharedInfo, "write"));
  for (let vcpu = 0; vcpu < 32; vcpu++) frame.setUint8(vcpu * 64 + 1, 1);
  frame.unmap();
}

const FLAT_KERNEL_CS = 0xe033;
const FLAT_KERNEL_SS = 0xe02b;

function firstVcpu(kernel: ParsedKernel, layout: PvLayout, l4: Mfn): VcpuGuestContext {
  const rsp = layout.bootStack.virt + BigInt(PAGE_SIZE);
  return {
    flags: 0x24, // VGCF_in_kernel | VGCF_online
    userRegs: {
      r15: 0n,
      r14: 0n,
      r13: 0n,
      r12: 0n,
      rbp: 0n,
      rbx: 0n,
      r11: 0n,
      r10: 0n,
      r9: 0n,
      r8: 0n,
      rax: 0n,
      rcx: 0n,
      rdx: 0n,
      rsi: layout.startInfo.virt,
      rdi: 0n,
      rip: kernel.addresses.virtEntry,
      cs: FLAT_KERNEL_CS,
      rflags: 0x200n,
      rsp,
      ss: FLAT_KERNEL_SS,
      es: 0,
      ds: 0,
      fs: 0,
      gs: 0,
    },
    ldtBase: 0n,
    ldtEntries: 0,
    gdtFrames: [],
    gdtEntries: 0,
    kernelSs: FLAT_KERNEL_SS,
    kernelSp: rsp,
    cr0: 0n,
    cr3: BigInt(l4) << 12n,
    cr3User: 0n,
    cr4: 0n,
    debugreg: [0n, 0n, 0n, 0n, 0n, 0n, 0xffff_0ff0n, 0x400n],
    eventCallback: 0n,
    failsafeCallback: 0n,
    syscallCallback: 0n,
    vmAssist: 0n,
    fsBase: 0n,
    gsBaseKernel: 0n,
    gsBaseUser: 0n,
  };
}

/** One line for `xl -vvv create`: what was found in the file. */
export const describeKernel = (kernel: ParsedKernel): string =>
  `${kernel.format}, ${kernel.notes.guestOs || "unnamed"} kernel of ${kernel.image.length} bytes, entry ${hex(kernel.addresses.virtEntry)}`;
