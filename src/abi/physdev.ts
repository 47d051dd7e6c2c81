/** public/physdev.h: PHYSDEVOP_*. */
import { at, struct, u32 } from "../lib/struct.ts";

export const PHYSDEVOP_irq_status_query = 5;
export const PHYSDEVOP_set_iopl = 6;
export const PHYSDEVOP_set_iobitmap = 7;
export const PHYSDEVOP_eoi = 12;
export const PHYSDEVOP_pirq_eoi_gmfn_v1 = 17;
export const PHYSDEVOP_pirq_eoi_gmfn_v2 = 28;

export const physdevSetIopl = struct("physdev_set_iopl", 4, { iopl: at(0, u32) });
