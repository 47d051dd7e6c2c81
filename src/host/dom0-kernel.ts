/**
 * What dom0's kernel says of itself in xenstore as it comes up: like any Linux on Xen, that it can be shut down
 * (drivers/xen/manage.c). Who answers such a request: toolstack/dom0.ts.
 */
import type { XsClient } from "../xenstore/client/client.ts";

export function announceDom0(xs: XsClient): void {
  for (const feature of ["poweroff", "reboot", "suspend"]) {
    xs.write(`/local/domain/0/control/feature-${feature}`, "1");
  }
}
