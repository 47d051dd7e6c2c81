/** Exceptions, events and NMIs on their way into the guest kernel. */
import { CALLBACKTYPE_event, CALLBACKTYPE_nmi } from "../../abi/callback.ts";
import { vcpuInfo } from "../../abi/xen.ts";
import { crashDomain } from "../domain/crash.ts";
import type { Vcpu } from "../domain/domain.ts";
import { eventsNeedDelivery } from "../evtchn/send.ts";
import type { Machine } from "../machine.ts";
import { chargeWork } from "../time/cost-table.ts";
import { bounce, NO_ERROR_CODE } from "./bounce.ts";
import { hasErrorCode, TRAP_gp_fault, TRAP_page_fault, trapName } from "./registers.ts";

/** `pv_inject_event`: reflects vector `vector`. RIP is where the guest shall see it. */
export function inject(machine: Machine, vcpu: Vcpu, vector: number, errorCode: number): void {
  chargeWork(machine, "trap");
  const { traps } = vcpu;
  if (!traps.isSet(vector)) {
    const code = (errorCode & 0xffff).toString(16).padStart(4, "0");
    machine.log(`d${vcpu.domain.domid}v${vcpu.id} Unhandled: vec ${vector}, ${trapName(vector)}[${code}]`);
    crashDomain(machine, vcpu.domain, `the guest has no handler for ${trapName(vector)}`);
    return;
  }
  bounce(
    machine,
    vcpu,
    traps.low[vector] as number,
    traps.high[vector] as number,
    traps.masksEvents(vector),
    hasErrorCode(vector) ? errorCode : NO_ERROR_CODE,
  );
}

export const injectGp = (machine: Machine, vcpu: Vcpu, errorCode: number): void =>
  inject(machine, vcpu, TRAP_gp_fault, errorCode);

const PFEC_user_mode = 4;

/** A page fault: CR2 goes to vcpu_info, and the U bit says what the guest thinks, not what ring 3 thinks. */
export function injectPageFault(
  machine: Machine,
  vcpu: Vcpu,
  errorCode: number,
  vaLow: number,
  vaHigh: number,
): void {
  const { u32 } = machine.engine.mem;
  const cr2 = (vcpu.infoAddress + vcpuInfo.field.archCr2.offset) >>> 2;
  if (vcpu.infoAddress !== 0) {
    u32[cr2] = vaLow;
    u32[cr2 + 1] = vaHigh;
  }
  const code = vcpu.kernelMode ? errorCode & ~PFEC_user_mode : errorCode | PFEC_user_mode;
  inject(machine, vcpu, TRAP_page_fault, code);
}

/** Whatever waits for the vCPU before it goes back to the guest (`test_all_events`). */
export function deliverPending(machine: Machine, vcpu: Vcpu): void {
  const { callbacks } = vcpu;
  if (vcpu.nmiPending && !vcpu.nmiMasked && callbacks.isSet(CALLBACKTYPE_nmi)) {
    vcpu.nmiPending = false;
    vcpu.nmiMasked = true;
    chargeWork(machine, "trap");
    const low = callbacks.low[CALLBACKTYPE_nmi] as number;
    bounce(machine, vcpu, low, callbacks.high[CALLBACKTYPE_nmi] as number, true, NO_ERROR_CODE);
    return;
  }
  if (!eventsNeedDelivery(machine, vcpu)) return;
  chargeWork(machine, "upcall");
  const low = callbacks.low[CALLBACKTYPE_event] as number;
  bounce(machine, vcpu, low, callbacks.high[CALLBACKTYPE_event] as number, true, NO_ERROR_CODE);
}
