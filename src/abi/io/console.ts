/** The PV console's ring page (public/io/console.h). Indices run freely; out is what the guest prints. */
import { at, struct, u32 } from "../../lib/struct.ts";

export const XENCONS_IN_SIZE = 1024;
export const XENCONS_OUT_SIZE = 2048;
/** Where the two rings lie in the page. */
export const XENCONS_IN_RING = 0;
export const XENCONS_OUT_RING = 0x400;

/** `xencons_interface` */
export const xenconsInterface = struct("xencons_interface", 4096, {
  in_cons: at(0xc00, u32), //  [GST]
  in_prod: at(0xc04, u32), //  [XEN] (the back end)
  out_cons: at(0xc08, u32), // [XEN]
  out_prod: at(0xc0c, u32), // [GST]
});

/** Entry of a domain's grant table that the builder seeds for the console back end (public/grant_table.h). */
export const GNTTAB_RESERVED_CONSOLE = 0;
