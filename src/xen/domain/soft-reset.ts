/** XEN_DOMCTL_soft_reset. */
import type { XenResult } from "../../abi/errno.ts";
import { refuse } from "../../abi/errno.ts";
import { closeAllPorts } from "../evtchn/bind.ts";
import type { Machine } from "../machine.ts";
import { crashDomain } from "./crash.ts";
import type { Domain } from "./domain.ts";

/**
 * EINVAL: it has not shut down; or it is PV, for which Xen has no soft reset: it notices when the channels are closed
 * already, and crashes what is left.
 */
export function softReset(machine: Machine, domain: Domain): XenResult {
  if (domain.shutdown === undefined) return refuse("EINVAL");
  closeAllPorts(machine, domain);
  crashDomain(machine, domain, "a PV domain cannot be soft-reset");
  return refuse("EINVAL");
}
