/** Grant tables: public/grant_table.h. Version 1 of the shared table is the only one here. */
import { at, s16, struct, u16, u32, u64 } from "../lib/struct.ts";

/** `grant_entry_v1`. [GST] written by the granting guest, [XEN] by Xen. */
export const grantEntryV1 = struct("grant_entry_v1", 8, {
  flags: at(0, u16), // GTF_* [XEN,GST]
  domid: at(2, u16), // whom access is granted to [GST]
  frame: at(4, u32), // what they may map: for a PV guest its machine frame [GST]
});
/** Entries in a page of the shared table. */
export const GRANTS_PER_FRAME = 512;

export const GNTTAB_NR_RESERVED_ENTRIES = 8;
export const GNTTAB_RESERVED_CONSOLE = 0;
export const GNTTAB_RESERVED_XENSTORE = 1;

export const GTF_invalid = 0;
export const GTF_permit_access = 1;
export const GTF_accept_transfer = 2;
export const GTF_transitive = 3;
export const GTF_type_mask = 3;
export const GTF_readonly = 1 << 2;
export const GTF_reading = 1 << 3;
export const GTF_writing = 1 << 4;
export const GTF_sub_page = 1 << 8;

export const GNTTABOP_map_grant_ref = 0;
export const GNTTABOP_unmap_grant_ref = 1;
export const GNTTABOP_setup_table = 2;
export const GNTTABOP_dump_table = 3;
export const GNTTABOP_transfer = 4;
export const GNTTABOP_copy = 5;
export const GNTTABOP_query_size = 6;
export const GNTTABOP_unmap_and_replace = 7;
export const GNTTABOP_set_version = 8;
export const GNTTABOP_get_status_frames = 9;
export const GNTTABOP_get_version = 10;
export const GNTTABOP_swap_grant_ref = 11;
export const GNTTABOP_cache_flush = 12;

export const gnttabMapGrantRef = struct("gnttab_map_grant_ref", 32, {
  hostAddr: at(0, u64),
  flags: at(8, u32), //  GNTMAP_*
  ref: at(12, u32),
  dom: at(16, u16),
  status: at(18, s16), // [OUT]
  handle: at(20, u32), // [OUT]
  devBusAddr: at(24, u64), // [OUT]
});
export const gnttabUnmapGrantRef = struct("gnttab_unmap_grant_ref", 24, {
  hostAddr: at(0, u64),
  devBusAddr: at(8, u64),
  handle: at(16, u32),
  status: at(20, s16), // [OUT]
});
/** Same places, but the second word is the address whose mapping takes this one's place. */
export const gnttabUnmapAndReplace = struct("gnttab_unmap_and_replace", 24, {
  hostAddr: at(0, u64),
  newAddr: at(8, u64),
  handle: at(16, u32),
  status: at(20, s16), // [OUT]
});
export const gnttabSetupTable = struct("gnttab_setup_table", 24, {
  dom: at(0, u16),
  nrFrames: at(4, u32),
  status: at(8, s16), // [OUT]
  frameList: at(16, u64),
});
export const gnttabTransfer = struct("gnttab_transfer", 24, {
  mfn: at(0, u64),
  domid: at(8, u16),
  ref: at(12, u32),
  status: at(16, s16), // [OUT]
});
export const gnttabCopy = struct("gnttab_copy", 40, {
  source: at(0, u64), //       grant reference (low half) or frame
  sourceDomid: at(8, u16),
  sourceOffset: at(10, u16),
  dest: at(16, u64),
  destDomid: at(24, u16),
  destOffset: at(26, u16),
  len: at(32, u16),
  flags: at(34, u16), //       GNTCOPY_*
  status: at(36, s16), //      [OUT]
});
export const GNTCOPY_source_gref = 1;
export const GNTCOPY_dest_gref = 2;
export const gnttabQuerySize = struct("gnttab_query_size", 16, {
  dom: at(0, u16),
  nrFrames: at(4, u32), //    [OUT]
  maxNrFrames: at(8, u32), // [OUT]
  status: at(12, s16), //     [OUT]
});
export const gnttabGetVersion = struct("gnttab_get_version", 8, {
  dom: at(0, u16),
  version: at(4, u32), // [OUT]
});
export const gnttabGetStatusFrames = struct("gnttab_get_status_frames", 16, {
  nrFrames: at(0, u32),
  dom: at(4, u16),
  status: at(6, s16), // [OUT]
  frameList: at(8, u64),
});
export const gnttabSwapGrantRef = struct("gnttab_swap_grant_ref", 12, {
  refA: at(0, u32),
  refB: at(4, u32),
  status: at(8, s16), // [OUT]
});

export const gnttabCacheFlush = struct("gnttab_cache_flush", 16, {
  devBusAddr: at(0, u64),
  offset: at(8, u16),
  length: at(10, u16),
  op: at(12, u32), // GNTTAB_CACHE_*
});
export const GNTTAB_CACHE_CLEAN = 1;
export const GNTTAB_CACHE_INVAL = 2;

export const GNTMAP_device_map = 1 << 0;
export const GNTMAP_host_map = 1 << 1;
export const GNTMAP_readonly = 1 << 2;
export const GNTMAP_application_map = 1 << 3;
export const GNTMAP_contains_pte = 1 << 4;
/** Flags from this bit on go into the entry's available bits. */
export const GNTMAP_guest_avail0 = 16;

export const GNTST = {
  okay: 0,
  general_error: -1,
  bad_domain: -2,
  bad_gntref: -3,
  bad_handle: -4,
  bad_virt_addr: -5,
  bad_dev_addr: -6,
  no_device_space: -7,
  permission_denied: -8,
  bad_page: -9,
  bad_copy_arg: -10,
  address_too_big: -11,
  eagain: -12,
  no_space: -13,
} as const;
export type GrantStatus = (typeof GNTST)[keyof typeof GNTST];
