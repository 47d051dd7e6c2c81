/** What a PV domain's first vCPU finds: start_info, the p2m list, the shared_info's masks, and its own registers. */
import type { Gate } from "../abi/hypercall.ts";
import {
  MAX_GUEST_CMDLINE,
  SIF,
  START_INFO_CMD_LINE,
  START_INFO_MAGIC,
  startInfo,
} from "../abi/start-info.ts";
import { type Domid, type Mfn, PAGE_SIZE } from "../abi/types.ts";
import type { VcpuGuestContext } from "../abi/vcpu-context.ts";
import type { ParsedKernel } from "./kernel.ts";
import type { PvLayout } from "./layout.ts";
import { must } from "./refused.ts";
import type { PvRequest } from "./request.ts";

/** Frames that a piece of the list tells: some pages of it. */
const P2M_PIECE = 32 * 1024;

/** The list, 64-bit frame numbers by pfn, in pieces: each with the first pfn that it tells. */
export function* p2mList(p2m: readonly Mfn[]): Generator<readonly [first: number, words: Uint8Array]> {
  for (let first = 0; first < p2m.length; first += P2M_PIECE) {
    const count = Math.min(P2M_PIECE, p2m.length - first);
    const words = new Uint32Array(count * 2);
    for (let i = 0; i < count; i++) words[i * 2] = p2m[first + i] as Mfn;
    yield [first, new Uint8Array(words.buffer)];
  }
}

export function startInfoPage(
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
export function putText(page: Uint8Array, offset: number, text: string, room: number): void {
  page.set(new TextEncoder().encode(text).subarray(0, room - 1), offset);
}

/** `vcpu_info[].evtchn_upcall_mask` of all XEN_LEGACY_MAX_VCPUS: no upcall before the guest has a handler. */
export function maskUpcalls(gate: Gate, domid: Domid, sharedInfo: Mfn): void {
  const frame = must("boot-image", "shared_info", gate.memory.mapForeign(domid, sharedInfo, "write"));
  for (let vcpu = 0; vcpu < 32; vcpu++) frame.setUint8(vcpu * 64 + 1, 1);
  frame.unmap();
}

const FLAT_KERNEL_CS = 0xe033;
const FLAT_KERNEL_SS = 0xe02b;

export function firstVcpu(kernel: ParsedKernel, layout: PvLayout, l4: Mfn): VcpuGuestContext {
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
