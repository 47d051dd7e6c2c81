/** public/xen.h: what every guest shares with Xen. Layouts for 64-bit guests. */
import { at, n64, struct, u8, u32, u64 } from "../lib/struct.ts";

// ── VIRQ_*: per vCPU (V), or one for the whole machine, bound by dom0 (G) ──
export const VIRQ_TIMER = 0; //     V
export const VIRQ_DEBUG = 1; //     V
export const VIRQ_CONSOLE = 2; //   G
export const VIRQ_DOM_EXC = 3; //   G
export const VIRQ_TBUF = 4; //      G
export const VIRQ_DEBUGGER = 6; //  G
export const VIRQ_XENOPROF = 7; //  V
export const VIRQ_CON_RING = 8; //  G
export const VIRQ_PCPU_STATE = 9; // G
export const VIRQ_MEM_EVENT = 10; // G
export const VIRQ_ARGO = 11; //     G, but any domain may bind it
export const VIRQ_ENOMEM = 12; //   G
export const VIRQ_XENPMU = 13; //   V
export const NR_VIRQS = 24;

// ── VMASST_* ──
export const VMASST_CMD_enable = 0;
export const VMASST_CMD_disable = 1;
export const VMASST_TYPE_4gb_segments = 0;
export const VMASST_TYPE_4gb_segments_notify = 1;
export const VMASST_TYPE_writable_pagetables = 2;
export const VMASST_TYPE_pae_extended_cr3 = 3;
export const VMASST_TYPE_architectural_iopl = 4;
export const VMASST_TYPE_runstate_update_flag = 5;
export const VMASST_TYPE_m2p_strict = 32;

// ── CONSOLEIO_* ──
export const CONSOLEIO_write = 0;
export const CONSOLEIO_read = 1;

/** `multicall_entry`: op and args [GST], result [XEN]. */
export const multicallEntry = struct("multicall_entry", 64, {
  op: at(0, u64),
  result: at(8, u64),
  arg0: at(16, u64),
  arg1: at(24, u64),
  arg2: at(32, u64),
  arg3: at(40, u64),
  arg4: at(48, u64),
  arg5: at(56, u64),
});

/**
 * `vcpu_time_info` [XEN]: ns = system_time + ((((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul) >> 32).
 * `version` is odd while Xen writes.
 */
export const vcpuTimeInfo = struct("vcpu_time_info", 32, {
  version: at(0, u32),
  tscTimestamp: at(8, n64),
  systemTime: at(16, n64), // ns since power-on
  tscToSystemMul: at(24, u32),
  tscShift: at(28, u8), // s8
  flags: at(29, u8), // bit 0: XEN_PVCLOCK_TSC_STABLE_BIT
});

/** `vcpu_info`: 64 bytes, in shared_info (vCPUs 0..31) or where VCPUOP_register_vcpu_info put it. */
export const vcpuInfo = struct("vcpu_info", 64, {
  evtchnUpcallPending: at(0, u8), // [XEN] sets, [GST] clears
  evtchnUpcallMask: at(1, u8), //    [GST]
  evtchnPendingSel: at(8, u64), //   [XEN] sets, [GST] clears
  archCr2: at(16, u64), //           [XEN] with a page fault's frame
});
/** Where `vcpu_time_info` lies in `vcpu_info`. */
export const VCPU_INFO_TIME = 32;
export const VCPU_INFO_SIZE = 64;

/** `shared_info`, 3136 bytes of its page. */
export const sharedInfo = struct("shared_info", 3136, {
  wcVersion: at(0xc00, u32), // odd while Xen writes
  wcSec: at(0xc04, u32), //     wall clock at system time 0: seconds since 1970
  wcNsec: at(0xc08, u32),
  wcSecHi: at(0xc0c, u32),
  archMaxPfn: at(0xc10, u64), // [GST]
  archPfnToMfnFrameListList: at(0xc18, u64), // [GST]
  archNmiReason: at(0xc20, u64),
  archP2mCr3: at(0xc28, u64), // [GST]
  archP2mVaddr: at(0xc30, u64), // [GST]
  archP2mGeneration: at(0xc38, u64), // [GST]
});
export const SHARED_INFO_VCPU_INFO = 0x000;
/** 4096 bits each. [XEN] sets pending, [GST] clears it; [GST] sets and clears mask. */
export const SHARED_INFO_EVTCHN_PENDING = 0x800;
export const SHARED_INFO_EVTCHN_MASK = 0xa00;
/** vCPUs whose vcpu_info has a place in shared_info. */
export const XEN_LEGACY_MAX_VCPUS = 32;
