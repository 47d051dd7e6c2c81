/** Who is meant by a domid. */
import { DOMID_SELF, type Domid } from "../../abi/types.ts";
import type { Machine } from "../machine.ts";
import type { Domain } from "./domain.ts";

/** `rcu_lock_domain_by_any_id`: live domains only; undefined is ESRCH. */
export function findDomain(machine: Machine, caller: Domain, domid: Domid): Domain | undefined {
  if (domid === DOMID_SELF) return caller;
  const domain = machine.domains.get(domid);
  return domain === undefined || domain.dying ? undefined : domain;
}
