/** Arming a vCPU's timers: when they fire, it gets VIRQ_TIMER. */
import { VIRQ_TIMER } from "../../abi/xen.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Vcpu } from "../domain/domain.ts";
import { sendGuestVcpuVirq } from "../evtchn/send.ts";
import type { Machine } from "../machine.ts";
import { stopPeriodic } from "./vcpu-timers.ts";
import { localNanos } from "./virtual-time.ts";

export function setSingleshot(machine: Machine, vcpu: Vcpu, when: number): void {
  vcpu.timers.singleshot?.cancel();
  vcpu.timers.singleshot = machine.time.at(Nanos(when), () => {
    vcpu.timers.singleshot = undefined;
    sendGuestVcpuVirq(machine, vcpu, VIRQ_TIMER);
  });
}

/** 0 stops it. Takes effect at once if the vCPU is on a pCPU. */
export function setPeriodic(machine: Machine, vcpu: Vcpu, period: number): void {
  stopPeriodic(vcpu);
  vcpu.timers.period = period;
  vcpu.timers.periodicLast = localNanos(machine);
  if (vcpu.onCpu) periodicWork(machine, vcpu);
}

/** `vcpu_periodic_timer_work`: the vCPU comes onto a pCPU, or its tick is due. */
export function periodicWork(machine: Machine, vcpu: Vcpu): void {
  const { timers } = vcpu;
  if (timers.period === 0) return;
  const now = Math.max(localNanos(machine), machine.time.nanosOf(vcpu.readyAt));
  if (now - timers.periodicLast >= timers.period) {
    sendGuestVcpuVirq(machine, vcpu, VIRQ_TIMER);
    timers.periodicLast = now;
  }
  timers.periodic?.cancel();
  timers.periodic = machine.time.at(Nanos(timers.periodicLast + timers.period), () => {
    timers.periodic = undefined;
    periodicWork(machine, vcpu);
  });
}
