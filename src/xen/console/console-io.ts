/** console_io: as in a release build of Xen, an unprivileged guest may not write to the hypervisor's console. */
import { minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";

/** console_io(cmd, count, buffer). dom0 writes through its Gate. */
export const doConsoleIo: Handler = () => minus("EPERM");
