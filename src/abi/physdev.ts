/** public/physdev.h: PHYSDEVOP_*. */
import { at, struct, u32 } from "../lib/struct.ts";

export const PHYSDEVOP_irq_status_query = 5;
export const PHYSDEVOP_set_iopl = 6;
export const PHYSDEVOP_set_iobitmap = 7;
export const PHYSDEVOP_apic_read = 8;
export const PHYSDEVOP_apic_write = 9;
export const PHYSDEVOP_alloc_irq_vector = 10;
export const PHYSDEVOP_eoi = 12;
export const PHYSDEVOP_map_pirq = 13;
export const PHYSDEVOP_unmap_pirq = 14;
export const PHYSDEVOP_manage_pci_add = 15;
export const PHYSDEVOP_manage_pci_remove = 16;
export const PHYSDEVOP_pirq_eoi_gmfn_v1 = 17;
export const PHYSDEVOP_setup_gsi = 21;
export const PHYSDEVOP_pci_mmcfg_reserved = 24;
export const PHYSDEVOP_pirq_eoi_gmfn_v2 = 28;
export const PHYSDEVOP_dbgp_op = 29;

export const physdevIrqStatusQuery = struct("physdev_irq_status_query", 8, {
  irq: at(0, u32),
  flags: at(4, u32), // [OUT] XENIRQSTAT_*
});
export const XENIRQSTAT_needs_eoi = 1;
export const physdevSetIopl = struct("physdev_set_iopl", 4, { iopl: at(0, u32) });

/** `struct physdev_op` of physdev_op_compat: u32 cmd, then a union of its arguments. */
export const PHYSDEV_OP_UNION = 8;
export const PHYSDEV_OP_SIZE = 24;
