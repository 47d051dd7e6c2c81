/** Mappings of others' grants that a domain has. */
import type { Domain } from "../../src/xen/domain/domain.ts";
import type { Mapping } from "../../src/xen/gnttab/grant-table.ts";

export function* users(domain: Domain): Generator<{ handle: number; mapping: Mapping }> {
  for (const [handle, mapping] of domain.grants.maptrack.entries())
    if (mapping !== undefined) yield { handle, mapping };
}
