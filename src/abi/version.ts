/** public/version.h and features.h: XENVER_* and XENFEAT_*. */
import { at, struct, u32 } from "../lib/struct.ts";

export const XENVER_version = 0;
export const XENVER_extraversion = 1;
export const XENVER_compile_info = 2;
export const XENVER_capabilities = 3;
export const XENVER_changeset = 4;
export const XENVER_platform_parameters = 5;
export const XENVER_get_features = 6;
export const XENVER_pagesize = 7;
export const XENVER_guest_handle = 8;
export const XENVER_commandline = 9;
export const XENVER_build_id = 10;

/** Sizes of the character arrays that Xen fills. */
export const XENVER_EXTRAVERSION_LEN = 16;
export const XENVER_COMPILE_INFO = {
  compiler: [0, 64],
  compileBy: [64, 16],
  compileDomain: [80, 32],
  compileDate: [112, 32],
} as const;
export const XENVER_COMPILE_INFO_LEN = 144;
export const XENVER_CAPABILITIES_LEN = 1024;
export const XENVER_CHANGESET_LEN = 64;
export const XENVER_COMMANDLINE_LEN = 1024;

export const xenFeatureInfo = struct("xen_feature_info", 8, {
  submapIdx: at(0, u32),
  submap: at(4, u32), // OUT
});

export const XENFEAT_mmu_pt_update_preserve_ad = 5;
export const XENFEAT_highmem_assist = 6;
export const XENFEAT_gnttab_map_avail_bits = 7;
export const XENFEAT_dom0 = 11;
export const XENFEAT_memory_op_vnode_supported = 13;
export const XENFEAT_not_direct_mapped = 16;
