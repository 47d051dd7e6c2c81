/** What a PV domain is built from. */
import type { Domid, Port } from "../abi/types.ts";
import type { ParsedKernel } from "./kernel.ts";
import type { Ramdisk } from "./ramdisk.ts";

export interface PvRequest {
  readonly kernel: ParsedKernel;
  readonly ramdisk?: Ramdisk;
  /** Cut after 1023 bytes, as libxc does. */
  readonly cmdline: string;
  /** The memory target; whole MiB count. */
  readonly memKib: number;
  /** Unbound ports of the domain, allocated before for whoever serves xenstore and console. */
  readonly storePort: Port;
  readonly consolePort: Port;
  /** Who serves them; default dom0. */
  readonly storeDomid?: Domid;
  readonly consoleDomid?: Domid;
}
