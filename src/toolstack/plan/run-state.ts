/** `xl pause`, `xl unpause`: what libxl says when it cannot. xl itself then ends with status 0, and so does ours. */
import type { Domid } from "../../abi/types.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";

export function pauseDomain({ gate }: Dom0, domid: Domid): void {
  if (gate.domctl.pause(domid).ok) return;
  const text = "Pausing domain: No such process";
  throw new XlError(0, [libxlError("libxl_domain.c:587:libxl_domain_pause", domid, text)]);
}

export function unpauseDomain({ gate }: Dom0, domid: Domid): void {
  if (!gate.domctl.getInfo(domid).ok) {
    const text = `unable to get domain type for domid=${domid}`;
    throw new XlError(0, [libxlError("libxl_dom.c:37:libxl__domain_type", undefined, text)]);
  }
  if (gate.domctl.unpause(domid).ok) return;
  const text = "Unpausing domain: Invalid argument";
  throw new XlError(0, [libxlError("libxl_domain.c:688:domain_unpause_done", domid, text)]);
}
