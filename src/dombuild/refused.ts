/** A call that the hypervisor refused while a domain was being built. Nothing of this is the user's fault. */
import { ERRNO, type Errno, type XenResult } from "../abi/errno.ts";
import { type BuildFault, buildFault, panic } from "./fault.ts";

/** The hypervisor refused a call: carried up to the one place that answers it. */
export class Refused extends Error {
  readonly fault: BuildFault;
  constructor(fault: BuildFault) {
    super(fault.why);
    this.fault = fault;
  }
}

/** The answer of a call that should not fail. */
export function must<T>(
  step: "boot-image" | "gnttab" | "build-image",
  call: string,
  result: XenResult<T>,
): T {
  if (result.ok) return result.value;
  throw new Refused(refusedCall(step, call, result.errno));
}

const refusedCall = (step: "boot-image" | "gnttab" | "build-image", call: string, errno: Errno): BuildFault =>
  buildFault(
    step,
    `the hypervisor refused to build the domain: ${call} failed with ${errno} (xl dmesg may say more)`,
    panic("xg_dom_boot.c:58", `${call} failed: ${ERRNO[errno]}`, "Internal error"),
    errno,
  );
