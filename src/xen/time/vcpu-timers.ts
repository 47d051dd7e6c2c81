/**
 * A vCPU's timers: the periodic tick (100 Hz at birth, only while it is on a pCPU, as Xen's), the single shot
 * (set_timer_op and VCPUOP_set_singleshot_timer share it), and the timeout of SCHEDOP_poll. timer-virq.ts arms them.
 */
import type { Timer } from "../../lib/clock.ts";
import type { Vcpu } from "../domain/domain.ts";

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

export function stopSingleshot(vcpu: Vcpu): void {
  vcpu.timers.singleshot?.cancel();
  vcpu.timers.singleshot = undefined;
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
