/** GNTTABOP_swap_grant_ref: two entries of one's own table change places. */
import { GNTST, type GrantStatus } from "../../abi/grant-table.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { writeAddressOf } from "../memory/slots.ts";
import { entryPlace } from "./grant-table.ts";

export function swapGrants(machine: Machine, domain: Domain, a: number, b: number): GrantStatus {
  const table = domain.grants;
  const placeA = entryPlace(table, a);
  const placeB = entryPlace(table, b);
  if (placeA === undefined || placeB === undefined) return GNTST.bad_gntref;
  if (a === b) return GNTST.okay;
  if (table.active.has(a) || table.active.has(b)) return GNTST.eagain;
  const atA = writeAddressOf(machine, placeA.mfn);
  const atB = writeAddressOf(machine, placeB.mfn);
  if (atA === 0 || atB === 0) return GNTST.general_error;
  const { mem } = machine.engine;
  const entryA = mem.view.getBigUint64(atA + placeA.offset, true);
  mem.view.setBigUint64(atA + placeA.offset, mem.view.getBigUint64(atB + placeB.offset, true), true);
  mem.view.setBigUint64(atB + placeB.offset, entryA, true);
  mem.noteWrite(placeA.mfn, placeA.offset, 8);
  mem.noteWrite(placeB.mfn, placeB.offset, 8);
  return GNTST.okay;
}
