/** Page-table updates of PV guests: the MMU part of public/xen.h, and the entry bits that a guest sees. */
import { at, struct, u32, u64 } from "../lib/struct.ts";

// ── mmu_update ──
/** `struct mmu_update`: the low two bits of `ptr` are the command. */
export const mmuUpdate = struct("mmu_update", 16, {
  ptr: at(0, u64), // machine address of the entry (of the frame, for MACHPHYS) [IN]
  val: at(8, u64), // [IN]
});
export const MMU_NORMAL_PT_UPDATE = 0;
export const MMU_MACHPHYS_UPDATE = 1;
export const MMU_PT_UPDATE_PRESERVE_AD = 2;
export const MMU_PT_UPDATE_NO_TRANSLATE = 3;
/** Set in `count` by Xen when it goes on with a call it had interrupted (private to Xen). */
export const MMU_UPDATE_PREEMPTED = 0x8000_0000;

// ── mmuext_op ──
export const mmuextOp = struct("mmuext_op", 24, {
  cmd: at(0, u32),
  arg1: at(8, u64), // mfn, or linear_addr [IN]
  arg2: at(16, u64), // nr_ents (u32), vcpumask or src_mfn [IN]
});
export const MMUEXT_PIN_L1_TABLE = 0;
export const MMUEXT_PIN_L2_TABLE = 1;
export const MMUEXT_PIN_L3_TABLE = 2;
export const MMUEXT_PIN_L4_TABLE = 3;
export const MMUEXT_UNPIN_TABLE = 4;
export const MMUEXT_NEW_BASEPTR = 5;
export const MMUEXT_TLB_FLUSH_LOCAL = 6;
export const MMUEXT_INVLPG_LOCAL = 7;
export const MMUEXT_TLB_FLUSH_MULTI = 8;
export const MMUEXT_INVLPG_MULTI = 9;
export const MMUEXT_TLB_FLUSH_ALL = 10;
export const MMUEXT_INVLPG_ALL = 11;
export const MMUEXT_FLUSH_CACHE = 12;
export const MMUEXT_SET_LDT = 13;
export const MMUEXT_NEW_USER_BASEPTR = 15;
export const MMUEXT_CLEAR_PAGE = 16;
export const MMUEXT_COPY_PAGE = 17;
export const MMUEXT_FLUSH_CACHE_GLOBAL = 18;
export const MMUEXT_MARK_SUPER = 19;
export const MMUEXT_UNMARK_SUPER = 20;

// ── update_va_mapping flags; above them, the address of a vCPU bitmap ──
export const UVMF_FLUSHTYPE_MASK = 3n;
export const UVMF_NONE = 0n;
export const UVMF_TLB_FLUSH = 1n;
export const UVMF_INVLPG = 2n;
export const UVMF_LOCAL = 0n;
export const UVMF_ALL = 4n;

// ── page-table entries: bits of the low word … ──
export const PTE_P = 0x001;
export const PTE_RW = 0x002;
export const PTE_US = 0x004;
export const PTE_PWT = 0x008;
export const PTE_PCD = 0x010;
export const PTE_A = 0x020;
export const PTE_D = 0x040;
/** PSE in L2 and L3, PAT in L1. */
export const PTE_PS = 0x080;
export const PTE_G = 0x100;
/** … and of the high word. */
export const PTE_HI_NX = 0x8000_0000;
/** `_PAGE_GUEST_KERNEL`, bit 52: the guest did not set U; Xen did. */
export const PTE_HI_GUEST_KERNEL = 0x0010_0000;
/** Frame bits in the high word: physical address bits 51:32. */
export const PTE_HI_FRAME = 0x000f_ffff;

/** L4 slots 256..271 are Xen's. */
export const FIRST_XEN_SLOT = 256;
export const LAST_XEN_SLOT = 271;
export const HYPERVISOR_VIRT_START = 0xffff_8000_0000_0000n;
export const HYPERVISOR_VIRT_END = 0xffff_8800_0000_0000n;
/** The read-only machine-to-physical table. */
export const MACH2PHYS_VIRT_START = 0xffff_8000_0000_0000n;
export const MACH2PHYS_VIRT_END = 0xffff_8040_0000_0000n;
/** Highest machine frame number that the table's range could hold. */
export const MACH2PHYS_MAX_MFN = 0x7_ffff_ffffn;
/** Entries of a GDT a guest may set: the pages above are Xen's (FIRST_RESERVED_GDT_ENTRY). */
export const MAX_GDT_ENTRIES = 14 * 512;
export const MAX_LDT_ENTRIES = 8192;
