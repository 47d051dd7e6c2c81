/** memory_op: public/memory.h. Guest handles are 8-byte addresses. */
import { at, n64, struct, u16, u32, u64 } from "../lib/struct.ts";

export const XENMEM_increase_reservation = 0;
export const XENMEM_decrease_reservation = 1;
export const XENMEM_maximum_ram_page = 2;
export const XENMEM_current_reservation = 3;
export const XENMEM_maximum_reservation = 4;
export const XENMEM_machphys_mfn_list = 5;
export const XENMEM_populate_physmap = 6;
export const XENMEM_add_to_physmap = 7;
export const XENMEM_memory_map = 9;
export const XENMEM_machine_memory_map = 10;
export const XENMEM_exchange = 11;
export const XENMEM_machphys_mapping = 12;
export const XENMEM_set_memory_map = 13;
export const XENMEM_maximum_gpfn = 14;
export const XENMEM_remove_from_physmap = 15;
export const XENMEM_set_pod_target = 16;
export const XENMEM_get_pod_target = 17;
export const XENMEM_get_sharing_freed_pages = 18;
export const XENMEM_get_sharing_shared_pages = 19;
export const XENMEM_paging_op = 20;
export const XENMEM_access_op = 21;
export const XENMEM_sharing_op = 22;
export const XENMEM_add_to_physmap_batch = 23;
export const XENMEM_claim_pages = 24;
export const XENMEM_machphys_compat_mfn_list = 25;
export const XENMEM_get_vnumainfo = 26;
export const XENMEM_reserved_device_memory_map = 27;
export const XENMEM_acquire_resource = 28;

/** `cmd` carries the extent to go on from above these bits (MEMOP_EXTENT_SHIFT). */
export const MEMOP_EXTENT_SHIFT = 6;
export const MEMOP_CMD_MASK = 0x3f;

export const XENMEMF_populate_on_demand = 1 << 16;
export const XENMEMF_exact_node_request = 1 << 17;
export const XENMEMF_vnode = 1 << 18;

export const memoryReservation = struct("xen_memory_reservation", 32, {
  extentStart: at(0, u64), //  list of frame numbers [IN/OUT]
  nrExtents: at(8, n64),
  extentOrder: at(16, u32),
  memFlags: at(20, u32), //    XENMEMF_*
  domid: at(24, u16),
});

/** `in` at 0, `out` at 32, both reservations. */
export const memoryExchange = struct("xen_memory_exchange", 72, {
  nrExchanged: at(64, n64), // [IN: 0, OUT]
});
export const MEMORY_EXCHANGE_OUT = 32;

export const machphysMfnList = struct("xen_machphys_mfn_list", 24, {
  maxExtents: at(0, u32),
  extentStart: at(8, u64),
  nrExtents: at(16, u32), // [OUT]
});

export const machphysMapping = struct("xen_machphys_mapping", 24, {
  vStart: at(0, u64), // [OUT]
  vEnd: at(8, u64), //   [OUT]
  maxMfn: at(16, u64), // [OUT]
});

export const memoryMap = struct("xen_memory_map", 16, {
  nrEntries: at(0, u32), // [IN: room, OUT: filled]
  buffer: at(8, u64),
});

/** `struct e820entry`: 20 bytes, packed. */
export const E820_ENTRY_SIZE = 20;
export const E820_RAM = 1;
export const E820_RESERVED = 2;
export interface E820Entry {
  readonly addr: bigint;
  readonly size: bigint;
  readonly type: number;
}

export const podTarget = struct("xen_pod_target", 40, {
  targetPages: at(0, u64),
  domid: at(32, u16),
});
