/** Domains by name and number, as libxl finds them: the name is what xenstore says. */
import { Domid } from "../abi/types.ts";
import type { Dom0 } from "./dom0.ts";

export const nameOf = ({ xs }: Dom0, domid: Domid): string | undefined =>
  xs.read(`/local/domain/${domid}/name`);

export function domidOf(dom0: Dom0, name: string): Domid | undefined {
  return dom0.gate.domctl.listInfo(Domid(0)).find((info) => nameOf(dom0, info.domid) === name)?.domid;
}

/** The path of its `/vm` entry. */
export const vmPathOf = ({ xs }: Dom0, domid: Domid): string | undefined =>
  xs.read(`/local/domain/${domid}/vm`);
