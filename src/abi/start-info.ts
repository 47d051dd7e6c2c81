/** `start_info` (public/xen.h): the page that a PV guest's first vCPU finds through rsi. */
import { at, branded, n64, struct, u32, u64 } from "../lib/struct.ts";
import type { Mfn, Port } from "./types.ts";

const mfn64 = branded<Mfn>(n64);
const port = branded<Port>(u32);

/** Everything but `magic[32]` at 0 and `cmd_line[1024]` at {@link START_INFO_CMD_LINE}. All written by the builder. */
export const startInfo = struct("start_info", 0x490, {
  nr_pages: at(0x20, n64), //      pages the domain owns
  shared_info: at(0x28, n64), //   *machine* address of shared_info
  flags: at(0x30, u32), //         SIF_*
  store_mfn: at(0x38, mfn64), //   xenstore ring page
  store_evtchn: at(0x40, port),
  console_mfn: at(0x48, mfn64), // console.domU.mfn
  console_evtchn: at(0x50, port), // console.domU.evtchn
  pt_base: at(0x58, u64), //       virtual address of the L4
  nr_pt_frames: at(0x60, n64),
  mfn_list: at(0x68, u64), //      virtual address of the p2m list
  mod_start: at(0x70, u64), //     virtual address of the ramdisk, or its pfn with SIF_MOD_START_PFN
  mod_len: at(0x78, n64), //       bytes
  first_p2m_pfn: at(0x480, n64), // only with INIT_P2M
  nr_p2m_frames: at(0x488, n64),
});

/** `magic` of a 64-bit PV guest. */
export const START_INFO_MAGIC = "xen-3.0-x86_64";
export const START_INFO_CMD_LINE = 0x80;
/** `MAX_GUEST_CMDLINE`, the terminating NUL included. */
export const MAX_GUEST_CMDLINE = 1024;

/** `SIF_*` */
export const SIF = {
  PRIVILEGED: 1,
  INITDOMAIN: 2,
  MULTIBOOT_MOD: 4,
  MOD_START_PFN: 8,
  VIRT_P2M_4TOOLS: 0x10,
} as const;
