/**
 * Why a guest was refused, for the hypervisor's log: Xen's words, headed by the vCPU that asked. A guest cannot flood the log
 * (`__printk_ratelimit`): after a burst of ten, one line in five seconds of virtual time.
 */
import type { Machine } from "../machine.ts";

const NANOS_A_LINE = 5e9;
const BURST = 10;

interface Allowance {
  /** Virtual time saved up, in ns. */
  saved: number;
  last: number;
  suppressed: number;
}
const allowances = new WeakMap<Machine, Allowance>();

export function warn(machine: Machine, text: string): void {
  const { current } = machine;
  logForGuest(machine, current === undefined ? text : `d${current.domain.domid}v${current.id} ${text}`);
}

/** A line that a guest can cause as often as it likes. */
export function logForGuest(machine: Machine, line: string): void {
  let allowance = allowances.get(machine);
  if (allowance === undefined) {
    allowance = { saved: BURST * NANOS_A_LINE, last: 0, suppressed: 0 };
    allowances.set(machine, allowance);
  }
  const now = machine.clock.now();
  allowance.saved = Math.min(allowance.saved + now - allowance.last, BURST * NANOS_A_LINE);
  allowance.last = now;
  if (allowance.saved < NANOS_A_LINE) {
    allowance.suppressed++;
    return;
  }
  allowance.saved -= NANOS_A_LINE;
  if (allowance.suppressed > 0) machine.log(`printk: ${allowance.suppressed} messages suppressed.`);
  allowance.suppressed = 0;
  machine.log(line);
}

export const hex = (n: number): string => n.toString(16);

/** A 64-bit entry given as two halves. */
export const hex64 = (low: number, high: number): string =>
  (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");

/** `%05lx` of a frame number. */
export const hexMfn = (mfn: number): string => mfn.toString(16).padStart(5, "0");
