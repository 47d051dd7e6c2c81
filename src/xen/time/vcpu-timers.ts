/**
 * A vCPU's timers: the periodic tick (100 Hz at birth, only while it is on a pCPU, as Xen's), the single shot
 * (set_timer_op and VCPUOP_set_singleshot_timer share it), and the timeout of SCHEDOP_poll.
 */
import { VIRQ_TIMER } from "../../abi/xen.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Timer } from "../../lib/clock.ts";
import type { Vcpu } from "../domain/domain.ts";
import { sendGuestVcpuVirq } from "../evtchn/send.ts";
import type { Machine } from "../machine.ts";
import { localNanos } from "./virtual-time.ts";

export interface VcpuTimers {
  /** ns; 0 = off. */
  period: number;
  /** When the last periodic tick was due. */
  periodicLast: number;
  periodic: Timer | undefined;
  singleshot: Timer | undefined;
  poll: Timer | undefined;
  /** When `vcpu_time_info` was written last: microseconds of system time. */
  timeStamp: number;
  /** VCPUOP_register_vcpu_time_memory_area; 0 = none. */
  timeArea: bigint;
}

/** Xen's `pv_vcpu_initialise`: 10 ms. */
const BIRTH_PERIOD = 10_000_000;

export const createVcpuTimers = (type: "pv" | "pvh" | "hvm"): VcpuTimers => ({
  period: type === "pv" ? BIRTH_PERIOD : 0,
  periodicLast: 0,
  periodic: undefined,
  singleshot: undefined,
  poll: undefined,
  timeStamp: 0,
  timeArea: 0n,
});

export function setSingleshot(machine: Machine, vcpu: Vcpu, when: number): void {
  vcpu.timers.singleshot?.cancel();
  vcpu.timers.singleshot = machine.time.at(Nanos(when), () => {
    vcpu.timers.singleshot = undefined;
    sendGuestVcpuVirq(machine, vcpu, VIRQ_TIMER);
  });
}

export function stopSingleshot(vcpu: Vcpu): void {
  vcpu.timers.singleshot?.cancel();
  vcpu.timers.singleshot = undefined;
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

/** The vCPU leaves its pCPU. */
export function stopPeriodic(vcpu: Vcpu): void {
  vcpu.timers.periodic?.cancel();
  vcpu.timers.periodic = undefined;
}

export function stopAllTimers(vcpu: Vcpu): void {
  stopPeriodic(vcpu);
  stopSingleshot(vcpu);
  vcpu.timers.period = 0;
  vcpu.timers.poll?.cancel();
  vcpu.timers.poll = undefined;
}
