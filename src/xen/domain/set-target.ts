/** XEN_DOMCTL_set_target: a stub domain gets the rights over the guest that it serves. */
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import type { Domain } from "./domain.ts";

/** EINVAL: the same domain, or one is served already. */
export function setTarget(domain: Domain, target: Domain): XenResult {
  if (domain === target || (domain.target !== undefined && domain.target !== target)) return refuse("EINVAL");
  domain.target = target;
  return done;
}

/** Nobody serves a domain that is gone: its id may come again. */
export function forgetTarget(domains: Iterable<Domain>, gone: Domain): void {
  for (const domain of domains) if (domain.target === gone) domain.target = undefined;
}
