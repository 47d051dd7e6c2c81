/** Who may act on whom, and whose frames a call names (`xsm_*` without a policy, `get_pg_owner`). */
import { ERRNO } from "../../abi/errno.ts";
import { DOMID_IO, DOMID_SELF, DOMID_XEN, type Domid } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";

/** XSM_TARGET: oneself, the domain that one serves, or anybody for a privileged domain. */
export const mayActOn = (caller: Domain, target: Domain): boolean =>
  caller === target || caller.target === target || caller.privileged;

/** A domain by id, DOMID_SELF included. */
export const domainByAnyId = (machine: Machine, caller: Domain, domid: number): Domain | undefined =>
  domid === DOMID_SELF ? caller : machine.domains.get(domid as Domid);

/**
 * Whose frames the "foreign domain" of an mmu call means: a domid, or -ESRCH, -EPERM. One's own id is no answer here:
 * DOMID_SELF says that.
 */
export function pageOwner(machine: Machine, caller: Domain, domid: number): number {
  if (domid === DOMID_SELF) return caller.domid;
  if (domid === caller.domid) return -ERRNO.ESRCH;
  if (domid === DOMID_IO || domid === DOMID_XEN) return caller.privileged ? domid : -ERRNO.EPERM;
  const domain = machine.domains.get(domid as Domid);
  if (domain === undefined) return -ERRNO.ESRCH;
  return mayActOn(caller, domain) ? domid : -ERRNO.EPERM;
}
