/** `xl trigger`: a button or an interrupt of the domain's. A PV guest has but the NMI; xl's status stays 0. */
import type { Errno } from "../../abi/errno.ts";
import { SENDTRIGGER } from "../../abi/hypercall.ts";
import type { Domid } from "../../abi/types.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";

export type TriggerName = keyof typeof SENDTRIGGER | "s3resume" | "unknown";

const WORDS: Partial<Record<Errno, string>> = {
  EINVAL: "Invalid argument",
  ENOSYS: "Function not implemented",
  ESRCH: "No such process",
};

export function sendTrigger({ gate }: Dom0, domid: Domid, trigger: TriggerName, vcpu: number): void {
  if (trigger === "s3resume") {
    const text = `Send trigger 's3resume' failed, rc=-6`;
    throw new XlError(
      0,
      [libxlError("libxl_domain.c:2162:domain_s3_resume_done", domid, text)],
      "a PV guest does not sleep in ACPI's ways",
    );
  }
  const errno =
    trigger === "unknown" ? "EINVAL" : errnoOf(gate.domctl.sendTrigger(domid, SENDTRIGGER[trigger], vcpu));
  if (errno === undefined) return;
  const text = `Send trigger '${trigger}' failed: ${WORDS[errno] ?? errno}`;
  throw new XlError(
    0,
    [libxlError("libxl_domain.c:2207:libxl_send_trigger", domid, text)],
    errno === "ESRCH"
      ? `there is no domain ${domid}, or no vCPU ${vcpu} in it`
      : "a PV guest has but the nmi trigger",
  );
}

const errnoOf = (
  result: { readonly ok: true } | { readonly ok: false; readonly errno: Errno },
): Errno | undefined => (result.ok ? undefined : result.errno);
