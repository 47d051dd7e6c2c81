/**
 * What dom0's kernel does in xenstore: like any Linux on Xen it says that it can be shut down, and listens for that
 * (drivers/xen/manage.c). `xl shutdown 0` thus switches the machine off.
 */
import type { XsClient } from "../xenstore/client/client.ts";

const CONTROL = "/local/domain/0/control";
/** The words that end a machine: one that reboots begins anew with the next command. */
const ENDS = ["poweroff", "halt", "reboot"];

/** `powerOff`: at most once. */
export function startDom0Kernel(xs: XsClient, powerOff: () => void): void {
  for (const feature of ["poweroff", "reboot", "suspend"]) xs.write(`${CONTROL}/feature-${feature}`, "1");
  const watch = xs.watch(`${CONTROL}/shutdown`, () => {
    const asked = xs.read(`${CONTROL}/shutdown`);
    if (asked === undefined || asked === "") return;
    xs.write(`${CONTROL}/shutdown`, ""); // heard
    if (!ENDS.includes(asked)) return;
    watch.cancel();
    powerOff();
  });
}
