/** Xen's ELF notes (public/elfnote.h): what a kernel says about itself. Owner "Xen". */

/** `XEN_ELFNOTE_*` */
export const XEN_ELFNOTE = {
  INFO: 0,
  ENTRY: 1,
  HYPERCALL_PAGE: 2,
  VIRT_BASE: 3,
  PADDR_OFFSET: 4,
  XEN_VERSION: 5,
  GUEST_OS: 6,
  GUEST_VERSION: 7,
  LOADER: 8,
  PAE_MODE: 9,
  FEATURES: 10,
  BSD_SYMTAB: 11,
  HV_START_LOW: 12,
  L1_MFN_VALID: 13,
  SUSPEND_CANCEL: 14,
  INIT_P2M: 15,
  MOD_START_PFN: 16,
  SUPPORTED_FEATURES: 17,
  PHYS32_ENTRY: 18,
} as const;
export type XenElfnote = keyof typeof XEN_ELFNOTE;

/** The note's owner, NUL included in its name size. */
export const XEN_ELFNOTE_OWNER = "Xen";

/** Names that the FEATURES note may carry, with their `XENFEAT_*` bit (public/features.h; the list libelf knows). */
export const XEN_ELFNOTE_FEATURES: Readonly<Record<string, number>> = {
  writable_page_tables: 0,
  writable_descriptor_tables: 1,
  auto_translated_physmap: 2,
  supervisor_mode_kernel: 3,
  pae_pgdir_above_4gb: 4,
  hvm_callback_vector: 8,
  dom0: 11,
};
